//! Writes the rows of a result in the formats of `--format`.

use std::io::Write;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::{ArrayWriter, LineDelimitedWriter};
use datafusion::common::Result;
use datafusion::config::FormatOptions;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::MaxRows;
use pomona_functions::json_text;
use std::sync::Arc;

/// Writes the rows of one result, batch by batch if the format allows it.
///
/// A result without rows has its header, or an empty JSON array; one without columns, such as that
/// of `CREATE TABLE`, has nothing. CSV and TSV have no lists and structs: they are JSON text there.
pub(crate) struct RowWriter<W: Write> {
    schema: SchemaRef,
    form: Form<W>,
}

enum Form<W: Write> {
    /// A table needs all its rows for the widths of its columns.
    Table {
        out: W,
        kept: Vec<RecordBatch>,
        rows: usize,
        max_rows: MaxRows,
        options: Box<FormatOptions>,
    },
    Separated(Box<csv::Writer<W>>),
    Json(Box<ArrayWriter<W>>),
    NdJson(Box<LineDelimitedWriter<W>>),
    Nothing,
}

impl<W: Write> RowWriter<W> {
    /// A writer of rows of a schema.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub(crate) fn new(
        out: W,
        schema: SchemaRef,
        format: PrintFormat,
        max_rows: MaxRows,
        options: &FormatOptions,
    ) -> Result<Self> {
        let separated = |out, delimiter| {
            let builder = csv::WriterBuilder::new().with_delimiter(delimiter);
            Form::Separated(Box::new(builder.build(out)))
        };
        let form = match format {
            _ if schema.fields().is_empty() => Form::Nothing,
            // "Automatic" is a table, on a terminal and in a pipe alike.
            PrintFormat::Table | PrintFormat::Automatic => Form::Table {
                out,
                kept: vec![],
                rows: 0,
                max_rows,
                options: Box::new(options.clone()),
            },
            PrintFormat::Csv => separated(out, b','),
            PrintFormat::Tsv => separated(out, b'\t'),
            PrintFormat::Json => Form::Json(Box::new(ArrayWriter::new(out))),
            PrintFormat::NdJson => Form::NdJson(Box::new(LineDelimitedWriter::new(out))),
        };
        let mut this = Self { schema, form };
        if let Form::Separated(_) = this.form {
            this.write(&RecordBatch::new_empty(Arc::clone(&this.schema)))?;
        }
        Ok(this)
    }

    /// Writes the rows of a batch.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.form {
            Form::Table {
                kept,
                rows,
                max_rows,
                ..
            } => {
                let keep = match max_rows {
                    MaxRows::Limited(most) => *most,
                    MaxRows::Unlimited => usize::MAX,
                };
                // One row more than is shown, to know whether there are more.
                if *rows <= keep {
                    let left = (keep - *rows).saturating_add(1);
                    kept.push(batch.slice(0, batch.num_rows().min(left)));
                }
                *rows += batch.num_rows();
            }
            Form::Separated(writer) => writer.write(&without_nesting(batch)?)?,
            Form::Json(writer) => writer.write(batch)?,
            Form::NdJson(writer) => writer.write(batch)?,
            Form::Nothing => {}
        }
        Ok(())
    }

    /// Writes the rows that could not be written before all rows were known.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub(crate) fn finish(self) -> Result<()> {
        match self.form {
            Form::Table {
                mut out,
                kept,
                max_rows,
                options,
                ..
            } => {
                PrintFormat::Table.print_batches(
                    &mut out,
                    self.schema,
                    &kept,
                    max_rows,
                    true,
                    &options,
                )?;
                out.flush()?;
            }
            Form::Separated(writer) => writer.into_inner().flush()?,
            Form::Json(mut writer) => {
                writer.finish()?;
                let mut out = writer.into_inner();
                out.write_all(b"\n")?;
                out.flush()?;
            }
            Form::NdJson(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            Form::Nothing => {}
        }
        Ok(())
    }
}

/// The table that `pomona sql` prints, with at most `max_rows` rows; all if `None`.
///
/// # Errors
/// When a value cannot be formatted.
pub fn table_text(
    schema: SchemaRef,
    batches: &[RecordBatch],
    max_rows: Option<usize>,
    options: &FormatOptions,
) -> Result<String> {
    let max_rows = max_rows.map_or(MaxRows::Unlimited, MaxRows::Limited);
    let mut text = vec![];
    let mut writer = RowWriter::new(&mut text, schema, PrintFormat::Table, max_rows, options)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The batch with JSON text for lists, structs and maps.
fn without_nesting(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (vec![], vec![]);
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            fields.push(Field::new(field.name(), DataType::Utf8, true));
            columns.push(json_text(column)?);
        } else {
            fields.push(field.as_ref().clone());
            columns.push(Arc::clone(column));
        }
    }
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeListArray, Int32Array};
    use arrow::datatypes::Float32Type;

    use super::*;

    fn written(format: PrintFormat, batches: &[RecordBatch], schema: SchemaRef) -> String {
        let mut out = vec![];
        let options = FormatOptions::default();
        let mut writer =
            RowWriter::new(&mut out, schema, format, MaxRows::Unlimited, &options).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn batch() -> RecordBatch {
        let rows = [Some([Some(0.5), None]), None];
        let list = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2);
        let columns = [
            ("n", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef),
            ("v", Arc::new(list) as ArrayRef),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, c)| (name, c, true))).unwrap()
    }

    #[test]
    fn no_rows_have_a_header_and_an_empty_array() {
        let schema = batch().schema();
        for (format, expected) in [
            (PrintFormat::Csv, "n,v\n"),
            (PrintFormat::Tsv, "n\tv\n"),
            (PrintFormat::Json, "[]\n"),
            (PrintFormat::NdJson, ""),
        ] {
            assert_eq!(written(format, &[], Arc::clone(&schema)), expected);
            let empty = RecordBatch::new_empty(Arc::clone(&schema));
            assert_eq!(written(format, &[empty], Arc::clone(&schema)), expected);
            assert_eq!(written(format, &[], Arc::new(Schema::empty())), "");
        }
    }

    #[test]
    fn lists_are_json_text() {
        let (batch, schema) = (batch(), batch().schema());
        let csv = written(
            PrintFormat::Csv,
            std::slice::from_ref(&batch),
            Arc::clone(&schema),
        );
        assert_eq!(csv, "n,v\n1,\"[0.5,null]\"\n2,\n");
        let both = [batch.slice(0, 1), batch.slice(1, 1)];
        assert_eq!(written(PrintFormat::Csv, &both, Arc::clone(&schema)), csv);
        let json = written(PrintFormat::Json, &both, schema);
        assert_eq!(json, "[{\"n\":1,\"v\":[0.5,null]},{\"n\":2}]\n");
    }
}
