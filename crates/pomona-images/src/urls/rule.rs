//! [`ReadApart`]: moves the reading of URLs out of expressions, into an operator below them.
//!
//! ```text
//! ProjectionExec [mobilenet_v2(read_image(url))]     ProjectionExec [mobilenet_v2(@1)]
//!   DataSourceExec [url]                         ->    ReadUrlsExec: urls=[url]
//!                                                        DataSourceExec [url]
//! ```
//!
//! An expression computes a batch while nothing else happens. The operator reads ahead of it, and
//! holds no more than it may. DataFusion's own operator for asynchronous functions, `AsyncFuncExec`,
//! reads a batch at a time, whatever its bytes, gives two aggregates the column of the first, and
//! reads what a CASE would not.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr, Column};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::exec::{ReadUrls, ReadUrlsExec, UrlRead};
use super::function::{ReadFunc, ReadOutput};
use super::options::ReadOptions;

type Expr = Arc<dyn PhysicalExpr>;
type Plan = Arc<dyn ExecutionPlan>;

/// Puts a [`ReadUrlsExec`] below projections, filters and aggregates that read URLs. It goes before
/// the rules that move projections into scans.
#[derive(Debug)]
pub struct ReadApart;

impl PhysicalOptimizerRule for ReadApart {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let apart = |node: Arc<dyn ExecutionPlan>| {
            let rewritten = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                project(projection, config)?
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                filtered(filter, config)?
            } else if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
                aggregated(aggregate, config)?
            } else {
                None
            };
            Ok(match rewritten {
                Some(plan) => Transformed::yes(plan),
                None => Transformed::no(node),
            })
        };
        plan.transform_up(apart).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "ReadApart"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn project(projection: &ProjectionExec, config: &ConfigOptions) -> Result<Option<Plan>> {
    let exprs = projection.expr().iter();
    let exprs = exprs.map(|projected| Arc::clone(&projected.expr)).collect();
    let Some((exprs, input)) = read_below(exprs, projection.input(), config)? else {
        return Ok(None);
    };
    let named = exprs.into_iter().zip(projection.expr());
    let named = named.map(|(expr, before)| ProjectionExpr {
        expr,
        alias: before.alias.clone(),
    });
    let schema = projection.schema();
    let rewritten = ProjectionExec::try_new_with_schema_metadata(named, input, &schema)?;
    Ok(Some(Arc::new(rewritten)))
}

fn filtered(filter: &FilterExec, config: &ConfigOptions) -> Result<Option<Plan>> {
    let predicate = vec![Arc::clone(filter.predicate())];
    let Some((mut exprs, input)) = read_below(predicate, filter.input(), config)? else {
        return Ok(None);
    };
    let columns = match filter.projection() {
        Some(columns) => columns.to_vec(),
        None => (0..filter.input().schema().fields().len()).collect(),
    };
    let predicate = exprs.remove(0);
    let rewritten = FilterExecBuilder::new(predicate, input)
        .apply_projection(Some(columns))?
        .with_default_selectivity(filter.default_selectivity())
        .with_batch_size(filter.batch_size())
        .with_fetch(filter.fetch())
        .build()?;
    Ok(Some(Arc::new(rewritten)))
}

/// An aggregate of rows. One of partial results has the expressions of its rows for their types
/// alone.
fn aggregated(aggregate: &AggregateExec, config: &ConfigOptions) -> Result<Option<Plan>> {
    use AggregateMode::{Partial, Single, SinglePartitioned};
    if !matches!(aggregate.mode(), Partial | Single | SinglePartitioned) {
        return Ok(None);
    }
    let groups = aggregate.group_expr();
    let of_groups = groups.expr().iter().map(|(expr, _)| Arc::clone(expr));
    let mut exprs: Vec<Expr> = of_groups.collect();
    for function in aggregate.aggr_expr() {
        exprs.extend(function.expressions());
        let orders = function.order_bys().iter();
        exprs.extend(orders.map(|order| Arc::clone(&order.expr)));
    }
    exprs.extend(aggregate.filter_expr().iter().flatten().cloned());
    let Some((exprs, input)) = read_below(exprs, aggregate.input(), config)? else {
        return Ok(None);
    };

    // They come back in the order in which they were listed.
    let mut exprs = exprs.into_iter();
    let named = groups.expr().iter().zip(exprs.by_ref());
    let named = named
        .map(|((_, name), expr)| (expr, name.clone()))
        .collect();
    let groups = PhysicalGroupBy::new(
        named,
        groups.null_expr().to_vec(),
        groups.groups().to_vec(),
        groups.has_grouping_set(),
    );
    let mut functions = vec![];
    for function in aggregate.aggr_expr() {
        let arguments = exprs.by_ref().take(function.expressions().len()).collect();
        let orders = exprs.by_ref().take(function.order_bys().len()).collect();
        let rewritten = AggregateFunctionExpr::with_new_expressions(function, arguments, orders);
        // Without a rewritten function the aggregate reads the URLs itself.
        let Some(rewritten) = rewritten else {
            return Ok(None);
        };
        functions.push(Arc::new(rewritten));
    }
    let filters = aggregate.filter_expr().iter();
    let filters = filters.map(|filter| filter.as_ref().and_then(|_| exprs.next()));
    let filters = filters.collect();
    let schema = input.schema();
    let mode = *aggregate.mode();
    let rewritten = AggregateExec::try_new(mode, groups, functions, filters, input, schema)?;
    let rewritten = rewritten.with_limit_options(aggregate.limit_options());
    Ok(Some(Arc::new(rewritten)))
}

