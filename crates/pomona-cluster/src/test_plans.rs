//! Plans that the rules rewrite, in their tests.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::expressions::col;
use datafusion::physical_plan::{ExecutionPlan, displayable};

type Plan = Arc<dyn ExecutionPlan>;

/// Two partitions of rows in memory, each sorted by the column a.
pub(crate) fn sorted_rows() -> Plan {
    let rows = source();
    let schema = rows.original_schema();
    let order = PhysicalSortExpr::new_default(col("a", &schema).unwrap());
    let order = LexOrdering::new([order]).unwrap();
    let rows = rows.try_with_sort_information(vec![order]).unwrap();
    DataSourceExec::from_data_source(rows)
}

/// Two partitions of rows in memory.
pub(crate) fn rows() -> Plan {
    DataSourceExec::from_data_source(source())
}

fn source() -> MemorySourceConfig {
    let batch = |values: Vec<i64>| {
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(values)) as _)]).unwrap()
    };
    let partitions = [vec![batch(vec![1, 2])], vec![batch(vec![3, 4])]];
    let schema = partitions[0][0].schema();
    MemorySourceConfig::try_new(&partitions, schema, None).unwrap()
}

/// A plan before and after a rule.
pub(crate) fn rewritten(plan: Plan, rule: impl PhysicalOptimizerRule) -> String {
    let text = |plan: &Plan| displayable(plan.as_ref()).indent(false).to_string();
    let before = text(&plan);
    let after = rule.optimize(plan, &ConfigOptions::default()).unwrap();
    format!("{before}becomes\n{}", text(&after))
}
