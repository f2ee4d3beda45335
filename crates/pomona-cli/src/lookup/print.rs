//! Prints the rows of a look-up, in the formats of `pomona sql`.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::MaxRows;
use pomona_analysis::Lookup;

use crate::rows::RowWriter;
use crate::terminal::stdout;

/// Prints the statements of a look-up.
pub(crate) fn show_sql(lookup: &Lookup) -> io::Result<()> {
    stdout().write_all(lookup.sql().as_bytes())
}

/// Runs a query, prints its rows on standard output and returns them.
pub(crate) async fn print(
    ctx: &SessionContext,
    frame: DataFrame,
    format: PrintFormat,
) -> Result<Vec<RecordBatch>> {
    let options = ctx.state().config_options().format.clone();
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await?;
    let mut writer = RowWriter::new(stdout(), schema, format, MaxRows::Unlimited, &options)?;
    for batch in &batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(batches)
}
