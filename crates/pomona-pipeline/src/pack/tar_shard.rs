//! Writes a tar: the same images make the same bytes, whoever packs them and when.

use std::io;

use bytes::Bytes;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt;

use super::members::Members;
use super::{PackError, images};

/// The size of a header, and what sizes of members are rounded up to.
const BLOCK: usize = 512;

/// The longest name of a plain header.
const PLAIN_NAME: usize = 100;

/// The largest size of a plain header: eleven octal digits.
const PLAIN_SIZE: u64 = 1 << 33;

/// The bytes that a member takes.
pub(super) fn member_bytes(name: &str, length: u64) -> u64 {
    let records = match is_plain(name, length) {
        true => 0,
        false => BLOCK + records(name, length).len().next_multiple_of(BLOCK),
    };
    let padded = length.checked_next_multiple_of(BLOCK as u64);
    padded
        .unwrap_or(u64::MAX)
        .saturating_add((BLOCK + records) as u64)
}

pub(super) async fn write(
    writer: &mut BufWriter,
    mut rows: SendableRecordBatchStream,
    members: &Members,
    failed: impl Fn(io::Error) -> PackError,
) -> Result<(), PackError> {
    let put = async |writer: &mut BufWriter, bytes: Vec<u8>| {
        let put = writer.put(Bytes::from(bytes)).await;
        put.map_err(|error| failed(io::Error::other(error)))
    };
    let mut position = 0;
    while let Some(batch) = rows.try_next().await? {
        for image in images(&batch)? {
            let name = members.name(position, image.content.len())?;
            let length = image.content.len();
            let mut bytes = headers(name, length as u64, image.modified as u64);
            bytes.extend_from_slice(image.content);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
            put(writer, bytes).await?;
            position += 1;
        }
    }
    members.all(position)?;
    put(writer, vec![0; 2 * BLOCK]).await?;
    writer.shutdown().await.map_err(&failed)
}

fn is_plain(name: &str, length: u64) -> bool {
    name.is_ascii() && name.len() <= PLAIN_NAME && length < PLAIN_SIZE
}

/// The headers of a member: one, or one with PAX records before it.
fn headers(name: &str, length: u64, modified: u64) -> Vec<u8> {
    if is_plain(name, length) {
        return header(name, length, modified, b'0').to_vec();
    }
    let records = records(name, length);
    let mut bytes = header("pax_header", records.len() as u64, modified, b'x').to_vec();
    bytes.extend_from_slice(&records);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    // What a reader without PAX calls it.
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let plain: String = last
        .chars()
        .filter(char::is_ascii)
        .take(PLAIN_NAME)
        .collect();
    bytes.extend_from_slice(&header(&plain, length.min(PLAIN_SIZE - 1), modified, b'0'));
    bytes
}

fn records(name: &str, length: u64) -> Vec<u8> {
    let mut records = record("path", name);
    if length >= PLAIN_SIZE {
        records.extend(record("size", &length.to_string()));
    }
    records
}

/// A PAX record, which begins with its own length.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

fn header(name: &str, length: u64, modified: u64, kind: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{length:011o}\0").as_bytes());
    let modified = modified.min(PLAIN_SIZE - 1);
    put(136, format!("{modified:011o}\0").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_themselves() {
        assert_eq!(record("path", "a"), b"9 path=a\n");
        for length in [1, 80, 89, 90, 91, 92, 93, 989, 990, 991, 992, 1000] {
            let record = record("path", &"a".repeat(length));
            let text = String::from_utf8(record.clone()).unwrap();
            let (count, _) = text.split_once(' ').unwrap();
            assert_eq!(count.parse(), Ok(record.len()));
        }
    }

    #[test]
    fn members_take_what_they_are_planned_to_take() {
        for (name, length) in [("a.jpg", 0), ("é.jpg", 512), (&*"b/".repeat(300), 513)] {
            let headers = headers(name, length, 0).len() as u64;
            let padded = length.next_multiple_of(512);
            assert_eq!(headers + padded, member_bytes(name, length), "{name}");
        }
    }
}
