//! Rows for a terminal: cells as short texts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;

use crate::result::Held;

/// The rows with bytes as their length, `5,731 bytes`, and texts, lists and structs of at most `most` characters: longer
/// ones end in `…`.
///
/// # Errors
/// When a value cannot be formatted.
pub(crate) fn shortened(held: &Held, most: usize) -> Result<Held> {
    let options: FormatOptions<'_> = held.format.as_ref().try_into()?;
    let mut schema = Arc::clone(&held.schema);
    let mut batches = vec![];
    for batch in &held.batches {
        let batch = short_cells(batch, most.max(1), &options)?;
        schema = batch.schema();
        batches.push(batch);
    }
    Ok(Held {
        schema,
        batches,
        ..held.clone()
    })
}

fn short_cells(
    batch: &RecordBatch,
    most: usize,
    options: &FormatOptions<'_>,
) -> Result<RecordBatch> {
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (vec![], vec![]);
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let texts = match field.data_type() {
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                Some(lengths(column)?)
            }
            kind if kind.is_nested() || kind.is_string() => Some(cut(column, most, options)?),
            _ => None,
        };
        match texts {
            Some(texts) => {
                fields.push(Field::new(field.name(), DataType::Utf8, true));
                columns.push(Arc::new(texts));
            }
            None => {
                fields.push(field.as_ref().clone());
                columns.push(Arc::clone(column));
            }
        }
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
}

fn lengths(column: &ArrayRef) -> Result<StringArray> {
    let bytes = cast(column, &DataType::LargeBinary)?;
    let bytes = bytes.as_binary::<i64>();
    let texts = bytes
        .iter()
        .map(|bytes| bytes.map(|bytes| length_text(bytes.len())));
    Ok(texts.collect())
}

/// `5,731 bytes`.
fn length_text(length: usize) -> String {
    let digits = length.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let unit = if length == 1 { "byte" } else { "bytes" };
    format!("{text} {unit}")
}

fn cut(column: &ArrayRef, most: usize, options: &FormatOptions<'_>) -> Result<StringArray> {
    let formatter = ArrayFormatter::try_new(column, options)?;
    let text = |row| {
        let text = formatter.value(row).to_string();
        match text.char_indices().nth(most) {
            None => text,
            Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        }
    };
    let rows = (0..column.len()).map(|row| (!column.is_null(row)).then(|| text(row)));
    Ok(rows.collect())
}
