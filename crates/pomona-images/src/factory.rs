//! `CREATE EXTERNAL TABLE ... STORED AS IMAGES`.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::error::Result;
use datafusion::logical_expr::CreateExternalTable;

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

#[async_trait]
impl TableProviderFactory for ImageTableFactory {
    async fn create(
        &self,
        state: &dyn Session,
        cmd: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        if let Some((clause, reason)) = unsupported_clause(cmd) {
            return Err(ImagesError::UnsupportedClause { clause, reason }.into());
        }
        let options = ImageTableOptions::parse(&cmd.options)?;
        Ok(Arc::new(
            ImageTable::try_new(state, &cmd.locations, options).await?,
        ))
    }
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
