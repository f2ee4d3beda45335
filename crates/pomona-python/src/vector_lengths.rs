//! [`vector_lengths`]: how long the vectors of a column are, where its type or its query says so.
//!
//! A list has a length of its own in every row, so that neither the type nor a result without rows says it. An array of
//! NumPy has the same length in all rows, and the features of no images are `[0, 1280]`.

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use pomona_backbones::backbone;
use pomona_functions::FEATURE_LEN;
use pomona_results::vector_length;

/// The length of the vectors of each column of a query; `None` where nothing says it.
pub(crate) fn vector_lengths(plan: &LogicalPlan) -> Vec<Option<usize>> {
    let columns = plan.schema().fields().len();
    (0..columns).map(|column| of_column(plan, column)).collect()
}

/// The length that a type has.
fn of_type(kind: &DataType) -> Option<usize> {
    match kind {
        DataType::FixedSizeList(_, length) => usize::try_from(*length).ok(),
        _ => None,
    }
}

fn of_column(plan: &LogicalPlan, column: usize) -> Option<usize> {
    let kind = plan.schema().fields().get(column)?.data_type();
    match kind {
        DataType::FixedSizeList(..) => return of_type(kind),
        DataType::List(_) | DataType::LargeList(_) => {}
        _ => return None,
    }
    match plan {
        LogicalPlan::Projection(made) => of_expr(made.expr.get(column)?, &made.input),
        LogicalPlan::Filter(kept) => of_column(&kept.input, column),
        LogicalPlan::Sort(sorted) => of_column(&sorted.input, column),
        LogicalPlan::Limit(kept) => of_column(&kept.input, column),
        LogicalPlan::Repartition(divided) => of_column(&divided.input, column),
        LogicalPlan::SubqueryAlias(named) => of_column(&named.input, column),
        LogicalPlan::Distinct(Distinct::All(input)) => of_column(input, column),
        // The columns of the input, and then those of the windows.
        LogicalPlan::Window(widened) => of_column(&widened.input, column),
        LogicalPlan::Aggregate(groups) => of_expr(groups.group_expr.get(column)?, &groups.input),
        LogicalPlan::Union(all) => all.inputs.iter().find_map(|input| of_column(input, column)),
        LogicalPlan::Join(both) => {
            let sides = [&both.left, &both.right].map(|side| side.schema().fields().len());
            // Those of one side follow those of the other, unless rows of one side alone are kept.
            match column.checked_sub(sides[0]) {
                _ if plan.schema().fields().len() != sides[0] + sides[1] => None,
                None => of_column(&both.left, column),
                Some(column) => of_column(&both.right, column),
            }
        }
        LogicalPlan::TableScan(table) => {
            let column = match &table.projection {
                Some(columns) => *columns.get(column)?,
                None => column,
            };
            if let Some(view) = table.source.get_logical_plan() {
                return of_column(&view, column);
            }
            let provider = source_as_provider(&table.source).ok()?;
            vector_length(provider.as_ref(), provider.schema().field(column).name())
        }
        _ => None,
    }
}

fn of_expr(expr: &Expr, input: &LogicalPlan) -> Option<usize> {
    match expr {
        Expr::Alias(named) => of_expr(&named.expr, input),
        Expr::Cast(cast) => of_expr(&cast.expr, input),
        Expr::Column(column) => of_column(input, input.schema().maybe_index_of_column(column)?),
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then);
            let mut results = results.chain(&case.else_expr);
            results.find_map(|result| of_expr(result, input))
        }
        Expr::Literal(ScalarValue::List(list), _) if list.len() == 1 && list.is_valid(0) => {
            Some(list.value(0).len())
        }
        Expr::ScalarFunction(call) => match (call.name(), call.args.as_slice()) {
            ("mobilenet_v2" | "try_mobilenet_v2", _) => Some(FEATURE_LEN),
            ("image_features" | "try_image_features", [_, Expr::Literal(network, _)]) => {
                let network = network.try_as_str()??;
                backbone(network).ok().map(|network| network.feature_len())
            }
            ("make_array", values) => Some(values.len()),
            _ => None,
        },
        _ => None,
    }
}
