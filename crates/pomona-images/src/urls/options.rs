//! [`ReadOptions`]: how URLs are read.

use std::num::NonZeroUsize;
use std::time::Duration;

use datafusion::config::ConfigOptions;
use serde::{Deserialize, Serialize};

use super::hosts::{AllowedHosts, OPTION};
use crate::error::ImagesError;

/// The largest `pomona.url_max_bytes`: a batch has less than 2 GiB of content.
const MOST_BYTES: u64 = 1 << 30;

/// How URLs are read: the options `pomona.url_*` of a session. Plain values, which travel with the
/// operators that read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// What URLs may name.
    pub hosts: AllowedHosts,
    /// How long a server has to answer with all bytes, in seconds.
    pub timeout_seconds: u64,
    /// How many times a request is made again.
    pub retries: u64,
    /// The most bytes that a URL may have.
    pub max_bytes: u64,
    /// URLs that a partition reads at once.
    pub concurrency: NonZeroUsize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            hosts: AllowedHosts::default(),
            timeout_seconds: 30,
            retries: 2,
            max_bytes: 50_000_000,
            concurrency: NonZeroUsize::new(32).expect("32 is not zero"),
        }
    }
}

impl ReadOptions {
    /// The options of a session; the defaults of those that it does not know.
    ///
    /// They are read by their names, because the extension that holds them belongs to a crate that
    /// knows nothing of images.
    ///
    /// # Errors
    /// [`ImagesError::InvalidUrlOption`] if an option has a value that cannot be used.
    pub fn of(config: &ConfigOptions) -> Result<Self, ImagesError> {
        let mut this = Self::default();
        for entry in config.entries() {
            let Some(value) = &entry.value else { continue };
            match entry.key.as_str() {
                OPTION => this.hosts = AllowedHosts::parse(value)?,
                "pomona.url_timeout" => {
                    this.timeout_seconds = number(
                        "pomona.url_timeout",
                        value,
                        1..=86_400,
                        "1 to 86400 seconds",
                    )?;
                }
                "pomona.url_retries" => {
                    this.retries = number("pomona.url_retries", value, 0..=100, "0 to 100")?;
                }
                "pomona.url_max_bytes" => {
                    let most = 1..=MOST_BYTES;
                    this.max_bytes =
                        number("pomona.url_max_bytes", value, most, "1 byte to 1 GiB")?;
                }
                "pomona.url_concurrency" => {
                    let name = "pomona.url_concurrency";
                    let count = number(name, value, 1..=10_000, "1 to 10000")?;
                    let count = usize::try_from(count).ok().and_then(NonZeroUsize::new);
                    this.concurrency = count.expect("it is between 1 and 10000");
                }
                _ => {}
            }
        }
        Ok(this)
    }

    /// How long one request may take.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

fn number(
    name: &'static str,
    value: &str,
    range: std::ops::RangeInclusive<u64>,
    expected: &'static str,
) -> Result<u64, ImagesError> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| ImagesError::InvalidUrlOption {
        name,
        value: value.to_owned(),
        expected,
    })
}