/// Expressions that read nothing, over an input that has read what they did; `None` where they read
/// nothing before.
fn read_below(
    exprs: Vec<Expr>,
    input: &Plan,
    config: &ConfigOptions,
) -> Result<Option<(Vec<Expr>, Plan)>> {
    let mut calls = vec![];
    for expr in &exprs {
        find(expr, &mut calls)?;
    }
    if calls.is_empty() {
        return Ok(None);
    }
    // Calls with the same URL are one request.
    let mut reads: Vec<(Expr, Vec<(Expr, ReadOutput)>)> = vec![];
    for call in calls {
        let Some((url, output)) = read_call(&call) else {
            continue;
        };
        let url = Arc::clone(url);
        match reads.iter_mut().find(|(known, _)| known.eq(&url)) {
            Some((_, outputs)) => outputs.push((call, output)),
            None => reads.push((url, vec![(call, output)])),
        }
    }

    let keep = input.schema().fields().len();
    let mut computed = vec![];
    let mut config = ReadUrls {
        keep,
        reads: vec![],
        options: ReadOptions::of(config)?,
    };
    let mut columns: Vec<(Expr, Expr)> = vec![];
    for (url, outputs) in reads {
        let column = match url.downcast_ref::<Column>() {
            Some(column) => column.index(),
            None => {
                let alias = format!("__url_{}", computed.len());
                computed.push(ProjectionExpr { expr: url, alias });
                keep + computed.len() - 1
            }
        };
        config.reads.push(UrlRead {
            column,
            outputs: outputs.iter().map(|(_, output)| *output).collect(),
        });
        for (call, _) in outputs {
            let column = column_at(keep, columns.len());
            columns.push((call, column));
        }
    }

    let input = match computed.is_empty() {
        true => Arc::clone(input),
        false => with_columns(input, computed)?,
    };
    let read: Plan = Arc::new(ReadUrlsExec::try_new(input, config)?);
    let replace = |expr: Expr| {
        let replaced = expr.transform_down(|part| {
            let column = columns.iter().find(|(call, _)| call.eq(&part));
            Ok(match column {
                Some((_, column)) => {
                    Transformed::new(Arc::clone(column), true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(part),
            })
        });
        replaced.map(|replaced| replaced.data)
    };
    let exprs = exprs.into_iter().map(replace).collect::<Result<_>>()?;
    Ok(Some((exprs, read)))
}

/// The column of the number-th output of a [`ReadUrlsExec`].
fn column_at(keep: usize, number: usize) -> Expr {
    Arc::new(Column::new(&format!("__read_{number}"), keep + number))
}

/// All columns of an input, and more behind them.
fn with_columns(input: &Plan, computed: Vec<ProjectionExpr>) -> Result<Plan> {
    let schema = input.schema();
    let fields = schema.fields().iter().enumerate();
    let columns = fields.map(|(index, field)| ProjectionExpr {
        expr: Arc::new(Column::new(field.name(), index)),
        alias: field.name().clone(),
    });
    let exprs: Vec<_> = columns.chain(computed).collect();
    Ok(Arc::new(ProjectionExec::try_new(exprs, Arc::clone(input))?))
}

/// Collects the calls that are made for every row, each once. What a CASE, AND, OR or another
/// expression may leave out is left to it.
fn find(expr: &Expr, calls: &mut Vec<Expr>) -> Result<()> {
    if let Some((url, _)) = read_call(expr) {
        let before = calls.len();
        find(url, calls)?;
        // A URL that has to be read first is read below, and this call where it stands.
        let is_nested = calls.len() > before;
        if !is_nested && !reads_within(url)? && !calls.contains(expr) {
            calls.push(Arc::clone(expr));
        }
        return Ok(());
    }
    if expr.is::<CaseExpr>() {
        return Ok(());
    }
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>()
        && matches!(binary.op(), Operator::And | Operator::Or)
    {
        return find(binary.left(), calls);
    }
    let function = expr.downcast_ref::<ScalarFunctionExpr>();
    if function.is_some_and(|function| function.fun().short_circuits()) {
        return Ok(());
    }
    for child in expr.children() {
        find(child, calls)?;
    }
    Ok(())
}

/// The URL of a call, and what is wanted of it.
fn read_call(expr: &Expr) -> Option<(&Expr, ReadOutput)> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let function = call.fun().inner().downcast_ref::<ReadFunc>()?;
    Some((call.args().first()?, function.output()))
}

fn reads_within(expr: &Expr) -> Result<bool> {
    expr.exists(|part| Ok(read_call(part).is_some()))
}
