//! Writes a Parquet file as Hugging Face's libraries do: a struct `image` of bytes and path, and the
//! label.

use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::members::Members;
use super::{Image, PackError, images};

/// The most bytes of images of a row group, unless one has more: a reader takes a row group as one.
const ROW_GROUP: usize = 16 << 20;

/// By this Hugging Face's libraries know that the column holds images.
const FEATURES: &str = r#"{"info":{"features":{"image":{"_type":"Image"},"label":{"dtype":"string","_type":"Value"}}}}"#;

pub(super) async fn write(
    writer: &mut BufWriter,
    mut rows: SendableRecordBatchStream,
    members: &Members,
    failed: impl Fn(io::Error) -> PackError,
) -> Result<(), PackError> {
    let failed = |error: ParquetError| failed(io::Error::other(error));
    let schema = schema();
    let properties = properties();
    let mut file = AsyncArrowWriter::try_new(writer, Arc::clone(&schema), Some(properties))
        .map_err(&failed)?;
    let mut position = 0;
    let mut bytes = 0;
    while let Some(batch) = rows.try_next().await? {
        for image in images(&batch)? {
            let name = members.name(position, image.content.len())?;
            if bytes > 0 && bytes + image.content.len() > ROW_GROUP {
                file.flush().await.map_err(&failed)?;
                bytes = 0;
            }
            bytes += image.content.len();
            position += 1;
            let row = row(&schema, name, &image)?;
            file.write(&row).await.map_err(&failed)?;
        }
    }
    members.all(position)?;
    file.close().await.map_err(&failed)?;
    Ok(())
}

fn image_fields() -> Fields {
    Fields::from(vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ])
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("image", DataType::Struct(image_fields()), true),
        Field::new("label", DataType::Utf8, true),
    ]))
}

fn properties() -> WriterProperties {
    let bytes = ColumnPath::new(vec!["image".to_owned(), "bytes".to_owned()]);
    let features = KeyValue::new("huggingface".to_owned(), FEATURES.to_owned());
    WriterProperties::builder()
        // Images are compressed already.
        .set_compression(Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(bytes.clone(), false)
        .set_column_statistics_enabled(bytes, EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![features]))
        .build()
}

fn row(schema: &SchemaRef, name: &str, image: &Image<'_>) -> Result<RecordBatch, PackError> {
    let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![image.content]));
    let path: ArrayRef = Arc::new(StringArray::from(vec![name]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StructArray::new(image_fields(), vec![bytes, path], None)),
        Arc::new(StringArray::from(vec![image.label])),
    ];
    let row = RecordBatch::try_new(Arc::clone(schema), columns);
    Ok(row.map_err(DataFusionError::from)?)
}
