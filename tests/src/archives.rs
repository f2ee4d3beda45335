//! Archives made by code: tar and zip files as they are, and as they should not be.

use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// A tar that is being written.
#[derive(Debug, Clone, Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a file.
    pub fn file(self, name: impl AsRef<[u8]>, bytes: &[u8]) -> Self {
        self.member(name, b'0', bytes)
    }

    /// Appends a member of any type, whose header counts its bytes.
    pub fn member(self, name: impl AsRef<[u8]>, kind: u8, bytes: &[u8]) -> Self {
        let size = format!("{:011o}\0", bytes.len());
        self.header(name, kind, size.as_bytes()).data(bytes)
    }

    /// Appends PAX records about the next member.
    pub fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut bytes = vec![];
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut length = rest.len();
            while length != rest.len() + length.to_string().len() {
                length = rest.len() + length.to_string().len();
            }
            bytes.extend_from_slice(format!("{length}{rest}").as_bytes());
        }
        self.member("PaxHeaders/0", b'x', &bytes)
    }

    /// Appends a sparse file as GNU's old format has it: pieces of a block each at every second
    /// block, four in the header and 21 in each block behind it.
    pub fn sparse(mut self, name: impl AsRef<[u8]>, pieces: usize) -> Self {
        let segment = |piece: usize| format!("{:011o}\0{:011o}\0", 1024 * piece, 512);
        let segments = |pieces: std::ops::Range<usize>| pieces.map(segment).collect::<String>();
        let size = format!("{:011o}\0", 512 * pieces);
        self = self.with_header(name.as_ref(), b'S', size.as_bytes(), |block| {
            block[257..265].copy_from_slice(b"ustar  \0");
            let first = segments(0..pieces.min(4));
            block[386..386 + first.len()].copy_from_slice(first.as_bytes());
            block[482] = u8::from(pieces > 4);
            let whole = format!("{:011o}\0", 1024 * pieces);
            block[483..495].copy_from_slice(whole.as_bytes());
        });
        for begin in (4..pieces).step_by(21) {
            let end = pieces.min(begin + 21);
            let mut block = [0; 512];
            let more = segments(begin..end);
            block[..more.len()].copy_from_slice(more.as_bytes());
            block[504] = u8::from(end < pieces);
            self.0.extend_from_slice(&block);
        }
        self.data(&vec![b's'; 512 * pieces])
    }

    /// Appends a header with these twelve bytes as its size.
    pub fn header(self, name: impl AsRef<[u8]>, kind: u8, size: &[u8]) -> Self {
        self.with_header(name.as_ref(), kind, size, |_| {})
    }

    fn with_header(
        mut self,
        name: &[u8],
        kind: u8,
        size: &[u8],
        change: impl FnOnce(&mut [u8; 512]),
    ) -> Self {
        let mut block = [0; 512];
        let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
        put(0, &name[..name.len().min(100)]);
        put(100, b"0000644\0");
        put(124, size);
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[kind]);
        put(257, b"ustar\x0000");
        change(&mut block);
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&block);
        self
    }

    /// Appends bytes and the padding behind them.
    pub fn data(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The archive with its end.
    pub fn finish(self) -> Vec<u8> {
        self.data(&[0; 1024]).0
    }

    /// What has been written so far, without an end.
    pub fn cut(self) -> Vec<u8> {
        self.0
    }
}

/// The bytes as a gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// What a zip says of a member.
#[derive(Debug, Clone, Copy, Default)]
pub struct ZipMember {
    /// Compressed with deflate.
    pub is_deflated: bool,
    /// Written with a flag that says it is encrypted.
    pub is_encrypted: bool,
    /// The sizes stand behind the bytes, as a program that streams writes them.
    pub has_descriptor: bool,
    /// The directory has the fields for large archives.
    pub is_large: bool,
    /// Added to the length that the directory declares.
    pub declared_more: i64,
    /// Flips a bit of the checksum.
    pub has_wrong_crc: bool,
    /// A Unix mode.
    pub mode: u32,
}

