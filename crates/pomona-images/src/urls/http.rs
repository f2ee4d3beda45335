//! Reads a URL of a web server, from addresses that may be connected to alone.
//!
//! Names are resolved by [`Filtered`], which hands on no address but those that the request may
//! reach, so that the address that was looked at is the one that is connected to, also when a name
//! has another address a moment later. Redirects are followed here, each as if a table had it. There
//! is no proxy: what a proxy connects to cannot be seen.

use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::time::{sleep, timeout};
use url::{Host, Url};

use super::addresses::Standing;
use super::fault::ReadFault;
use super::hosts::Reach;
use super::options::ReadOptions;

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The pause before the first repetition, which is doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause, also where a server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The bytes behind a URL. What may pass is tried again.
pub(crate) async fn read(url: Url, options: &ReadOptions) -> Result<Bytes, ReadFault> {
    let mut pause = FIRST_PAUSE;
    for attempt in 0.. {
        let seconds = options.timeout_seconds;
        let asked = match timeout(options.timeout(), follow(url.clone(), options)).await {
            Ok(asked) => asked,
            Err(_) => Err(Failure::from(ReadFault::TimedOut(seconds))),
        };
        let failure = match asked {
            Ok(bytes) => return Ok(bytes),
            Err(failure) => failure,
        };
        if attempt >= options.retries || !failure.fault.is_transient() {
            return Err(failure.fault);
        }
        sleep(failure.retry_after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
        pause *= 2;
    }
    unreachable!("attempts are counted until they are over")
}

/// A fault, and when the server wants to be asked again.
struct Failure {
    fault: ReadFault,
    retry_after: Option<Duration>,
}

impl From<ReadFault> for Failure {
    fn from(fault: ReadFault) -> Self {
        let retry_after = None;
        Self { fault, retry_after }
    }
}

/// One attempt, through all redirects.
async fn follow(mut url: Url, options: &ReadOptions) -> Result<Bytes, Failure> {
    for _ in 0..=MOST_REDIRECTS {
        if !["http", "https"].contains(&url.scheme()) {
            let reason = format!("a redirect leads to a URL of the kind {}", url.scheme());
            return Err(ReadFault::Other(reason).into());
        }
        let response = ask(&url, options).await?;
        let status = response.status();
        if status.is_redirection()
            && let Some(target) = response.headers().get(LOCATION)
        {
            let target = String::from_utf8_lossy(target.as_bytes());
            let joined = url.join(&target);
            url = joined.map_err(|e| ReadFault::Other(format!("a redirect to no URL: {e}")))?;
            continue;
        }
        if !status.is_success() {
            return Err(refusal(&response));
        }
        return Ok(body(response, options.max_bytes).await?);
    }
    Err(ReadFault::Redirects(MOST_REDIRECTS).into())
}

async fn ask(url: &Url, options: &ReadOptions) -> Result<Response, ReadFault> {
    let reach = options.hosts.reach(url)?;
    let host = url.host_str().unwrap_or_default();
    // A host that is an address is resolved by nobody.
    match url.host() {
        Some(Host::Ipv4(address)) => check(host, address.into(), reach)?,
        Some(Host::Ipv6(address)) => check(host, address.into(), reach)?,
        Some(Host::Domain(_)) | None => {}
    }
    let asked = client(reach)?.get(url.clone()).send().await;
    let response = asked.map_err(connection)?;
    // Nothing is read of an answer that came from elsewhere in spite of it all.
    if let Some(from) = response.remote_addr() {
        check(host, from.ip(), reach)?;
    }
    Ok(response)
}

/// Whether a host's address may be connected to.
fn check(host: &str, address: IpAddr, reach: Reach) -> Result<(), ReadFault> {
    let host = host.to_owned();
    match (Standing::of(address), reach) {
        (Standing::Public, _) | (Standing::Private, Reach::Named) => Ok(()),
        (Standing::Private, Reach::Public) => Err(ReadFault::PrivateAddress { host, address }),
        (Standing::Never, _) => Err(ReadFault::ForbiddenAddress { host, address }),
    }
}

fn refusal(response: &Response) -> Failure {
    let after = response.headers().get(RETRY_AFTER);
    let seconds = after.and_then(|after| after.to_str().ok()?.parse().ok());
    let fault = match response.status().as_u16() {
        404 | 410 => ReadFault::NotFound,
        _ => ReadFault::Status(response.status().to_string()),
    };
    Failure {
        fault,
        retry_after: seconds.map(Duration::from_secs),
    }
}

/// The body, of which no more is read than it may have.
async fn body(mut response: Response, most: u64) -> Result<Bytes, ReadFault> {
    let length = response.content_length();
    if length.is_some_and(|length| length > most) {
        return Err(ReadFault::TooLarge(most));
    }
    // A server may announce more than it sends.
    let expected = length.unwrap_or_default().min(1 << 20);
    let mut bytes = BytesMut::with_capacity(usize::try_from(expected).unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(connection)? {
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(ReadFault::TooLarge(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The error of the client, or the refusal of an address that it carries.
fn connection(error: reqwest::Error) -> ReadFault {
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut words = vec![];
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return check(&refused.host, refused.address, refused.reach)
                .err()
                .unwrap_or(ReadFault::NotFound);
        }
        words.push(inner.to_string());
        cause = inner.source();
    }
    // The outermost words of an HTTP client say nothing.
    let said = words.pop().unwrap_or_default();
    let is_whole = error.is_connect() || error.is_timeout();
    ReadFault::Connection(match is_whole {
        true => format!("it cannot be reached: {said}"),
        false => format!("the connection failed: {said}"),
    })
}

/// The client for a reach. Connections that are kept belong to one: those to private addresses are
/// not there for hosts that may have public ones alone.
fn client(reach: Reach) -> Result<&'static Client, ReadFault> {
    static PUBLIC: OnceLock<Client> = OnceLock::new();
    static NAMED: OnceLock<Client> = OnceLock::new();
    let cell = match reach {
        Reach::Public => &PUBLIC,
        Reach::Named => &NAMED,
    };
    if let Some(client) = cell.get() {
        return Ok(client);
    }
    let client = build(Filtered {
        reach,
        lookup: System,
    })?;
    Ok(cell.get_or_init(|| client))
}

fn build<L: Lookup>(resolver: Filtered<L>) -> Result<Client, ReadFault> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .connect_timeout(CONNECT)
        .user_agent(concat!("pomona/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(resolver)
        .build()
        .map_err(connection)
}

/// Finds the addresses of a name.
trait Lookup: Debug + Clone + Send + Sync + 'static {
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// As the operating system does.
#[derive(Debug, Clone)]
struct System;

impl Lookup for System {
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// Hands on those addresses of a name that may be connected to.
#[derive(Debug, Clone)]
struct Filtered<L> {
    reach: Reach,
    lookup: L,
}

/// All addresses of a host are refused; this is the first.
#[derive(Debug, thiserror::Error)]
#[error("{host} has the address {address}")]
struct Refused {
    host: String,
    address: IpAddr,
    reach: Reach,
}

impl<L: Lookup> Filtered<L> {
    async fn allowed(self, host: String) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let found = self.lookup.addresses(host.clone()).await?;
        let is_allowed = |address: &&SocketAddr| check(&host, address.ip(), self.reach).is_ok();
        let allowed: Vec<_> = found.iter().filter(is_allowed).copied().collect();
        match found.first() {
            Some(first) if allowed.is_empty() => Err(Box::new(Refused {
                host,
                address: first.ip(),
                reach: self.reach,
            })),
            _ => Ok(allowed),
        }
    }
}

impl<L: Lookup> Resolve for Filtered<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.clone().allowed(name.as_str().to_owned());
        Box::pin(async move { Ok(Box::new(allowed.await?.into_iter()) as Addrs) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers each time with the next list of addresses.
    #[derive(Debug, Clone)]
    struct Scripted {
        answers: &'static [&'static [&'static str]],
        asked: Arc<AtomicUsize>,
    }

    impl Lookup for Scripted {
        fn addresses(&self, _name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            let answer = self.answers[asked % self.answers.len()];
            let addresses = answer.iter().map(|text| {
                let address: IpAddr = text.parse().unwrap();
                SocketAddr::from((address, 0))
            });
            let addresses = addresses.collect();
            Box::pin(async move { Ok(addresses) })
        }
    }

    fn filtered(reach: Reach, answers: &'static [&'static [&'static str]]) -> Filtered<Scripted> {
        let asked = Arc::default();
        Filtered {
            reach,
            lookup: Scripted { answers, asked },
        }
    }

    async fn allowed(resolver: &Filtered<Scripted>) -> Result<Vec<String>, String> {
        let found = resolver.clone().allowed("a.org".to_owned()).await;
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.iter().map(|a| a.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_has_those_of_its_addresses_that_may_be_reached() {
        let mixed: &[&[&str]] = &[&["169.254.169.254", "127.0.0.1", "8.8.8.8"]];
        let public = filtered(Reach::Public, mixed);
        assert_eq!(allowed(&public).await.unwrap(), ["8.8.8.8"]);
        let named = filtered(Reach::Named, mixed);
        assert_eq!(allowed(&named).await.unwrap(), ["127.0.0.1", "8.8.8.8"]);
        for reach in [Reach::Public, Reach::Named] {
            let metadata = filtered(reach, &[&["::ffff:169.254.169.254", "fd00:ec2::254"]]);
            let refused = allowed(&metadata).await.unwrap_err();
            assert!(refused.contains("169.254.169.254"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_name_that_changes_its_address_is_looked_at_each_time() {
        let rebound = filtered(Reach::Public, &[&["8.8.8.8"], &["127.0.0.1"]]);
        assert_eq!(allowed(&rebound).await.unwrap(), ["8.8.8.8"]);
        assert!(allowed(&rebound).await.unwrap_err().contains("127.0.0.1"));
    }

    #[tokio::test]
    async fn a_client_connects_to_what_the_resolver_hands_on() {
        // A server that would answer, behind a name with its address.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = build(filtered(Reach::Public, &[&["127.0.0.1"]])).unwrap();
        let url = format!("http://a.org:{port}/");
        let error = connection(client.get(&url).send().await.unwrap_err());
        assert!(
            matches!(&error, ReadFault::PrivateAddress { host, .. } if host == "a.org"),
            "{error}"
        );
        let reached = timeout(Duration::from_millis(1), listener.accept()).await;
        assert!(reached.is_err(), "it has been connected to");
    }
}
