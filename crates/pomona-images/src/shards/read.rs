//! Reads many images of a shard with few requests.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::block_in_place;

use super::blocks::{Blocks, Fault};
use super::gzip::Inflated;
use super::object::ShardObject;
use super::parquet::{self, Footers};
use super::place::{At, Place};
use super::zip;
use crate::error::ImagesError;

/// Bytes between two members that are read with them: less than a request takes.
const GAP: u64 = 512 << 10;

/// The largest range that is read at once.
const MOST_SPAN: u64 = 64 << 20;

/// Ranges of one call that are read at once.
const SPANS_AT_ONCE: usize = 4;

/// An image that is wanted, and its length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub place: &'a Place,
    pub length: u64,
}

/// Where the reading of a gzip stands. It passes from each group of its images to the next, so that a
/// gzip is inflated once.
pub(crate) struct Turn {
    /// What the group before leaves, unless this is the first or that one failed.
    pub before: Option<oneshot::Receiver<Reading>>,
    pub after: oneshot::Sender<Reading>,
}

/// A gzip and how far it is read.
pub(crate) struct Reading(Box<Inflated>);

/// Parts that are read as one range.
pub(super) struct Span {
    pub range: Range<u64>,
    /// The number and the range of each part.
    pub parts: Vec<(usize, Range<u64>)>,
}

/// The ranges that have all of these parts, which have numbers.
pub(super) fn spans(mut parts: Vec<(usize, Range<u64>)>) -> Vec<Span> {
    parts.sort_by_key(|(_, part)| (part.start, part.end));
    let mut spans: Vec<Span> = vec![];
    for (number, part) in parts {
        if let Some(Span { range, parts }) = spans.last_mut()
            && part.start <= range.end.saturating_add(GAP)
            && part.end.saturating_sub(range.start) <= MOST_SPAN
        {
            range.end = range.end.max(part.end);
            parts.push((number, part));
            continue;
        }
        let range = part.clone();
        spans.push(Span {
            range,
            parts: vec![(number, part)],
        });
    }
    spans
}

/// The bytes of images of one shard, in the order in which they are wanted, each or why it has none.
///
/// # Errors
/// When the shard cannot be read at all.
pub(crate) async fn read(
    object: &ShardObject,
    wanted: &[Wanted<'_>],
    turn: Option<Turn>,
    footers: &Footers,
) -> Result<Vec<Result<Bytes, String>>, ImagesError> {
    let mut contents = vec![Err("it has no place in its archive".to_owned()); wanted.len()];
    let mut parts = vec![];
    let mut inside = vec![];
    let mut cells = vec![];
    for (number, Wanted { place, length }) in wanted.iter().enumerate() {
        match &place.at {
            At::Refused { reason } => contents[number] = Err(reason.clone()),
            At::Tar { .. } if *length == 0 => contents[number] = Ok(Bytes::new()),
            At::Tar { offset } => parts.push((number, *offset..offset.saturating_add(*length))),
            At::Zip(zip) => parts.push((number, zip::region(zip))),
            At::Gzip { offset, file } => inside.push((*offset, *length, number, *file)),
            At::Parquet {
                row_group,
                row,
                file,
            } => cells.push((*row_group, *row, number, *file)),
        }
    }
    if !parts.is_empty() {
        let spans = spans(parts).into_iter().map(|span| async move {
            let bytes = object.get(span.range.clone()).await?;
            Ok::<_, ImagesError>((span, bytes))
        });
        let read: Vec<_> = stream::iter(spans)
            .buffer_unordered(SPANS_AT_ONCE)
            .try_collect()
            .await?;
        let mut take_all = || {
            for (span, bytes) in &read {
                take(span, bytes, wanted, &mut contents);
            }
        };
        match wanted.iter().any(|wanted| is_deflated(wanted.place)) {
            true => apart(take_all),
            false => take_all(),
        }
    }
    if !inside.is_empty() {
        read_gzip(object, inside, turn, &mut contents).await?;
    }
    if !cells.is_empty() {
        parquet::read(object, cells, footers, &mut contents).await?;
    }
    Ok(contents)
}

fn is_deflated(place: &Place) -> bool {
    matches!(&place.at, At::Zip(place) if place.is_deflated)
}

/// Does what takes a processor for long, so that the requests of others on this thread go on.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
    }
}

/// Cuts the members out of a span.
fn take(span: &Span, bytes: &Bytes, wanted: &[Wanted<'_>], contents: &mut [Result<Bytes, String>]) {
    for (number, part) in &span.parts {
        let start = (part.start - span.range.start) as usize;
        let end = (part.end - span.range.start) as usize;
        contents[*number] = match end <= bytes.len() {
            false => Err("its archive ends within it".to_owned()),
            true => {
                let part = bytes.slice(start..end);
                match &wanted[*number] {
                    Wanted {
                        place:
                            Place {
                                at: At::Zip(place), ..
                            },
                        length,
                    } => zip::member(&part, place, *length),
                    _ => Ok(part),
                }
            }
        };
    }
}

async fn read_gzip(
    object: &ShardObject,
    mut inside: Vec<(u64, u64, usize, u64)>,
    turn: Option<Turn>,
    contents: &mut [Result<Bytes, String>],
) -> Result<(), ImagesError> {
    inside.sort_unstable();
    let (before, after) = turn.map_or((None, None), |turn| (turn.before, Some(turn.after)));
    let mut inflated = match before {
        Some(before) => before.await.ok().map(|reading| reading.0),
        None => None,
    };
    let mut failed: Option<String> = None;
    for (offset, count, number, file) in inside {
        if let Some(reason) = &failed {
            contents[number] = Err(reason.clone());
            continue;
        }
        let mut reader = match inflated.take().filter(|reader| reader.position <= offset) {
            Some(reader) => reader,
            None => Box::new(Inflated::new(Blocks::new(object.clone(), file))),
        };
        let mut bytes = Vec::with_capacity(count.min(1 << 20) as usize);
        let skip = offset - reader.position;
        let done = match reader.skip(skip).await {
            Ok(_) => reader.read(count as usize, &mut bytes).await,
            Err(fault) => Err(fault),
        };
        match done {
            Ok(()) if bytes.len() as u64 == count => contents[number] = Ok(bytes.into()),
            Ok(()) => contents[number] = Err("its archive ends within it".to_owned()),
            Err(Fault::Data(reason)) => {
                contents[number] = Err(reason.clone());
                failed = Some(reason);
                continue;
            }
            Err(Fault::Store(error)) => return Err(error),
        }
        inflated = Some(reader);
    }
    if let (Some(inflated), Some(after)) = (inflated, after) {
        // The group after this one may be given up.
        let _ = after.send(Reading(inflated));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together() {
        let ranges = |parts: Vec<Range<u64>>| {
            let spans = spans(parts.into_iter().enumerate().collect());
            let ranges = spans.into_iter().map(|span| (span.range, span.parts.len()));
            ranges.collect::<Vec<_>>()
        };
        assert_eq!(ranges(vec![]), []);
        assert_eq!(
            ranges(vec![2000..3000, 512..1000, 10_000_000..10_000_001]),
            [(512..3000, 2), (10_000_000..10_000_001, 1)]
        );
        let large = 40 << 20;
        assert_eq!(
            ranges(vec![0..large, large..2 * large]),
            [(0..large, 1), (large..2 * large, 1)]
        );
        assert_eq!(ranges(vec![0..10, 2..4]), [(0..10, 2)]);
    }
}
