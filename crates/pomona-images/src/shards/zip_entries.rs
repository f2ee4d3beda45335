//! The directory of a zip.

use super::place::ZipPlace;

/// What one image may be compressed to: deflate never makes more than 1,032 bytes of one.
const MOST_RATIO: u64 = 1032;

/// The directory's own record, at the end of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub offset: u64,
    pub size: u64,
    pub entries: u64,
    /// Bytes before the archive, as those of a program that unpacks it.
    pub shift: u64,
}

/// A member as the directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: Vec<u8>,
    pub length: u64,
    /// Without its region, which the next entry ends.
    pub place: ZipPlace,
    /// Why it cannot be read.
    pub refusal: Option<&'static str>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u64::from(u16::from_le_bytes(bytes.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?)))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Where the last record of a zip begins in its last bytes.
pub(super) fn end_record(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(22)?;
    (0..=last).rev().find(|&at| {
        let comment = u16_at(tail, at + 20).unwrap_or(u64::MAX);
        tail[at..].starts_with(b"PK\x05\x06") && at as u64 + 22 + comment <= tail.len() as u64
    })
}

/// Where the record of a zip of more than 4 GiB is, if the last record says so.
pub(super) fn zip64_record(tail: &[u8], end: usize) -> Option<u64> {
    let locator = end.checked_sub(20)?;
    let is_needed = u16_at(tail, end + 10)? == 0xffff
        || u32_at(tail, end + 12)? == 0xffff_ffff
        || u32_at(tail, end + 16)? == 0xffff_ffff;
    let is_there = tail[locator..].starts_with(b"PK\x06\x07");
    (is_needed && is_there)
        .then(|| u64_at(tail, locator + 8))
        .flatten()
}

/// The directory that the last record names; `position` is where that record is in the file.
pub(super) fn directory(record: &[u8], position: u64) -> Result<Directory, &'static str> {
    const DAMAGED: &str = "its last record is damaged";
    let (is_large, fields) = match record {
        large if large.starts_with(b"PK\x06\x06") => (
            true,
            (
                u32_at(large, 16),
                u32_at(large, 20),
                u64_at(large, 32),
                u64_at(large, 40),
                u64_at(large, 48),
            ),
        ),
        small => (
            false,
            (
                u16_at(small, 4),
                u16_at(small, 6),
                u16_at(small, 10),
                u32_at(small, 12),
                u32_at(small, 16),
            ),
        ),
    };
    let (Some(disk), Some(first), Some(entries), Some(size), Some(offset)) = fields else {
        return Err(DAMAGED);
    };
    if disk != 0 || first != 0 {
        return Err("it is one of several volumes");
    }
    let start = match is_large {
        true => offset,
        false => position.checked_sub(size).ok_or(DAMAGED)?,
    };
    if start.checked_add(size).is_none_or(|end| end > position) {
        return Err(DAMAGED);
    }
    Ok(Directory {
        offset: start,
        size,
        entries,
        shift: start.checked_sub(offset).ok_or(DAMAGED)?,
    })
}

/// All members, in the order of their bytes, each with its region.
///
/// # Errors
/// With what is wrong, if the directory is damaged.
pub(super) fn entries(bytes: &[u8], directory: &Directory) -> Result<Vec<Entry>, &'static str> {
    const DAMAGED: &str = "its directory is damaged";
    let mut entries = vec![];
    let mut rest = bytes;
    while !rest.is_empty() {
        let (entry, length) = entry(rest, directory.shift).ok_or(DAMAGED)?;
        entries.push(entry);
        rest = rest.get(length..).ok_or(DAMAGED)?;
    }
    // Archives of more than 65,535 members without the records for them count modulo that.
    if entries.len() as u64 % 0x1_0000 != directory.entries % 0x1_0000 {
        return Err(DAMAGED);
    }
    entries.sort_by_key(|entry| entry.place.offset);
    let mut next = directory.offset;
    for entry in entries.iter_mut().rev() {
        let place = &mut entry.place;
        place.region = next.saturating_sub(place.offset);
        // Members that share bytes are how a small zip becomes a large one (Fifield 2019).
        if place.stored.saturating_add(30) > place.region && entry.refusal.is_none() {
            entry.refusal = Some("it overlaps another member, or ends behind the archive");
        }
        next = next.min(place.offset);
    }
    Ok(entries)
}

/// The entry at the begin of some bytes, and how long it is.
fn entry(bytes: &[u8], shift: u64) -> Option<(Entry, usize)> {
    if !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let system = bytes.get(5)?;
    let flags = u16_at(bytes, 8)?;
    let method = u16_at(bytes, 10)?;
    let crc = u32_at(bytes, 16)? as u32;
    let mut stored = u32_at(bytes, 20)?;
    let mut length = u32_at(bytes, 24)?;
    let name_end = 46 + u16_at(bytes, 28)? as usize;
    let extra_end = name_end + u16_at(bytes, 30)? as usize;
    let end = extra_end + u16_at(bytes, 32)? as usize;
    let mode = u32_at(bytes, 38)? >> 16;
    let mut offset = u32_at(bytes, 42)?;
    let name = bytes.get(46..name_end)?.to_vec();
    let mut extra = bytes.get(name_end..extra_end)?;
    while let (Some(id), Some(size)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        // Fields that some programs leave half-written are theirs.
        let Some(field) = extra.get(4..4 + size as usize) else {
            break;
        };
        if id == 1 {
            let mut large = field.chunks_exact(8);
            let mut next = || u64_at(large.next()?, 0);
            for value in [&mut length, &mut stored, &mut offset] {
                if *value == 0xffff_ffff {
                    *value = next()?;
                }
            }
        }
        extra = &extra[4 + size as usize..];
    }
    let is_link = *system == 3 && mode & 0o170_000 == 0o120_000;
    let refusal = if flags & 0x41 != 0 {
        Some("it is encrypted")
    } else if is_link {
        Some("it is a link, and links in archives are not followed")
    } else if ![0, 8].contains(&method) {
        Some("it is compressed by another method than deflate")
    } else if method == 0 && stored != length {
        Some("its two sizes differ, and it is not compressed")
    } else if length / MOST_RATIO > stored.saturating_add(1) {
        Some("it declares a size that its bytes cannot have: a zip bomb")
    } else {
        None
    };
    let place = ZipPlace {
        offset: offset.checked_add(shift)?,
        region: 0,
        stored,
        is_deflated: method == 8,
        crc,
    };
    let entry = Entry {
        name,
        length,
        place,
        refusal,
    };
    Some((entry, end))
}
