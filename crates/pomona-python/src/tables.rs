//! Tables that Python makes: of Arrow streams, and of images.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, TableReference};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use pomona_session::{parse_statements, plan_statement};

use crate::result::Rows;

/// Makes a table of batches, in the place of an earlier one of this name.
///
/// A batch becomes slices of the session's batch size, which share its buffers, and these are divided over
/// partitions: functions that decode images take a batch at a time on the thread of a partition.
///
/// # Errors
/// When the name cannot be used.
pub(crate) fn register_batches(
    ctx: &SessionContext,
    name: &str,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
) -> Result<()> {
    let config = ctx.copied_config();
    let slices = sliced(&batches, config.batch_size().max(1));
    let each = slices.len().div_ceil(config.target_partitions().max(1));
    let mut partitions: Vec<Vec<RecordBatch>> = match each {
        0 => vec![],
        each => slices.chunks(each).map(<[_]>::to_vec).collect(),
    };
    if partitions.is_empty() {
        partitions.push(vec![]);
    }
    let table = MemTable::try_new(schema, partitions)?;
    ctx.deregister_table(reference(name))?;
    ctx.register_table(reference(name), Arc::new(table))
        .map(drop)
}

fn sliced(batches: &[RecordBatch], most: usize) -> Vec<RecordBatch> {
    let slices = batches.iter().flat_map(|batch| {
        let starts = (0..batch.num_rows()).step_by(most);
        starts.map(|start| batch.slice(start, most.min(batch.num_rows() - start)))
    });
    slices.collect()
}

/// Makes a table of images by the statement that a person would write, in the place of an earlier one of this name,
/// and returns its rows.
///
/// # Errors
/// As the statement.
pub(crate) async fn create_image_table(
    ctx: &SessionContext,
    name: &str,
    location: &str,
    options: &[(String, String)],
) -> anyhow::Result<Rows> {
    let name = reference(name).to_quoted_string();
    let mut sql = format!(
        "CREATE OR REPLACE EXTERNAL TABLE {name} STORED AS IMAGES LOCATION {}",
        literal(location)
    );
    if !options.is_empty() {
        let options: Vec<String> = options
            .iter()
            .map(|(name, value)| format!("{} {}", literal(name), literal(value)))
            .collect();
        sql.push_str(&format!(" OPTIONS ({})", options.join(", ")));
    }
    for sql in [sql, format!("SELECT * FROM {name}")] {
        for statement in parse_statements(ctx, &sql)? {
            let frame = plan_statement(ctx, statement).await?;
            if !frame.schema().fields().is_empty() {
                return Ok(Rows::of_query(frame));
            }
        }
    }
    unreachable!("an image table has columns")
}

/// The table of a name: of a word in lower case, as SQL reads it, and of anything else as it is.
pub(crate) fn reference(name: &str) -> TableReference {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_word =
        name.starts_with(starts) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    TableReference::bare(match is_word {
        true => name.to_ascii_lowercase(),
        false => name.to_string(),
    })
}

/// A text as it stands in a statement.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
