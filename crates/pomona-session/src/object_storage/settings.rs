//! The settings of the AWS CLI that object_store does not read, or reads otherwise.

use std::env;
use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};
use url::Url;

use crate::SessionError;

/// How long a request is repeated. Credentials are not renewed meanwhile, so object_store advises
/// to stay below five minutes.
const RETRY_TIMEOUT: Duration = Duration::from_secs(240);

/// The longest pause between two attempts: after an outage work goes on within that time.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Attempts at a request: as many as [`RETRY_TIMEOUT`] has room for. The ten of object_store are
/// used up within seconds, since its pauses are random from a tenth of a second on.
const MAX_ATTEMPTS: usize = 400;

/// How buckets are reached.
#[derive(Debug, Clone)]
pub(super) struct S3Settings {
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`.
    pub(super) endpoint: Option<Url>,
    /// `AWS_NO_SIGN_REQUEST` or `AWS_SKIP_SIGNATURE`: requests without a signature, for public
    /// buckets.
    pub(super) is_unsigned: bool,
    /// `AWS_REQUEST_PAYER=requester`: the account that reads pays for the requests.
    pub(super) requester_pays: bool,
    /// `AWS_MAX_ATTEMPTS`.
    pub(super) retry: RetryConfig,
}

impl S3Settings {
    /// # Errors
    /// [`SessionError::Setting`] for a value that its variable cannot have.
    pub(super) fn from_env() -> Result<Self, SessionError> {
        Self::from(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from(get: impl Fn(&'static str) -> Option<String>) -> Result<Self, SessionError> {
        let first =
            |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, get(name)?)));
        let endpoint = first(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
        let endpoint = endpoint.map(|(name, value)| endpoint_url(name, &value));
        let is_true = |name| match get(name).as_deref() {
            Some(value) if is_yes(value) => Ok(true),
            Some(value) if is_no(value) => Ok(false),
            Some(value) => Err(setting(name, value, "true or false")),
            None => Ok(false),
        };
        let requester_pays = match get("AWS_REQUEST_PAYER").as_deref() {
            Some("requester") => true,
            Some(value) if is_yes(value) => true,
            Some(value) if is_no(value) => false,
            Some(value) => return Err(setting("AWS_REQUEST_PAYER", value, "requester")),
            None => false,
        };
        let attempts = match get("AWS_MAX_ATTEMPTS") {
            None => MAX_ATTEMPTS,
            Some(value) => match value.parse() {
                Ok(attempts) if attempts > 0 => attempts,
                _ => return Err(setting("AWS_MAX_ATTEMPTS", &value, "a number from 1 on")),
            },
        };
        // The modes differ in how they pace attempts, which object_store does in one way.
        if let Some(mode) = get("AWS_RETRY_MODE")
            && !["legacy", "standard", "adaptive"].contains(&mode.as_str())
        {
            return Err(setting(
                "AWS_RETRY_MODE",
                &mode,
                "legacy, standard or adaptive",
            ));
        }
        Ok(Self {
            endpoint: endpoint.transpose()?,
            is_unsigned: is_true("AWS_NO_SIGN_REQUEST")? || is_true("AWS_SKIP_SIGNATURE")?,
            requester_pays,
            retry: RetryConfig {
                backoff: BackoffConfig {
                    max_backoff: MAX_BACKOFF,
                    ..BackoffConfig::default()
                },
                max_retries: attempts - 1,
                retry_timeout: RETRY_TIMEOUT,
            },
        })
    }
}

pub(super) fn is_yes(value: &str) -> bool {
    ["1", "true", "yes", "on", "y"].contains(&value.to_ascii_lowercase().as_str())
}

fn is_no(value: &str) -> bool {
    ["0", "false", "no", "off", "n"].contains(&value.to_ascii_lowercase().as_str())
}

/// object_store panics on an endpoint that is no URL.
fn endpoint_url(name: &'static str, value: &str) -> Result<Url, SessionError> {
    let url = Url::parse(value).ok();
    let is_web = |url: &Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
    url.filter(is_web)
        .ok_or_else(|| setting(name, value, "a URL such as http://127.0.0.1:9000"))
}

fn setting(name: &'static str, value: &str, expected: &'static str) -> SessionError {
    SessionError::Setting {
        name,
        value: value.to_string(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &'static str, value: &str) -> Result<S3Settings, SessionError> {
        S3Settings::from(|asked| (asked == name).then(|| value.to_string()))
    }

    #[test]
    fn an_endpoint_is_a_url() {
        for value in [
            "127.0.0.1:9000",
            "localhost:9000",
            "minio",
            "ftp://host",
            "http://",
        ] {
            let error = settings("AWS_ENDPOINT_URL", value).unwrap_err().to_string();
            assert!(
                error.contains(value) && error.contains("AWS_ENDPOINT_URL"),
                "{error}"
            );
        }
        let endpoint = settings("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/");
        assert_eq!(endpoint.unwrap().endpoint.unwrap().port(), Some(9000));
    }

    #[test]
    fn settings_have_the_values_that_other_tools_take() {
        assert!(settings("AWS_NO_SIGN_REQUEST", "YES").unwrap().is_unsigned);
        assert!(settings("AWS_SKIP_SIGNATURE", "true").unwrap().is_unsigned);
        assert!(
            settings("AWS_REQUEST_PAYER", "requester")
                .unwrap()
                .requester_pays
        );
        assert!(settings("AWS_REQUEST_PAYER", "me").is_err());
        assert_eq!(
            settings("AWS_MAX_ATTEMPTS", "3").unwrap().retry.max_retries,
            2
        );
        assert!(settings("AWS_MAX_ATTEMPTS", "0").is_err());
        assert!(settings("AWS_RETRY_MODE", "standard").is_ok());
        assert!(settings("AWS_RETRY_MODE", "never").is_err());
        let default = settings("", "").unwrap();
        assert!(!default.is_unsigned && default.endpoint.is_none());
    }
}
