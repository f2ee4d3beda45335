//! [`AllowedHosts`]: `pomona.url_hosts`, the hosts, buckets and folders that URLs may name.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::fault::ReadFault;
use crate::error::ImagesError;
use crate::matching::is_image_name;

/// The option's name.
pub(crate) const OPTION: &str = "pomona.url_hosts";

/// What URLs of a table may name.
///
/// The text is a list with commas: `images.example.com`, `*.example.com` (hosts below it),
/// `10.0.0.7:8080`, `s3://bucket`, `file:///data/`, and `*`: every public host, every bucket, and
/// local files that are images by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedHosts {
    /// `*` is among the entries.
    is_any: bool,
    hosts: Vec<HostEntry>,
    buckets: Vec<String>,
    folders: Vec<PathBuf>,
}

/// A host, or the hosts below a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct HostEntry {
    /// As `url` writes hosts: in lower case, IPv6 addresses in brackets.
    host: String,
    /// Whether it stands for the hosts below it and not for itself.
    is_domain: bool,
    /// Any port where there is none.
    port: Option<u16>,
}

/// How far a request may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// Public addresses.
    Public,
    /// Private ones too: a person has named this very host.
    Named,
}

impl Default for AllowedHosts {
    fn default() -> Self {
        Self {
            is_any: true,
            hosts: vec![],
            buckets: vec![],
            folders: vec![],
        }
    }
}

impl AllowedHosts {
    /// Reads the option's text.
    ///
    /// # Errors
    /// [`ImagesError::InvalidUrlOption`] with the first entry that is none.
    pub fn parse(text: &str) -> Result<Self, ImagesError> {
        let mut this = Self {
            is_any: false,
            ..Self::default()
        };
        for entry in text.split(',').map(str::trim).filter(|e| !e.is_empty()) {
            let invalid = || ImagesError::InvalidUrlOption {
                name: OPTION,
                value: entry.to_owned(),
                expected: "a list of hosts such as 'images.example.com', '*.example.com' or \
                           '10.0.0.7:8080', buckets such as 's3://bucket', folders such as \
                           'file:///data/', or '*'",
            };
            if entry == "*" {
                this.is_any = true;
            } else if let Some(bucket) = entry.strip_prefix("s3://") {
                let bucket = bucket.trim_end_matches('/');
                this.buckets.push(bucket_name(bucket).ok_or_else(invalid)?);
            } else if let Some(folder) = entry.strip_prefix("file://") {
                if !folder.starts_with('/') {
                    return Err(invalid());
                }
                this.folders.push(PathBuf::from(folder));
            } else {
                this.hosts
                    .push(HostEntry::parse(entry).ok_or_else(invalid)?);
            }
        }
        Ok(this)
    }

    /// How far a request to an HTTP URL may reach.
    pub(crate) fn reach(&self, url: &Url) -> Result<Reach, ReadFault> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ReadFault::Credentials);
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host);
        let port = url.port_or_known_default();
        let mut entries = self.hosts.iter().filter(|entry| entry.has(host, port));
        if entries.clone().any(|entry| !entry.is_domain) {
            Ok(Reach::Named)
        } else if self.is_any || entries.next().is_some() {
            Ok(Reach::Public)
        } else {
            Err(ReadFault::NotAllowed {
                what: format!("the host {host}"),
                entry: host.to_owned(),
            })
        }
    }

    /// Whether objects of a bucket may be read.
    pub(crate) fn check_bucket(&self, bucket: &str) -> Result<(), ReadFault> {
        if bucket_name(bucket).is_none() {
            return Err(ReadFault::NoUrl(format!(
                "'{bucket}' is no name of a bucket"
            )));
        }
        match self.is_any || self.buckets.iter().any(|allowed| allowed == bucket) {
            true => Ok(()),
            false => Err(ReadFault::NotAllowed {
                what: format!("the bucket {bucket}"),
                entry: format!("s3://{bucket}"),
            }),
        }
    }

    /// Whether a local file may be read, given its path with or without its links resolved.
    pub(crate) fn check_file(&self, file: &Path) -> Result<(), ReadFault> {
        let is_image = self.is_any && file.to_str().is_some_and(is_image_name);
        let is_below = |folder: &PathBuf| {
            file.starts_with(folder) || folder.canonicalize().is_ok_and(|f| file.starts_with(f))
        };
        if is_image || self.folders.iter().any(is_below) {
            return Ok(());
        }
        let folder = file.parent().unwrap_or(file);
        Err(ReadFault::NotAllowed {
            what: match self.is_any {
                true => format!(
                    "the file {}, which is no image by its name,",
                    file.display()
                ),
                false => format!("the file {}", file.display()),
            },
            entry: format!("file://{}/", folder.display()),
        })
    }
}

