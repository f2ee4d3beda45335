//! [`JsonTextInCsv`]: lists and structs in `COPY … STORED AS CSV`.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;
use pomona_functions::ToJsonFunc;

/// Writes lists, structs and maps to CSV as JSON text, as DuckDB does: DataFusion's writer fails at
/// the first row, after the header.
#[derive(Debug)]
pub(crate) struct JsonTextInCsv;

impl AnalyzerRule for JsonTextInCsv {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let LogicalPlan::Copy(mut copy) = plan else {
            return Ok(plan);
        };
        let has_nested = |plan: &LogicalPlan| {
            let mut fields = plan.schema().fields().iter();
            fields.any(|field| field.data_type().is_nested())
        };
        if copy.file_type.get_ext() == "csv" && has_nested(&copy.input) {
            let input = LogicalPlan::clone(&copy.input);
            let columns: Vec<Expr> = input
                .schema()
                .iter()
                .map(|(qualifier, field)| {
                    let column = Expr::from((qualifier, field));
                    match field.data_type().is_nested() {
                        true => ScalarUDF::from(ToJsonFunc::new())
                            .call(vec![column])
                            .alias(field.name()),
                        false => column,
                    }
                })
                .collect();
            copy.input = Arc::new(LogicalPlanBuilder::from(input).project(columns)?.build()?);
        }
        Ok(LogicalPlan::Copy(copy))
    }

    fn name(&self) -> &str {
        "JsonTextInCsv"
    }
}
