//! A real cluster on loopback: the binary's own scheduler and executors.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;

pub use crate::cluster_options::{ClusterOptions, SHORT_TIMEOUT_SECONDS, pomona_binary};
use crate::patience::PATIENCE;
use crate::ports::free_port;

/// Everything here is ready within this, or something is wrong.
const LIMIT: Duration = PATIENCE;

const PAUSE: Duration = Duration::from_millis(20);

/// A scheduler and its executors; they end when this is dropped.
pub struct Cluster {
    options: ClusterOptions,
    folder: TempDir,
    address: SocketAddr,
    scheduler: Child,
    executors: Vec<Option<Child>>,
    /// Where each executor serves its results, its probes and its metrics.
    executor_addresses: Vec<SocketAddr>,
}

impl Cluster {
    /// Starts a scheduler and executors, and waits until the scheduler knows them all.
    ///
    /// # Errors
    /// When a process does not become ready; the error holds its log.
    pub fn start(options: ClusterOptions) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (scheduler, address) = start_scheduler(&options, folder.path(), free_port()?)?;
        let mut cluster = Self {
            options,
            folder,
            address,
            scheduler,
            executors: vec![],
            executor_addresses: vec![],
        };
        for _ in 0..cluster.options.executors {
            cluster.add_executor()?;
        }
        cluster.wait_for_start()?;
        Ok(cluster)
    }

    /// Where the scheduler listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where an executor serves its results, its probes and its metrics.
    pub fn executor_address(&self, number: usize) -> SocketAddr {
        self.executor_addresses[number]
    }

    /// The scheduler's URL.
    pub fn url(&self) -> String {
        format!("df://{}", self.address)
    }

    /// Starts one more executor, and gives its number. The scheduler learns of it a little later.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn add_executor(&mut self) -> io::Result<usize> {
        let number = self.executors.len();
        let port = free_port()?;
        let grpc_port = free_port()?;
        let arguments = [
            "executor".to_string(),
            format!("--bind-port={port}"),
            format!("--bind-grpc-port={grpc_port}"),
            "--external-host=127.0.0.1".to_string(),
            "--scheduler-host=127.0.0.1".to_string(),
            format!("--scheduler-port={}", self.address.port()),
            format!("--vcores={}", self.options.slots),
            format!("--work-dir={}", self.work_dir(number).display()),
            "--memory-pool-size=1g".to_string(),
            "--executor-heartbeat-interval-seconds=1".to_string(),
        ];
        let log = self.folder.path().join(format!("executor-{number}.log"));
        self.executors
            .push(Some(spawn(&self.options, &arguments, &log)?));
        self.executor_addresses
            .push(SocketAddr::from(([127, 0, 0, 1], port)));
        Ok(number)
    }

    /// The folder in which an executor keeps results between stages.
    pub fn work_dir(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("work-{number}"))
    }

    /// Kills an executor as `kill -9` does.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_executor(&mut self, number: usize) -> io::Result<()> {
        kill(self.executors[number].take())
    }

    /// The process of an executor.
    pub fn executor_pid(&self, number: usize) -> Option<u32> {
        self.executors[number].as_ref().map(Child::id)
    }

    /// Waits for an executor to end by itself, and gives whether it said that all is well.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn executor_ended(&mut self, number: usize) -> io::Result<bool> {
        let Some(mut executor) = self.executors[number].take() else {
            return Err(io::Error::other("the executor does not run"));
        };
        let mut status = None;
        let ended = until(|| {
            status = executor.try_wait()?;
            Ok(status.is_some())
        });
        if ended.is_err() {
            kill(Some(executor))?;
        }
        ended?;
        Ok(status.is_some_and(|status| status.success()))
    }

    /// Kills the scheduler as `kill -9` does.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill_scheduler(&mut self) -> io::Result<()> {
        self.scheduler.kill()?;
        self.scheduler.wait().map(drop)
    }

    /// The scheduler's process.
    pub fn scheduler_pid(&self) -> u32 {
        self.scheduler.id()
    }

    /// Starts a killed scheduler again on the same port.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart_scheduler(&mut self) -> io::Result<()> {
        let port = self.address.port();
        let (scheduler, address) = start_scheduler(&self.options, self.folder.path(), port)?;
        self.scheduler = scheduler;
        self.address = address;
        Ok(())
    }

    /// Waits until the scheduler knows all executors. One that cannot start is an error at once.
    fn wait_for_start(&mut self) -> io::Result<()> {
        let count = self.executors.len();
        let start = Instant::now();
        while self.known_executors() != count {
            let mut running = self.executors.iter_mut().flatten();
            let ended = running.any(|executor| !matches!(executor.try_wait(), Ok(None)));
            if ended || start.elapsed() > LIMIT {
                let what = if ended {
                    "an executor ended"
                } else {
                    "not ready"
                };
                return Err(io::Error::other(format!("{what}\n{}", self.logs())));
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    fn known_executors(&self) -> usize {
        if !self.options.tls.is_empty() {
            let log = self.log("scheduler");
            return log.matches("Received register executor request").count();
        }
        let executors = self.get("/api/executors").unwrap_or_default();
        executors.matches("\"host\"").count()
    }

    /// Waits until the scheduler knows exactly so many executors.
    ///
    /// # Errors
    /// When that does not happen in time; the error holds the logs.
    pub fn wait_for_executors(&self, count: usize) -> io::Result<()> {
        let known = until(|| Ok(self.known_executors() == count));
        known.map_err(|error| io::Error::other(format!("{error}\n{}", self.logs())))
    }

    /// What the scheduler's REST API answers.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn get(&self, path: &str) -> io::Result<String> {
        let mut connection = TcpStream::connect(self.address)?;
        connection.set_read_timeout(Some(LIMIT))?;
        write!(
            connection,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        Ok(body.unwrap_or_default().to_string())
    }

    /// The jobs that the scheduler knows, each with its status.
    ///
    /// # Errors
    /// When it does not answer as it should.
    pub fn jobs(&self) -> io::Result<Vec<(String, String)>> {
        let jobs: Vec<Job> = serde_json::from_str(&self.get("/api/jobs")?)?;
        Ok(jobs
            .into_iter()
            .map(|job| (job.job_id, job.status))
            .collect())
    }

    /// Waits until a job is in this state, and gives its name.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub fn wait_for_job(&self, state: &str) -> io::Result<String> {
        let mut found = String::new();
        until(|| {
            let job = self.jobs()?.into_iter().find(|(_, is)| is == state);
            found = job.map(|(job, _)| job).unwrap_or_default();
            Ok(!found.is_empty())
        })?;
        Ok(found)
    }

    /// The log of one process: `scheduler`, `executor-0` and so on.
    pub fn log(&self, process: &str) -> String {
        let log = self.folder.path().join(format!("{process}.log"));
        fs::read_to_string(log).unwrap_or_default()
    }

    /// The logs of all processes.
    pub fn logs(&self) -> String {
        let mut logs = String::new();
        for entry in fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "log")
            {
                let log = fs::read_to_string(entry.path()).unwrap_or_default();
                logs.push_str(&format!("--- {}\n{log}", entry.path().display()));
            }
        }
        logs
    }
}

