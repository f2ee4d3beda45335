//! The metadata service of an EC2 instance (IMDSv2) on loopback, with a role.
//!
//! The service exists on instances alone; this one answers the same paths, and like the real one
//! refuses whoever has no session token.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::s3_server::{ACCESS_KEY, SECRET_KEY};

const TOKEN: &str = "instance-session-token";
const ROLE: &str = "pomona-node";

/// A running service; it stops when this is dropped.
pub struct InstanceMetadata {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl InstanceMetadata {
    /// Starts a service on a free port, whose role has the key of the S3 server.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                // A client that hangs up early is no concern of the service.
                let _ = stream.and_then(answer);
            }
        });
        Ok(Self {
            address,
            stopped,
            thread: Some(thread),
        })
    }

    /// The URL of the service, for `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for InstanceMetadata {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // One more connection wakes the loop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut has_token = false;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        has_token |= line == format!("x-aws-ec2-metadata-token: {TOKEN}");
    }

    let path = request.split(' ').nth(1).unwrap_or_default();
    let credentials = "/latest/meta-data/iam/security-credentials/";
    let (status, body) = match path {
        "/latest/api/token" if request.starts_with("PUT ") => ("200 OK", TOKEN.to_string()),
        _ if !has_token => ("401 Unauthorized", String::new()),
        "/latest/meta-data/placement/region" => ("200 OK", "eu-west-3".to_string()),
        path if path == credentials => ("200 OK", ROLE.to_string()),
        path if path == format!("{credentials}{ROLE}") => (
            "200 OK",
            format!(
                r#"{{"Code":"Success","Type":"AWS-HMAC","LastUpdated":"2026-01-01T00:00:00Z","AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}","Token":"","Expiration":"2099-01-01T00:00:00Z"}}"#
            ),
        ),
        _ => ("404 Not Found", String::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
