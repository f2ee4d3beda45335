//! Lists the members of a zip by its directory, and takes them out of ranges of it.

use std::io::Read;

use bytes::Bytes;
use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::blocks::Fault;
use super::members::{LARGEST_SIDECAR, Members, Role};
use super::object::ShardObject;
use super::place::{At, ZipPlace};
use super::read::{Span, spans};
use super::sidecar::Sidecar;
use super::zip_entries::{Directory, Entry, directory, end_record, entries, zip64_record};

/// The bytes from the end of a zip that are read first: the last record and its longest comment, and
/// the directory of some hundred members.
const TAIL: u64 = 128 << 10;

/// The largest directory, which is in memory: that of about four million members.
const MOST_DIRECTORY: u64 = 512 << 20;

/// # Errors
/// [`Fault::Store`] alone: damage becomes a row of `members`.
pub(super) async fn index(
    object: &ShardObject,
    length: u64,
    members: &mut Members,
) -> Result<(), Fault> {
    match list(object, length, members).await {
        Err(Fault::Data(reason)) => {
            members.fault(reason);
            Ok(())
        }
        done => done,
    }
}

fn damaged(reason: &str) -> Fault {
    Fault::Data(format!("the zip cannot be read: {reason}"))
}

async fn list(object: &ShardObject, length: u64, members: &mut Members) -> Result<(), Fault> {
    let start = length.saturating_sub(TAIL);
    let tail = match length {
        0 => return Err(damaged("it is empty")),
        _ => object.get(start..length).await?,
    };
    let end = end_record(&tail).ok_or_else(|| damaged("its end is missing: it was cut off"))?;
    let directory = match zip64_record(&tail, end) {
        None => directory(&tail[end..], start + end as u64),
        Some(position) => {
            let record_end = position.checked_add(56).filter(|&end| end <= length);
            let record_end = record_end.ok_or_else(|| damaged("its last record is damaged"))?;
            let record = part(object, start, &tail, position, record_end).await?;
            directory(&record, position)
        }
    }
    .map_err(damaged)?;
    if directory.size > MOST_DIRECTORY {
        return Err(damaged("its directory is too large"));
    }
    let Directory { offset, size, .. } = directory;
    let bytes = part(object, start, &tail, offset, offset + size).await?;
    let entries = entries(&bytes, &directory).map_err(damaged)?;
    let mut sidecars = vec![];
    for entry in &entries {
        if entry.name.ends_with(b"/") {
            continue;
        }
        if !members.has_room() {
            return Err(Fault::Data("it has too many images".to_owned()));
        }
        match members.role(&entry.name) {
            Role::Image => {
                let at = match entry.refusal {
                    None => Ok(At::Zip(entry.place)),
                    Some(reason) => Err(reason.to_owned()),
                };
                members.image(&entry.name, entry.length, at);
            }
            Role::Sidecar(sidecar) => sidecars.push((sidecar, entry)),
            Role::None => members.no_image(&entry.name),
        }
    }
    texts(object, &sidecars, members).await
}

/// A range, out of the bytes from `start` on where they have it.
async fn part(
    object: &ShardObject,
    start: u64,
    tail: &Bytes,
    from: u64,
    to: u64,
) -> Result<Bytes, Fault> {
    if from >= to {
        return Ok(Bytes::new());
    }
    let inside = from.checked_sub(start).zip(to.checked_sub(start));
    if let Some((from, to)) = inside.filter(|&(_, to)| to <= tail.len() as u64) {
        return Ok(tail.slice(from as usize..to as usize));
    }
    Ok(object.get(from..to).await?)
}

async fn texts(
    object: &ShardObject,
    sidecars: &[(Sidecar, &Entry)],
    members: &mut Members,
) -> Result<(), Fault> {
    let refused = |entry: &Entry| {
        let large = entry.length > LARGEST_SIDECAR;
        entry.refusal.or(large.then_some("it has more than 1 MiB"))
    };
    let ranges = sidecars.iter().enumerate();
    let ranges = ranges.filter(|(_, (_, entry))| refused(entry).is_none());
    let ranges = ranges.map(|(position, (_, entry))| (position, region(&entry.place)));
    for (_, entry) in sidecars {
        if let Some(reason) = refused(entry) {
            members.no_text(&String::from_utf8_lossy(&entry.name), reason);
        }
    }
    for Span { range, parts } in spans(ranges.collect()) {
        let bytes = object.get(range.clone()).await?;
        for (position, part) in parts {
            let (sidecar, entry) = sidecars[position];
            let region = (part.start - range.start) as usize..(part.end - range.start) as usize;
            let region = bytes.get(region).unwrap_or_default();
            match member(&Bytes::copy_from_slice(region), &entry.place, entry.length) {
                Ok(text) => members.text(&entry.name, sidecar, text.to_vec()),
                Err(reason) => members.no_text(&String::from_utf8_lossy(&entry.name), &reason),
            }
        }
    }
    Ok(())
}

/// The bytes of a zip that hold a member and its own header, whose name and fields have 65,535 bytes
/// each at most.
pub(super) fn region(place: &ZipPlace) -> std::ops::Range<u64> {
    let most = place.stored.saturating_add(30 + 2 * 0xffff);
    place.offset..place.offset.saturating_add(place.region.min(most))
}

/// The bytes of a member, out of its region.
///
/// # Errors
/// With what is wrong, if they are not what the directory says.
pub(super) fn member(region: &Bytes, place: &ZipPlace, length: u64) -> Result<Bytes, String> {
    let damaged = |reason: &str| format!("its archive is damaged: {reason}");
    let size = |at: usize| {
        let bytes = region.get(at..at + 2)?;
        Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
    };
    let header = size(26).zip(size(28));
    let (name, extra) = header
        .filter(|_| region.starts_with(b"PK\x03\x04"))
        .ok_or_else(|| damaged("its header is missing"))?;
    let start = 30 + name + extra;
    let stored = usize::try_from(place.stored).ok();
    let end = stored.and_then(|stored| start.checked_add(stored));
    let end = end.filter(|&end| end <= region.len());
    let end = end.ok_or_else(|| damaged("it ends within another member"))?;
    let stored = region.slice(start..end);
    let bytes = match place.is_deflated {
        false => stored,
        true => {
            // One byte more than it may have shows that it has more.
            let mut bytes = Vec::with_capacity(length.min(1 << 20) as usize);
            let mut inside = DeflateDecoder::new(&stored[..]).take(length.saturating_add(1));
            inside
                .read_to_end(&mut bytes)
                .map_err(|error| damaged(&error.to_string()))?;
            bytes.into()
        }
    };
    if bytes.len() as u64 != length {
        return Err(damaged("it has another size than its directory says"));
    }
    let mut crc = Crc::new();
    crc.update(&bytes);
    match crc.sum() == place.crc {
        true => Ok(bytes),
        false => Err(damaged("its checksum is wrong")),
    }
}
