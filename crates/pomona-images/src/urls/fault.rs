//! [`ReadFault`]: why a URL has no bytes.

use std::net::IpAddr;

use super::hosts::OPTION;

/// Why one URL was not read. The URL itself stands beside it.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the message of a variant says what its fields are"
)]
pub enum ReadFault {
    /// It cannot be understood.
    #[error("{0}; a URL begins with s3://, file:///, http:// or https://")]
    NoUrl(String),
    /// It has a user name or a password.
    #[error("a user name or a password in a URL would end up in results and logs")]
    Credentials,
    /// Nobody has allowed what it names.
    #[error("{what} may not be read: add '{entry}' to {option} to allow it", option = OPTION)]
    NotAllowed { what: String, entry: String },
    /// An address of this machine or its network, of a host that nobody has named.
    #[error(
        "{host} has the address {address} of this machine or its network: add '{host}' to {option} \
         to allow it",
        option = OPTION
    )]
    PrivateAddress { host: String, address: IpAddr },
    /// An address of nothing that an image is read from.
    #[error(
        "{host} has the address {address}, which is link-local, of a metadata service or reserved, \
         and is never read"
    )]
    ForbiddenAddress { host: String, address: IpAddr },
    /// No connection, or one that broke.
    #[error("{0}")]
    Connection(String),
    /// The server has not answered in time.
    #[error("no answer within {0} s (pomona.url_timeout)")]
    TimedOut(u64),
    /// The server refuses.
    #[error("the server says {0}")]
    Status(String),
    /// One redirect after the other.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// More bytes than a value may have.
    #[error("more than {0} bytes (pomona.url_max_bytes)")]
    TooLarge(u64),
    /// There is no such object or file.
    #[error("not found")]
    NotFound,
    /// A store or the system refuses to read it.
    #[error("may not be read: {0}")]
    Forbidden(String),
    /// What a store or the system says.
    #[error("{0}")]
    Other(String),
}

impl ReadFault {
    /// Whether the same request may succeed when it is made again.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Connection(_) | Self::TimedOut(_) => true,
            // 408, 429 and every 5xx.
            Self::Status(status) => {
                status.starts_with('5') || status.starts_with("408") || status.starts_with("429")
            }
            _ => false,
        }
    }
}
