//! [`Place`]: where in its shard an image lies, as the column `e_tag` has it.

use std::fmt;

/// Where the bytes of an image are, and of which version of its shard. As text it is the `e_tag` of
/// its row: `tar@27:1536:"9b2c…"` is what begins at byte 1536 of the tar whose path is the first 27
/// bytes of the row's, where the tar's own `e_tag` is `"9b2c…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the shard's path ends in the image's.
    pub shard_end: usize,
    pub at: At,
    /// The `e_tag` of the shard.
    pub version: String,
}

/// Where in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// The bytes from this offset on, as many as the row's length.
    Tar {
        offset: u64,
    },
    /// The same of the tar inside a gzip of this length.
    Gzip {
        offset: u64,
        file: u64,
    },
    Zip(ZipPlace),
    /// A row of the column of images, in a file of this length.
    Parquet {
        row_group: usize,
        row: usize,
        file: u64,
    },
    /// The image is there and cannot be read.
    Refused {
        reason: String,
    },
}

/// What a zip's directory says of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ZipPlace {
    /// Where its own header begins.
    pub offset: u64,
    /// The bytes up to the next header.
    pub region: u64,
    /// Its bytes as they are in the archive.
    pub stored: u64,
    pub is_deflated: bool,
    pub crc: u32,
}

impl Place {
    /// The place that an `e_tag` says; none where it is that of an object.
    pub(crate) fn parse(e_tag: &str) -> Option<Self> {
        let (kind, rest) = e_tag.split_once('@')?;
        let (end, rest) = rest.split_once(':')?;
        let shard_end = end.parse().ok()?;
        if kind == "refused" {
            let reason = rest.to_owned();
            let version = String::new();
            let at = At::Refused { reason };
            return Some(Self {
                shard_end,
                at,
                version,
            });
        }
        let (numbers, version) = rest.split_once(':')?;
        let mut numbers = numbers.split('-').map(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        let at = match kind {
            "tar" => At::Tar { offset: next()? },
            "gzip" => At::Gzip {
                offset: next()?,
                file: next()?,
            },
            "zip" => At::Zip(ZipPlace {
                offset: next()?,
                region: next()?,
                stored: next()?,
                is_deflated: next()? != 0,
                crc: u32::try_from(next()?).ok()?,
            }),
            "parquet" => At::Parquet {
                row_group: usize::try_from(next()?).ok()?,
                row: usize::try_from(next()?).ok()?,
                file: next()?,
            },
            _ => return None,
        };
        let version = version.to_owned();
        Some(Self {
            shard_end,
            at,
            version,
        })
    }

    /// Whether there is something to read.
    pub(crate) fn is_readable(&self) -> bool {
        !matches!(self.at, At::Refused { .. })
    }

    /// The shard's path, given that of the image.
    pub(crate) fn shard<'a>(&self, path: &'a str) -> &'a str {
        path.get(..self.shard_end).unwrap_or(path)
    }

    /// The order in which the images of a shard are read.
    pub(crate) fn order(&self) -> (u64, u64) {
        match &self.at {
            At::Tar { offset } | At::Gzip { offset, .. } => (*offset, 0),
            At::Zip(place) => (place.offset, 0),
            At::Parquet { row_group, row, .. } => (*row_group as u64, *row as u64),
            At::Refused { .. } => (0, 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (end, version) = (self.shard_end, &self.version);
        match &self.at {
            At::Tar { offset } => write!(f, "tar@{end}:{offset}:{version}"),
            At::Gzip { offset, file } => write!(f, "gzip@{end}:{offset}-{file}:{version}"),
            At::Zip(ZipPlace {
                offset,
                region,
                stored,
                is_deflated,
                crc,
            }) => write!(
                f,
                "zip@{end}:{offset}-{region}-{stored}-{}-{crc}:{version}",
                u8::from(*is_deflated)
            ),
            At::Parquet {
                row_group,
                row,
                file,
            } => write!(f, "parquet@{end}:{row_group}-{row}-{file}:{version}"),
            At::Refused { reason } => write!(f, "refused@{end}:{reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let zip = ZipPlace {
            offset: 1,
            region: 90,
            stored: 3,
            is_deflated: true,
            crc: u32::MAX,
        };
        for at in [
            At::Tar { offset: 1536 },
            At::Gzip { offset: 0, file: 9 },
            At::Zip(zip),
            At::Parquet {
                row_group: 3,
                row: 70,
                file: 1 << 40,
            },
        ] {
            let place = Place {
                shard_end: 10,
                at,
                version: "\"a:b@c-3\"".to_owned(),
            };
            assert_eq!(Place::parse(&place.to_string()), Some(place.clone()));
            assert_eq!(place.shard("s3://b/x.t/1.jpg"), "s3://b/x.t");
        }
        let refused = Place {
            shard_end: 4,
            at: At::Refused {
                reason: "it is a link: to x@y".to_owned(),
            },
            version: String::new(),
        };
        assert_eq!(Place::parse(&refused.to_string()), Some(refused));
        for e_tag in [
            "\"d41d8cd98f00b204e9800998ecf8427e-3\"",
            "",
            "5f-2a-1",
            "x@1:2:3",
            "tar@1:x:y",
        ] {
            assert_eq!(Place::parse(e_tag), None, "{e_tag}");
        }
    }
}