impl HostEntry {
    fn parse(entry: &str) -> Option<Self> {
        let (is_domain, entry) = match entry.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, entry),
        };
        if entry.contains(['/', '@', '?', '#', '*', ' ']) {
            return None;
        }
        // `url` reads hosts of FTP as it reads those of HTTP, and keeps the port 80.
        let url = Url::parse(&format!("ftp://{entry}/")).ok()?;
        if is_domain && !matches!(url.host(), Some(Host::Domain(_))) {
            return None;
        }
        let host = url.host_str()?;
        Some(Self {
            host: host.strip_suffix('.').unwrap_or(host).to_owned(),
            is_domain,
            port: url.port(),
        })
    }

    fn has(&self, host: &str, port: Option<u16>) -> bool {
        let is_host = match self.is_domain {
            true => host
                .strip_suffix(&self.host)
                .is_some_and(|below| below.ends_with('.')),
            false => host == self.host,
        };
        is_host && (self.port.is_none() || self.port == port)
    }
}

/// A bucket's name, which becomes part of a host or a path: letters, digits, dots, dashes and
/// underscores, as the oldest buckets have them.
fn bucket_name(bucket: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_name = (3..=255).contains(&bucket.len())
        && bucket.chars().all(is_plain)
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !bucket.contains("..");
    is_name.then(|| bucket.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(hosts: &str, url: &str) -> Result<Reach, ReadFault> {
        let hosts = AllowedHosts::parse(hosts).unwrap();
        hosts.reach(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_host_is_reached_by_its_name_its_domain_or_the_star() {
        use Reach::{Named, Public};
        for (hosts, url, expected) in [
            ("*", "https://a.example.com/x", Some(Public)),
            ("a.example.com", "https://A.Example.com/x", Some(Named)),
            ("A.EXAMPLE.COM.", "https://a.example.com./x", Some(Named)),
            ("*.example.com", "https://a.example.com/x", Some(Public)),
            ("*.example.com", "https://a.b.example.com/x", Some(Public)),
            ("*.example.com", "https://example.com/x", None),
            ("*.example.com", "https://badexample.com/x", None),
            ("example.com", "https://a.example.com/x", None),
            (
                "b.org, a.example.com",
                "http://a.example.com/x",
                Some(Named),
            ),
            ("a.org:8080", "http://a.org:8080/x", Some(Named)),
            ("a.org:8080", "http://a.org/x", None),
            ("a.org:80", "http://a.org/x", Some(Named)),
            ("a.org:443", "https://a.org/x", Some(Named)),
            ("127.0.0.1", "http://2130706433/x", Some(Named)),
            ("127.0.0.1", "http://0x7f.1/x", Some(Named)),
            ("127.0.0.1", "http://0177.0.0.1/x", Some(Named)),
            ("[::1]:80", "http://[0:0::1]/x", Some(Named)),
            ("s3://bucket", "http://bucket/x", None),
            ("", "https://a.example.com/x", None),
        ] {
            assert_eq!(reach(hosts, url).ok(), expected, "{hosts} {url}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_not_repeated() {
        for url in ["http://u:secret@a.org/", "http://secret@a.org/"] {
            let fault = reach("*, a.org", url).unwrap_err();
            assert!(matches!(fault, ReadFault::Credentials));
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
        // What stands before the @ is no host.
        let fault = reach("a.org", "http://a.org@b.org/").unwrap_err();
        assert!(matches!(fault, ReadFault::Credentials));
    }

    #[test]
    fn an_entry_that_is_none_is_named() {
        for entry in [
            "http://a.org",
            "a.org/path",
            "u@a.org",
            "*.10.0.0.1",
            "a.*.org",
            "s3://",
            "s3://b/key",
            "file://data/",
        ] {
            let error = AllowedHosts::parse(entry).unwrap_err().to_string();
            assert!(error.contains(OPTION) && error.contains(entry), "{error}");
        }
    }

    #[test]
    fn buckets_and_files_have_entries_of_their_own() {
        let any = AllowedHosts::default();
        let listed = AllowedHosts::parse("a.org, s3://photos/, file:///data/").unwrap();
        assert!(any.check_bucket("photos").is_ok() && listed.check_bucket("photos").is_ok());
        assert!(any.check_bucket("others").is_ok());
        let refused = listed.check_bucket("others").unwrap_err().to_string();
        assert!(refused.contains("s3://others"), "{refused}");
        for odd in ["169.254.169.254#", "a@b.c", "a:80", "a/b", "..", "a..b", ""] {
            assert!(any.check_bucket(odd).is_err(), "{odd}");
        }
        assert!(any.check_file(Path::new("/x/1.jpg")).is_ok());
        assert!(listed.check_file(Path::new("/x/1.jpg")).is_err());
        assert!(listed.check_file(Path::new("/data/any")).is_ok());
        assert!(listed.check_file(Path::new("/database/any")).is_err());
        for secret in ["/proc/self/environ", "/root/.aws/credentials"] {
            let refused = any.check_file(Path::new(secret)).unwrap_err().to_string();
            assert!(refused.contains(OPTION), "{refused}");
        }
    }
}
