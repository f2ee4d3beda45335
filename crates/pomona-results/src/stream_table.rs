//! [`stream_table`]: a table whose rows come from a stream of this program.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream::BoxStream;

/// A stream of rows.
pub(crate) type Rows = BoxStream<'static, Result<RecordBatch>>;

/// A table of one partition, whose scans read what the function returns.
///
/// # Errors
/// Never for one partition of this schema.
pub(crate) fn stream_table(
    schema: SchemaRef,
    rows: impl Fn() -> Rows + Send + Sync + 'static,
) -> Result<Arc<dyn TableProvider>> {
    let partition = Partition {
        schema: Arc::clone(&schema),
        rows: Box::new(rows),
    };
    let table = StreamingTable::try_new(schema, vec![Arc::new(partition)])?;
    Ok(Arc::new(table))
}

struct Partition {
    schema: SchemaRef,
    rows: Box<dyn Fn() -> Rows + Send + Sync>,
}

impl Debug for Partition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").finish_non_exhaustive()
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, (self.rows)()))
    }
}
