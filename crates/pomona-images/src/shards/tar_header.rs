//! Headers of tar: ustar, the extensions of GNU and the records of PAX.

/// The size of a header, and what sizes of members are rounded up to.
pub(super) const BLOCK: usize = 512;

/// What a header is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Sparse,
    /// A device, a FIFO, a label of a volume: nothing that holds bytes.
    Other,
    /// The rest of a file that began on another volume.
    Continued,
    /// The name of the next member.
    LongName,
    /// What the next member links to.
    LongLink,
    /// Records about the next member.
    Pax,
    /// Records about all that follow.
    PaxGlobal,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    pub name: Vec<u8>,
    /// The bytes that follow it.
    pub size: u64,
    /// Whether more segments of a sparse file stand in a block behind it.
    pub is_extended: bool,
}

impl Header {
    /// # Errors
    /// With what is wrong, if the block is no header.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, &'static str> {
        if !has_checksum(block) {
            return Err("its checksum is wrong");
        }
        let mut name = text(&block[..100]).to_vec();
        if &block[257..263] == b"ustar\0" {
            let prefix = text(&block[345..500]);
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        }
        let size = number(&block[124..136]).ok_or("its size is no number")?;
        let kind = match block[156] {
            // Before there was a type, a slash at its end made a name that of a folder.
            0 | b'0' | b'7' if name.ends_with(b"/") => Kind::Folder,
            0 | b'0' | b'7' => Kind::File,
            b'1' | b'2' => Kind::Link,
            b'3' | b'4' | b'6' | b'V' | b'N' => Kind::Other,
            b'5' | b'D' => Kind::Folder,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            b'M' => Kind::Continued,
            b'S' => Kind::Sparse,
            b'g' => Kind::PaxGlobal,
            b'x' | b'X' => Kind::Pax,
            // Unknown types are files, says POSIX.
            _ => Kind::File,
        };
        // A link has no bytes, whatever its header says of those of its target, and neither has a
        // device.
        let size = match kind {
            Kind::Link | Kind::Other => 0,
            _ => size,
        };
        // Four segments of 24 bytes stand in the header, from byte 386 on.
        let is_extended = kind == Kind::Sparse && block[482] != 0;
        Ok(Self {
            kind,
            name,
            size,
            is_extended,
        })
    }
}

/// Whether a block of 21 more segments of a sparse file has another one behind it.
pub(super) fn is_extended(segments: &[u8; BLOCK]) -> bool {
    segments[21 * 24] != 0
}

/// What PAX records say of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub path: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub is_sparse: bool,
}

impl Records {
    /// # Errors
    /// With what is wrong, if the bytes are no records.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        const DAMAGED: &str = "its PAX records are damaged";
        let mut records = Self::default();
        let mut sparse_name = None;
        while !bytes.is_empty() && bytes[0] != 0 {
            let space = bytes.iter().position(|&byte| byte == b' ').ok_or(DAMAGED)?;
            let length = std::str::from_utf8(&bytes[..space]).ok();
            let length: usize = length.and_then(|text| text.parse().ok()).ok_or(DAMAGED)?;
            let record = bytes.get(space + 1..length).ok_or(DAMAGED)?;
            let record = record.strip_suffix(b"\n").ok_or(DAMAGED)?;
            let equals = record
                .iter()
                .position(|&byte| byte == b'=')
                .ok_or(DAMAGED)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => records.path = Some(value.to_vec()),
                b"GNU.sparse.name" => {
                    sparse_name = Some(value.to_vec());
                    records.is_sparse = true;
                }
                b"size" => {
                    let size = std::str::from_utf8(value).ok();
                    records.size = Some(size.and_then(|text| text.parse().ok()).ok_or(DAMAGED)?);
                }
                key if key.starts_with(b"GNU.sparse.") => records.is_sparse = true,
                _ => {}
            }
            bytes = &bytes[length..];
        }
        // A path beside it is what programs call the file that do not know sparse ones.
        records.path = sparse_name.or(records.path);
        Ok(records)
    }
}

/// The bytes of a field up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// A number in octal digits, or, where the first bit is set, in base 256.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let mut value = u64::from(field[0] & 0x7f);
        for &byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(byte))?;
        }
        return Some(value);
    }
    let digits = std::str::from_utf8(text(field)).ok()?.trim();
    match digits {
        "" => Some(0),
        digits => u64::from_str_radix(digits, 8).ok(),
    }
}

/// The sum of all bytes, with spaces where the sum itself stands; old programs added signed bytes.
fn has_checksum(block: &[u8; BLOCK]) -> bool {
    let byte = |(at, &byte): (usize, &u8)| match (148..156).contains(&at) {
        true => b' ',
        false => byte,
    };
    let bytes = || block.iter().enumerate().map(byte);
    let unsigned: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte as i8)).sum();
    let found = number(&block[148..156]);
    found.is_some_and(|found| found == unsigned || i64::try_from(found) == Ok(signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"00000001750\0"), Some(0o1750));
        assert_eq!(number(b"  1750 \0    "), Some(0o1750));
        assert_eq!(number(&[0; 12]), Some(0));
        assert_eq!(
            number(b"\x80\0\0\0\0\0\0\x02\0\0\0\x01"),
            Some((2 << 32) + 1)
        );
        assert_eq!(
            number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            None
        );
        assert_eq!(number(b"12x\0        "), None);
    }

    #[test]
    fn records_are_read_and_damage_is_an_error() {
        let records = Records::parse(b"18 path=b/1 2.jpg\n12 size=123\n").unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"b/1 2.jpg"[..]));
        assert_eq!(records.size, Some(123));
        assert!(!records.is_sparse);
        assert!(
            Records::parse(b"22 GNU.sparse.major=1\n")
                .unwrap()
                .is_sparse
        );
        let both = b"25 GNU.sparse.name=a.jpg\n20 path=GNU.0/a.jpg\n";
        let records = Records::parse(both).unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"a.jpg"[..]));
        for bytes in [
            &b"x"[..],
            b"99 a=b\n",
            b"1 a=b\n",
            b"6 a-b\n",
            b"12 size=12x\n",
            b"0 a=b\n",
        ] {
            assert!(Records::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
