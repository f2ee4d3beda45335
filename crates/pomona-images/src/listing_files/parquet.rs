//! Rows of a Parquet file, of which the wanted columns alone are read.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{self, Stream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::checksum::Sum;
use super::{BATCH, Opened, RowFile};
use crate::error::ImagesError;

/// Opens a file for those of its columns that are wanted.
pub(super) async fn open(
    file: RowFile,
    wanted: impl Fn(&str) -> bool,
) -> Result<Opened, ImagesError> {
    let found = file.store.head(&file.path).await;
    let length = found.map_err(|error| file.failed(error))?.size;
    file.check(length)?;
    let reader = ObjectReader {
        store: Arc::clone(&file.store),
        path: file.path.clone(),
        length,
    };
    let whole = file.checksum.is_some().then(|| file.clone());
    let refused = move |error: ParquetError| match error {
        ParquetError::External(error) => match error.downcast::<object_store::Error>() {
            Ok(error) => file.failed(*error),
            Err(error) => file.refused(error.to_string()),
        },
        other => file.refused(other.to_string()),
    };
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await;
    let builder = builder.map_err(&refused)?;
    let fields = builder.schema().fields().iter();
    let names: Vec<_> = fields.map(|field| field.name().clone()).collect();
    let columns = (0..names.len()).filter(|&column| wanted(&names[column]));
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let stream = builder.with_projection(mask).with_batch_size(BATCH).build();
    let stream = stream.map_err(&refused)?;
    let rows = stream.map(move |rows| rows.map_err(&refused));
    let rows = match whole {
        None => rows.boxed(),
        // A query that stops before is not to read the whole file.
        Some(file) => rows.chain(changed(file)).boxed(),
    };
    Ok(Opened { names, rows })
}

/// An error where the bytes of a file, all of which are read for it, have not the checksum that they
/// must have; otherwise nothing.
fn changed(file: RowFile) -> impl Stream<Item = Result<RecordBatch, ImagesError>> {
    let read = async move {
        let failed = |error| file.failed(error);
        let object = file.store.get(&file.path).await.map_err(failed)?;
        let mut bytes = object.into_stream();
        let mut sum = Sum::default();
        while let Some(piece) = bytes.next().await {
            sum.add(&piece.map_err(failed)?);
        }
        file.check_bytes(sum.finish())
    };
    stream::once(read).filter_map(|checked| ready(checked.err().map(Err)))
}

/// The bytes of an object.
struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    length: u64,
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { Ok(self.store.get_range(&self.path, range).await?) }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { Ok(self.store.get_ranges(&self.path, &ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let length = self.length;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, length).await?))
        }
        .boxed()
    }
}
