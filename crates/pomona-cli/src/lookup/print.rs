//! The rows of a look-up, in the forms of `pomona sql`.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::instant::Instant;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreRegistry;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use pomona_driver::Lookup;

use crate::arguments::GeneralArguments;

/// Prints the statements of a look-up.
pub(crate) fn show_sql(lookup: &Lookup) -> io::Result<()> {
    io::stdout().write_all(lookup.sql().as_bytes())
}

/// Prints rows on standard output.
pub(crate) struct Printer(PrintOptions);

impl Printer {
    /// Prints in a form; the stores are what the session was opened with.
    pub(crate) fn new(
        format: PrintFormat,
        general: &GeneralArguments,
        stores: Arc<InstrumentedObjectStoreRegistry>,
    ) -> Self {
        // "Automatic" is a table, as in pomona sql.
        let format = match format {
            PrintFormat::Automatic => PrintFormat::Table,
            format => format,
        };
        Self(PrintOptions {
            format,
            quiet: true,
            maxrows: MaxRows::Unlimited,
            color: general.color.on(io::stdout().is_terminal()),
            instrumented_registry: stores,
        })
    }

    /// Runs a query, prints its rows and returns them.
    pub(crate) async fn print(
        &self,
        ctx: &SessionContext,
        frame: DataFrame,
    ) -> Result<Vec<RecordBatch>> {
        let start = Instant::now();
        let options = ctx.state().config_options().format.clone();
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        self.0
            .print_batches(schema, &batches, start, rows, &options)?;
        io::stdout().flush()?;
        Ok(batches)
    }
}