/// The fields of a job in the REST API that tests read.
#[derive(Deserialize)]
struct Job {
    job_id: String,
    status: String,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for executor in &mut self.executors {
            let _ = kill(executor.take());
        }
        let _ = self.kill_scheduler();
    }
}

fn start_scheduler(
    options: &ClusterOptions,
    folder: &Path,
    port: u16,
) -> io::Result<(Child, SocketAddr)> {
    let log = folder.join("scheduler.log");
    let before = fs::read_to_string(&log).unwrap_or_default().len();
    let mut arguments = vec![
        "scheduler".to_string(),
        format!("--bind-port={port}"),
        format!("--executor-timeout-seconds={}", options.timeout_seconds),
        "--expire-dead-executor-interval-seconds=1".to_string(),
    ];
    arguments.extend(options.scheduler.iter().cloned());
    let mut scheduler = spawn(options, &arguments, &log)?;
    let mut address = None;
    let ready = until(|| {
        let text = fs::read_to_string(&log)?;
        let listens = text[before..].split("listens on df://").nth(1);
        address = listens
            .and_then(|rest| rest.lines().next())
            .and_then(|address| address.parse().ok());
        Ok(address.is_some() || scheduler.try_wait()?.is_some())
    });
    match (ready, address) {
        (Ok(()), Some(address)) => Ok((scheduler, address)),
        _ => {
            let _ = kill(Some(scheduler));
            let text = fs::read_to_string(&log)?;
            Err(io::Error::other(format!(
                "the scheduler does not listen:\n{text}"
            )))
        }
    }
}

fn spawn(options: &ClusterOptions, arguments: &[String], log: &Path) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    Command::new(&options.binary)
        .args(arguments)
        .args(&options.tls)
        .env("RUST_LOG", "info")
        .envs(
            options
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn kill(process: Option<Child>) -> io::Result<()> {
    let mut process = process.ok_or_else(|| io::Error::other("the process does not run"))?;
    process.kill()?;
    process.wait().map(drop)
}

/// Waits until the condition holds.
fn until(mut condition: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > LIMIT {
            return Err(io::Error::other(format!("not ready after {LIMIT:?}")));
        }
        sleep(PAUSE);
    }
    Ok(())
}
