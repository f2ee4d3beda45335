//! `CREATE EXTERNAL TABLE ... STORED AS IMAGES`.

use std::sync::Arc;

use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::error::Result;
use datafusion::logical_expr::CreateExternalTable;
use futures::future::BoxFuture;

use crate::error::ImagesError;
use crate::options::ImageTableOptions;
use crate::table::ImageTable;

/// Makes image tables; a session registers it under [`ImageTableFactory::FILE_TYPE`].
#[derive(Debug, Default, Clone, Copy)]
pub struct ImageTableFactory;

impl ImageTableFactory {
    /// The word after STORED AS, as sessions register it.
    pub const FILE_TYPE: &'static str = "IMAGES";
}

impl TableProviderFactory for ImageTableFactory {
    // What `async_trait` makes of an `async fn`, but for the statement, which has expressions: see the scan of a table.
    fn create<'factory, 'state, 'statement, 'made>(
        &'factory self,
        state: &'state dyn Session,
        cmd: &'statement CreateExternalTable,
    ) -> BoxFuture<'made, Result<Arc<dyn TableProvider>>>
    where
        'factory: 'made,
        'state: 'made,
        'statement: 'made,
        Self: 'made,
    {
        let options = options(cmd);
        let locations = cmd.locations.clone();
        Box::pin(async move {
            let table = ImageTable::try_new(state, &locations, options?).await?;
            Ok(Arc::new(table) as Arc<dyn TableProvider>)
        })
    }
}

/// The options of a statement whose clauses all mean something.
fn options(cmd: &CreateExternalTable) -> Result<ImageTableOptions> {
    if let Some((clause, reason)) = unsupported_clause(cmd) {
        return Err(ImagesError::UnsupportedClause { clause, reason }.into());
    }
    Ok(ImageTableOptions::parse(&cmd.options)?)
}

/// Clauses that would change nothing are refused rather than ignored.
fn unsupported_clause(cmd: &CreateExternalTable) -> Option<(&'static str, &'static str)> {
    let columns = "the columns are always path, label, length, modification_time, e_tag and \
                   content; leave the list out and choose in SELECT";
    if !cmd.schema.fields().is_empty() {
        Some(("a list of columns", columns))
    } else if !cmd.table_partition_cols.is_empty() {
        Some(("PARTITIONED BY", "the parent folder is the column label"))
    } else if !cmd.order_exprs.is_empty() {
        Some((
            "WITH ORDER",
            "rows of a long listing have no order; use ORDER BY",
        ))
    } else if cmd.unbounded {
        Some(("UNBOUNDED", "each query lists its locations once"))
    } else {
        None
    }
}
