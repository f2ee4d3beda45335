//! How many objects and bytes a listing in a plan names.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// The size of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ListingSummary {
    pub objects: usize,
    /// The sum of the listed lengths.
    pub bytes: u64,
}

impl ListingSummary {
    /// All partitions of a listing in memory; `None` for any other plan.
    pub(crate) fn of(listing: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        Self::of_partition(listing, None)
    }

    /// One partition, or all, of a listing in memory.
    ///
    /// It is counted from the rows rather than kept beside them, because optimisers and schedulers
    /// rewrite the rows: they limit them, and divide them among tasks.
    pub(crate) fn of_partition(
        listing: &Arc<dyn ExecutionPlan>,
        partition: Option<usize>,
    ) -> Option<Self> {
        let source = listing.downcast_ref::<DataSourceExec>()?;
        let source = source.data_source().downcast_ref::<MemorySourceConfig>()?;
        let limit = listing.fetch().unwrap_or(usize::MAX);
        let partitions = match partition {
            Some(partition) => source.partitions().get(partition..=partition)?,
            None => source.partitions(),
        };
        let mut summary = Self::default();
        for batches in partitions {
            let mut left = limit;
            for batch in batches {
                let rows = batch.num_rows().min(left);
                summary.objects += rows;
                summary.bytes += listed_bytes(&batch.slice(0, rows))?;
                left -= rows;
            }
        }
        Some(summary)
    }
}

fn listed_bytes(batch: &RecordBatch) -> Option<u64> {
    let lengths = batch
        .column_by_name("length")?
        .as_primitive_opt::<Int64Type>()?;
    Some(
        lengths
            .iter()
            .flatten()
            .filter_map(|length| u64::try_from(length).ok())
            .sum(),
    )
}
