//! [`SchedulerAddress`]: where a cluster's scheduler listens.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use url::Url;

use crate::ClusterError;

/// The default port of Ballista's scheduler.
pub(crate) const DEFAULT_PORT: u16 = 50050;

/// A scheduler's host and port, written `df://HOST[:PORT]` as Ballista writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SchedulerAddress {
    host: String,
    port: u16,
}

impl SchedulerAddress {
    /// The scheduler of a host and port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// The address for gRPC and REST, which share a port.
    pub(crate) fn http(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// The same, encrypted.
    pub(crate) fn https(&self) -> String {
        format!("https://{}:{}", self.host, self.port)
    }
}

impl Display for SchedulerAddress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

impl FromStr for SchedulerAddress {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, ClusterError> {
        let invalid = |reason: &str| ClusterError::InvalidScheduler {
            text: text.to_string(),
            reason: reason.to_string(),
        };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if url.scheme() != "df" {
            return Err(invalid("its scheme is not df"));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| invalid("it names no host"))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || !url.username().is_empty() {
            return Err(invalid("it has more than a host and a port"));
        }
        Ok(Self::new(host, url.port().unwrap_or(DEFAULT_PORT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let address: SchedulerAddress = "df://10.0.0.7:50060".parse().unwrap();
        assert_eq!(address.to_string(), "df://10.0.0.7:50060");
        assert_eq!(address.http(), "http://10.0.0.7:50060");
        let address: SchedulerAddress = "df://[::1]".parse().unwrap();
        assert_eq!(address.http(), "http://[::1]:50050");
    }

    #[test]
    fn what_is_no_address_is_named_with_the_way_out() {
        for text in [
            "localhost:50050",
            "http://localhost:50050",
            "df://",
            "df://host:50050/x",
            "df://me@host",
        ] {
            let error = text.parse::<SchedulerAddress>().unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("df://HOST"),
                "{error}"
            );
        }
    }
}
