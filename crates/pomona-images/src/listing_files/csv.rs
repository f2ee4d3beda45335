//! Rows of a CSV file, compressed or not, as its bytes come.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::{Decoder, Format};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::{Error, ObjectStoreExt};

use super::checksum::Sum;
use super::{BATCH, Opened, RowFile};
use crate::error::ImagesError;

/// The longest first line.
const MOST_HEADER: usize = 1 << 20;

/// Compressed bytes that are inflated at once: they may become a thousand times as many.
const INFLATED_AT_ONCE: usize = 16 << 10;

/// Opens a file: its columns are `names`, or those of its first line.
pub(super) async fn open(
    file: RowFile,
    is_gzip: bool,
    names: Option<Vec<String>>,
) -> Result<Opened, ImagesError> {
    let opened = file.store.get(&file.path).await;
    let opened = opened.map_err(|error| file.failed(error))?;
    file.check(opened.meta.size)?;
    let mut text = Text {
        chunks: opened.into_stream(),
        chunk: Bytes::new(),
        gzip: is_gzip.then(|| MultiGzDecoder::new(vec![])),
        sum: file.checksum.is_some().then(Sum::default),
        file,
    };
    let mut ready = vec![];
    let has_header = names.is_none();
    let names = match names {
        Some(names) => names,
        None => {
            while !ready.contains(&b'\n')
                && let Some(more) = text.next().await?
            {
                ready.extend(more);
                if ready.len() > MOST_HEADER {
                    return Err(text.file.refused("its first line has no end"));
                }
            }
            header(&ready).map_err(|error| text.file.refused(error.to_string()))?
        }
    };
    let fields = names
        .iter()
        .map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let decoder = ReaderBuilder::new(schema)
        // The first line is passed over.
        .with_header(has_header)
        .with_batch_size(BATCH)
        .build_decoder();
    let start = Reading {
        text,
        decoder,
        ready,
        at: 0,
        is_over: false,
    };
    let rows = stream::try_unfold(start, |mut reading| async move {
        let batch = reading.next().await?;
        Ok(batch.map(|batch| (batch, reading)))
    });
    let rows = rows.boxed();
    Ok(Opened { names, rows })
}

/// The names in the first line.
fn header(text: &[u8]) -> Result<Vec<String>, arrow::error::ArrowError> {
    // A byte order mark is no part of the first name.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let format = Format::default().with_header(true);
    let (schema, _) = format.infer_schema(text, Some(0))?;
    let fields = schema.fields().iter();
    Ok(fields.map(|field| field.name().clone()).collect())
}

struct Reading {
    text: Text,
    decoder: Decoder,
    /// Text that is not decoded from `at` on.
    ready: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>, ImagesError> {
        loop {
            if self.at == self.ready.len() && !self.is_over {
                match self.text.next().await? {
                    Some(more) => self.ready = more,
                    None => {
                        self.ready.clear();
                        self.is_over = true;
                    }
                }
                self.at = 0;
                if self.ready.is_empty() && !self.is_over {
                    continue;
                }
            }
            let refused =
                |error: arrow::error::ArrowError| self.text.file.refused(error.to_string());
            // Nothing to decode is the end of the last line.
            let decoded = self.decoder.decode(&self.ready[self.at..]);
            self.at += decoded.map_err(refused)?;
            let is_full = self.decoder.capacity() == 0 || self.at < self.ready.len();
            let is_end = self.is_over && self.at == self.ready.len();
            if is_full || is_end {
                let batch = self.decoder.flush().map_err(refused)?;
                if batch.is_some() || is_end {
                    return Ok(batch);
                }
            }
        }
    }
}

/// The text of a file, piece by piece.
struct Text {
    chunks: BoxStream<'static, Result<Bytes, Error>>,
    /// What is left of the last chunk.
    chunk: Bytes,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    /// Of what has come, where it is to be compared.
    sum: Option<Sum>,
    file: RowFile,
}

impl Text {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ImagesError> {
        if self.chunk.is_empty() {
            match self.chunks.next().await {
                Some(Ok(chunk)) => {
                    if let Some(sum) = &mut self.sum {
                        sum.add(&chunk);
                    }
                    self.chunk = chunk;
                }
                Some(Err(error)) => return Err(self.file.failed(error)),
                None => return self.finish(),
            }
        }
        let Some(gzip) = &mut self.gzip else {
            return Ok(Some(std::mem::take(&mut self.chunk).into()));
        };
        let piece = self.chunk.split_to(self.chunk.len().min(INFLATED_AT_ONCE));
        let written = gzip.write_all(&piece).and_then(|()| gzip.flush());
        written.map_err(|error| {
            self.file
                .refused(format!("it is no whole gzip file: {error}"))
        })?;
        Ok(Some(std::mem::take(gzip.get_mut())))
    }

