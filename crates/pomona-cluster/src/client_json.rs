//! JSON arrays, which the client reads: executors take every JSON file for one object a line.
//!
//! ```sql
//! CREATE EXTERNAL TABLE t STORED AS JSON LOCATION 'array.json' OPTIONS (newline_delimited 'false');
//! SELECT * FROM t   -- on an executor: an error, since a line begins with [
//! ```
//!
//! Upstream: the encoding of a scan of JSON, `JsonScanExecNode`, has no field for it.
//! Remove when: `tests/pomona/traps/json.rs` says that it arrives.

use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

/// Whether a query reads a table of files that are JSON arrays.
///
/// # Errors
/// Those of walking the plan.
pub(crate) fn has_json_arrays(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(table) = source_as_provider(&scan.source)
        {
            found |= is_json_array(table.as_ref());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn is_json_array(table: &dyn TableProvider) -> bool {
    let format = table.downcast_ref::<ListingTable>().and_then(|table| {
        let format = &table.options().format;
        format.downcast_ref::<JsonFormat>()
    });
    format.is_some_and(|format| !format.is_newline_delimited())
}
