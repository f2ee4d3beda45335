//! [`Checksum`]: the MD5 that a manifest has for a file.

use std::fmt::{self, Display, Formatter};

use md5::{Digest, Md5};

/// An MD5, in hexadecimal digits as manifests write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checksum(String);

impl Checksum {
    /// The checksum that a text is; none where it is no MD5.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_md5 = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_md5.then(|| Self(text.to_lowercase()))
    }

    /// That of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut sum = Sum::default();
        sum.add(bytes);
        sum.finish()
    }
}

impl Display for Checksum {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The checksum of bytes that come piece by piece.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum(Md5);

impl Sum {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Checksum {
        let digits = self.0.finalize().into_iter();
        Checksum(digits.map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_1321() {
        for (bytes, expected) in [
            (&b""[..], "d41d8cd98f00b204e9800998ecf8427e"),
            (b"message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ] {
            assert_eq!(Checksum::of(bytes).to_string(), expected);
            let upper = Checksum::parse(&expected.to_uppercase());
            assert_eq!(upper, Some(Checksum::of(bytes)));
        }
        for text in [
            "",
            "f96b697d7cb7938d525a2f31aaf161d",
            "1B2M2Y8AsgTpgAmY7PhCfg==..e9800998",
        ] {
            assert_eq!(Checksum::parse(text), None, "{text}");
        }
    }
}