    /// The last text of a compressed file, of which nothing is missing and nothing was changed.
    fn finish(&mut self) -> Result<Option<Vec<u8>>, ImagesError> {
        if let Some(sum) = self.sum.take() {
            self.file.check_bytes(sum.finish())?;
        }
        let Some(mut gzip) = self.gzip.take() else {
            return Ok(None);
        };
        let ended = gzip.try_finish();
        ended.map_err(|error| {
            self.file
                .refused(format!("it is no whole gzip file: {error}"))
        })?;
        Ok(Some(std::mem::take(gzip.get_mut())))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use futures::TryStreamExt;
    use object_store::ObjectStore;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    async fn read(
        bytes: Vec<u8>,
        is_gzip: bool,
        names: Option<&[&str]>,
    ) -> Result<Vec<RecordBatch>, ImagesError> {
        let store = Arc::new(InMemory::new());
        let path = Path::from("a.csv");
        store.put(&path, bytes.into()).await.unwrap();
        let file = RowFile {
            store: store as Arc<dyn ObjectStore>,
            path,
            url: "s3://bucket/a.csv".to_owned(),
            length: None,
            checksum: None,
        };
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        file.csv(is_gzip, names).try_collect().await
    }

    fn column(batches: &[RecordBatch], name: &str) -> Vec<String> {
        let columns = batches.iter().map(|batch| {
            let column = batch.column_by_name(name).unwrap();
            column.as_string::<i32>().clone()
        });
        columns
            .flat_map(|column| {
                column
                    .iter()
                    .flatten()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn rows_are_read_with_and_without_a_first_line_and_compressed() {
        let text = b"name,url\n1,s3://b/1.jpg\n2,\"s3://b/a, \"\"b\"\"\nc.jpg\"\n3,s3://b/3.jpg";
        let rows = read(text.to_vec(), false, None).await.unwrap();
        let urls = column(&rows, "url");
        assert_eq!(
            urls,
            ["s3://b/1.jpg", "s3://b/a, \"b\"\nc.jpg", "s3://b/3.jpg"]
        );
        let marked = [b"\xef\xbb\xbf".as_slice(), text].concat();
        assert_eq!(
            column(&read(marked, false, None).await.unwrap(), "name"),
            ["1", "2", "3"]
        );
        let rows = read(
            gzip(b"\"b\",\"k 1\"\n\"b\",\"k 2\"\n"),
            true,
            Some(&["bucket", "key"]),
        );
        assert_eq!(column(&rows.await.unwrap(), "key"), ["k 1", "k 2"]);
        assert!(read(vec![], false, Some(&["a"])).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn many_rows_come_in_batches() {
        let text: String = (0..2_500).map(|i| format!("{i},{i}.jpg\n")).collect();
        for (bytes, is_gzip) in [
            (text.clone().into_bytes(), false),
            (gzip(text.as_bytes()), true),
        ] {
            let rows = read(bytes, is_gzip, Some(&["i", "path"])).await.unwrap();
            let lengths: Vec<_> = rows.iter().map(RecordBatch::num_rows).collect();
            assert_eq!(lengths, [1_000, 1_000, 500]);
            assert_eq!(column(&rows, "path").last().unwrap(), "2499.jpg");
        }
        // Several members, as tools write that compress in parallel.
        let members = [gzip(b"1,a\n"), gzip(b"2,b\n")].concat();
        let rows = read(members, true, Some(&["i", "path"])).await.unwrap();
        assert_eq!(column(&rows, "path"), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_damaged_file_is_named() {
        let whole = gzip("1,a\n".repeat(5_000).as_bytes());
        let mut flipped = whole.clone();
        let end = flipped.len() - 6;
        flipped[end] ^= 1;
        for bytes in [
            whole[..whole.len() - 9].to_vec(),
            flipped,
            b"1,a\n".to_vec(),
        ] {
            let error = read(bytes, true, Some(&["i", "path"])).await.unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("s3://bucket/a.csv") && text.contains("gzip"),
                "{text}"
            );
        }
        let error = read(b"1,a\n2\n".to_vec(), false, Some(&["i", "path"])).await;
        assert!(error.unwrap_err().to_string().contains("s3://bucket/a.csv"));
    }
}
