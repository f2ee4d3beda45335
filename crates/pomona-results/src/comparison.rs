//! [`compare`]: a listing and the rows that there are, merged in the order of their paths.

use arrow::array::{Array, AsArray, StringArray};
use datafusion::common::Result;
use datafusion::prelude::SessionContext;

use crate::known_rows::KnownRows;
use crate::listing::{E_TAG, ListingStream, PATH};
use crate::pending::{Compared, Pending, PendingWriter};
use crate::row_index::{Row, RowIndex, Todo};

/// What of a listing must be computed, given the files of each source of a row index. With `prune`,
/// rows of images that are not listed are dropped.
///
/// No more than a few batches of either are in memory.
///
/// # Errors
/// If the rows that there are cannot be read, and if the disk is full.
pub(crate) async fn compare(
    ctx: &SessionContext,
    mut listing: ListingStream,
    sources: Vec<Vec<String>>,
    row_index: &mut RowIndex,
    prune: bool,
) -> Result<Pending> {
    let place = listing.place().clone();
    let mut known = KnownRows::open(ctx, sources).await?;
    let mut pending = PendingWriter::new(ctx, &place);
    let mut compared = Compared::default();
    let mut is_covered = false;
    let mut look = |row_index: &RowIndex, path: &str, rows: &[Row]| {
        let mut published = rows.iter().filter(|row| row_index.is_published(row));
        is_covered = is_covered || published.next().is_some() && place.covers(path);
    };
    while let Some(batch) = listing.next().await? {
        let paths: &StringArray = batch.column(PATH).as_string();
        let e_tags: &StringArray = batch.column(E_TAG).as_string();
        let mut todo = vec![];
        for position in 0..batch.num_rows() {
            let path = paths.value(position);
            let mut rows = vec![];
            while known.path().is_some_and(|known| known <= path)
                && let Some((found, there)) = known.take().await?
            {
                look(row_index, &found, &there);
                match found == path {
                    true => rows = there,
                    false => {
                        let is_row = row_index.unlisted(&found, there, prune)?;
                        compared.unlisted += u64::from(is_row);
                    }
                }
            }
            let e_tag = e_tags.is_valid(position).then(|| e_tags.value(position));
            match row_index.listed(path, e_tag, rows)? {
                Todo::Nothing => {}
                Todo::Compute(before) => todo.push((position, before)),
            }
        }
        compared.images += batch.num_rows() as u64;
        pending.push(&batch, todo)?;
    }
    while let Some((path, rows)) = known.take().await? {
        look(row_index, &path, &rows);
        compared.unlisted += u64::from(row_index.unlisted(&path, rows, prune)?);
    }
    compared.expected = row_index.len() + pending.new_images();
    let published = row_index.published();
    compared.strangers = (published > 0 && !is_covered).then_some(published);
    pending.finish(place, compared)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use pomona_session::{RuntimeOptions, session_context};

    use super::*;
    use crate::dropped_rows::DroppedRows;

    /// The most resident memory of this process since the last call, in bytes.
    fn peak_memory() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kilobytes: String = line.unwrap().chars().filter(char::is_ascii_digit).collect();
        fs::write("/proc/self/clear_refs", "5").unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// Images that nobody stores, listed in no order, and rows of every other one: some of another
    /// version, some bad, and a thousand of images that are not listed.
    async fn invent(ctx: &SessionContext, images: u64, known: &str) {
        let path = |number: &str| {
            let digits = format!("lpad(arrow_cast({number}, 'Utf8'), 12, '0')");
            format!("'s3://bucket/Training/a class of images/' || {digits} || '.jpg' AS path")
        };
        let listed = path(&format!("(value * 7919) % {images}"));
        let there = path("value");
        // The script of a run has a limit in any case.
        let (end, last, limit) = (images - 1, images + 1_998, i64::MAX);
        for sql in [
            "CREATE VIEW images AS SELECT 1".to_string(),
            format!(
                "CREATE VIEW selected_images AS
                 SELECT {listed}, 'a class of images' AS label, arrow_cast(1, 'Int64') AS length,
                        arrow_cast(0, 'Timestamp(Microsecond, Some(\"UTC\"))') AS modification_time,
                        'v1' AS e_tag
                 FROM generate_series(0, {end}) LIMIT {limit}"
            ),
            format!(
                "COPY (
                    SELECT {there}, CASE WHEN value % 20 = 0 THEN 'v0' ELSE 'v1' END AS e_tag,
                           CASE WHEN value % 20 = 2 THEN 'empty' END AS error
                    FROM generate_series(0, {last}, 2)
                 ) TO '{known}' STORED AS PARQUET"
            ),
        ] {
            ctx.sql(&sql).await.unwrap().collect().await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn memory_is_flat_and_every_image_is_found() {
        let images: u64 = match std::env::var("POMONA_INVENTED_OBJECTS") {
            Ok(images) => images.parse().unwrap(),
            Err(_) => 400_000,
        };
        let folder = tempfile::tempdir().unwrap();
        let known = folder.path().join("known.parquet");
        let known = known.to_str().unwrap().to_string();
        let ctx = session_context(RuntimeOptions::default()).unwrap();
        invent(&ctx, images, &known).await;

        // What the statements above have used does not count.
        peak_memory();
        let before = peak_memory();
        let begin = Instant::now();
        let mut row_index = RowIndex::new(1, DroppedRows::new(&ctx));
        let listing = ListingStream::open(&ctx, "s3://bucket/Training/").await;
        let sources = vec![vec![known]];
        let pending = compare(&ctx, listing.unwrap(), sources, &mut row_index, false);
        let pending = pending.await.unwrap();
        assert_eq!(pending.images, images);
        assert_eq!(pending.len(), images / 2 + images / 10);
        assert_eq!(pending.unlisted, 1_000);
        assert_eq!(pending.expected, images + 1_000);
        assert_eq!(pending.strangers, Some(images / 2 + 1_000));
        assert!(!row_index.changed());

        let mut chunks = pending.chunks(8_192).unwrap();
        let (mut count, mut replaced, mut last) = (0, 0, String::new());
        while let Some(chunk) = chunks.next_chunk().unwrap() {
            let paths: &StringArray = chunk.rows().column(PATH).as_string();
            for path in paths.iter().flatten() {
                assert!(last.as_str() < path, "{last} {path}");
                last = path.to_string();
                replaced += u64::from(chunk.before(path).is_some());
            }
            assert!(paths.len() == 8_192 || count + paths.len() as u64 == pending.len());
            count += paths.len() as u64;
        }
        assert_eq!((count, replaced), (pending.len(), images / 10));
        let more = peak_memory().saturating_sub(before);
        println!(
            "{images} images: {:?}, {} MB more",
            begin.elapsed(),
            more >> 20
        );
        // Two sorts of 64 MiB, of which the allocator keeps some more.
        assert!(more < 300 << 20, "{} MB", more >> 20);
    }
}