/// A zip that is being written.
#[derive(Debug, Clone, Default)]
pub struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Zip {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// An archive behind other bytes.
    pub fn behind(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            ..Self::default()
        }
    }

    /// Appends a file as it is.
    pub fn file(self, name: impl AsRef<[u8]>, bytes: &[u8]) -> Self {
        self.member(name, bytes, ZipMember::default())
    }

    /// Appends a member.
    pub fn member(mut self, name: impl AsRef<[u8]>, bytes: &[u8], how: ZipMember) -> Self {
        let name = name.as_ref();
        let mut crc = Crc::new();
        crc.update(bytes);
        let crc = crc.sum() ^ u32::from(how.has_wrong_crc);
        let stored = match how.is_deflated {
            false => bytes.to_vec(),
            true => {
                let mut encoder = DeflateEncoder::new(vec![], Compression::fast());
                encoder.write_all(bytes).expect("memory can be written");
                encoder.finish().expect("memory can be written")
            }
        };
        let flags = u16::from(how.is_encrypted) | u16::from(how.has_descriptor) << 3;
        let method = if how.is_deflated { 8_u16 } else { 0 };
        let length = (bytes.len() as i64 + how.declared_more) as u32;
        let offset = self.bytes.len() as u32;

        let out = &mut self.bytes;
        out.extend_from_slice(b"PK\x03\x04\x14\0");
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&method.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let sizes = [crc, stored.len() as u32, length].map(u32::to_le_bytes);
        match how.has_descriptor {
            true => out.extend_from_slice(&[0; 12]),
            false => out.extend_from_slice(&sizes.concat()),
        }
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        // A field that the directory does not have.
        out.extend_from_slice(&6_u16.to_le_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(b"\x99\x99\x02\0xx");
        out.extend_from_slice(&stored);
        if how.has_descriptor {
            out.extend_from_slice(b"PK\x07\x08");
            out.extend_from_slice(&sizes.concat());
        }

        let mut extra = vec![];
        let mut fields = [stored.len() as u32, length, offset];
        if how.is_large {
            extra.extend_from_slice(b"\x01\0\x18\0");
            for value in [length, stored.len() as u32, offset] {
                extra.extend_from_slice(&u64::from(value).to_le_bytes());
            }
            fields = [u32::MAX; 3];
        }
        let out = &mut self.directory;
        out.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0");
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&method.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&fields[0].to_le_bytes());
        out.extend_from_slice(&fields[1].to_le_bytes());
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&(how.mode << 16).to_le_bytes());
        out.extend_from_slice(&fields[2].to_le_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(&extra);
        self.entries += 1;
        self
    }

    /// The archive with its directory.
    pub fn finish(self) -> Vec<u8> {
        let offset = self.bytes.len() as u32;
        self.finish_at(offset)
    }

    /// The archive, whose last record says that the directory begins here.
    pub fn finish_at(self, offset: u32) -> Vec<u8> {
        let Self {
            mut bytes,
            directory,
            entries,
        } = self;
        bytes.extend_from_slice(&directory);
        bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        bytes.extend_from_slice(&entries.to_le_bytes());
        bytes.extend_from_slice(&entries.to_le_bytes());
        bytes.extend_from_slice(&(directory.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(b"\x07\0comment");
        bytes
    }

    /// The archive with the records for more than 4 GiB.
    pub fn finish_large(self) -> Vec<u8> {
        let Self {
            mut bytes,
            directory,
            entries,
        } = self;
        let offset = bytes.len() as u64;
        bytes.extend_from_slice(&directory);
        let record = bytes.len() as u64;
        bytes.extend_from_slice(b"PK\x06\x06");
        bytes.extend_from_slice(&44_u64.to_le_bytes());
        bytes.extend_from_slice(&[45, 0, 45, 0]);
        bytes.extend_from_slice(&[0; 8]);
        for value in [u64::from(entries); 2] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(&(directory.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        bytes.extend_from_slice(&record.to_le_bytes());
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff");
        bytes.extend_from_slice(&[0xff; 8]);
        bytes.extend_from_slice(&[0; 2]);
        bytes
    }
}
