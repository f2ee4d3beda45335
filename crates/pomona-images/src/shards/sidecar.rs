//! [`Sidecar`]: what WebDataset keeps beside an image, as columns.

use serde::{Deserialize, Serialize};

/// A file beside an image, of the same name with another extension: `0001.cls` beside `0001.jpg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sidecar {
    /// An object of JSON.
    Json,
    /// The number of a class.
    Cls,
    /// A text.
    Txt,
}

impl Sidecar {
    /// All of them, in the order of their columns.
    pub const ALL: [Self; 3] = [Self::Json, Self::Cls, Self::Txt];

    /// The extension, which is the name of the column too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cls => "cls",
            Self::Txt => "txt",
        }
    }

    /// The sidecar that a file is, by its name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = split(name)?;
        Self::ALL
            .into_iter()
            .find(|sidecar| extension.eq_ignore_ascii_case(sidecar.name()))
    }
}

/// What an image and its sidecars share: as in WebDataset, the name up to the first dot of its last
/// segment.
pub(super) fn key(name: &str) -> &str {
    split(name).map_or(name, |(key, _)| key)
}

fn split(name: &str) -> Option<(&str, &str)> {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = start + name[start..].find('.')?;
    Some((&name[..dot], &name[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_webdataset() {
        assert_eq!(key("a.b/0001.left.jpg"), "a.b/0001");
        assert_eq!(key("0001"), "0001");
        assert_eq!(Sidecar::of_name("a/0001.cls"), Some(Sidecar::Cls));
        assert_eq!(Sidecar::of_name("a/0001.JSON"), Some(Sidecar::Json));
        assert_eq!(Sidecar::of_name("a/0001.left.cls"), None);
    }
}
