//! `SELECT … FROM images('s3://bucket/data/', recursive => false)`: an image table without a name.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, TableFactor,
};
use futures::future::BoxFuture;

use crate::error::ImagesError;
use crate::listing_files::names_listing;
use crate::options::ImageTableOptions;
use crate::schema::{listed_schema, table_schema};
use crate::selection::{Conditions, pushdown};
use crate::table::ImageTable;

/// Plans the table function `images`. It is a planner of relations, because DataFusion's table
/// functions have no arguments with names.
#[derive(Debug, Default, Clone, Copy)]
pub struct ImagesFunction;

impl ImagesFunction {
    /// The function's name in SQL.
    pub const NAME: &'static str = "images";
}

impl RelationPlanner for ImagesFunction {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Table {
            name,
            alias,
            args: Some(arguments),
            ..
        } = &relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let function = context.object_name_to_table_reference(name.clone())?;
        if function != TableReference::bare(Self::NAME) {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let table = NamedImages::new(&arguments.args, context)?;
        let source = provider_as_source(Arc::new(table));
        let plan = LogicalPlanBuilder::scan(Self::NAME, source, None)?.build()?;
        let planned = PlannedRelation::new(plan, alias.clone());
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

/// Images at locations of which no store has been asked: a function is planned where nothing can
/// wait for an answer.
#[derive(Debug)]
struct NamedImages {
    locations: Vec<String>,
    options: ImageTableOptions,
}

impl NamedImages {
    fn new(arguments: &[FunctionArg], context: &mut dyn RelationPlannerContext) -> Result<Self> {
        let mut locations = vec![];
        let mut options: Vec<(String, String)> = vec![];
        for argument in arguments {
            match named(argument) {
                Some((name, value)) => {
                    let name = context.normalize_ident(name.clone());
                    if options.iter().any(|(given, _)| *given == name) {
                        return refuse(format!("{name} is there twice"));
                    }
                    let value = constant(value, context)?;
                    if value.is_null() {
                        return refuse(format!("{name} is NULL"));
                    }
                    options.push((name, value.to_string()));
                }
                None => match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) if locations.is_empty() => {
                        let value = constant(value, context)?;
                        let Some(texts) = texts(&value) else {
                            return refuse(format!("{value} is no location"));
                        };
                        locations = texts;
                    }
                    other => return refuse(format!("{other} has no name")),
                },
            }
        }
        if locations.is_empty() {
            return refuse("the location is missing".to_owned());
        }
        let options = options.iter().map(|(name, value)| (name, value));
        Ok(Self {
            locations,
            options: ImageTableOptions::parse(options)?,
        })
    }
}

/// An argument with a name: `name => value`, `name := value`, or `name = value` as in DuckDB.
fn named(argument: &FunctionArg) -> Option<(&Ident, &SqlExpr)> {
    match argument {
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            ..
        } => Some((name, value)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        })) => match left.as_ref() {
            SqlExpr::Identifier(name) => Some((name, right.as_ref())),
            _ => None,
        },
        _ => None,
    }
}

/// The value of an expression without columns.
fn constant(expr: &SqlExpr, context: &mut dyn RelationPlannerContext) -> Result<ScalarValue> {
    let schema = DFSchema::empty();
    let planned = context.sql_to_expr(expr.clone(), &schema)?;
    let options = Arc::new(context.context_provider().options().clone());
    let simplify = SimplifyContext::builder().with_config_options(options);
    let simplifier = ExprSimplifier::new(simplify.build());
    match simplifier.simplify(simplifier.coerce(planned, &schema)?)? {
        Expr::Literal(value, _) => Ok(value),
        _ => refuse(format!("{expr} is not known before the query runs")),
    }
}

/// A text, or the texts of a list.
fn texts(value: &ScalarValue) -> Option<Vec<String>> {
    if let Some(text) = value.try_as_str() {
        return Some(vec![text?.to_owned()]);
    }
    let ScalarValue::List(list) = value else {
        return None;
    };
    let elements = list.value(0);
    let text = |at| {
        let element = ScalarValue::try_from_array(&elements, at).ok()?;
        element.try_as_str().flatten().map(str::to_owned)
    };
    (0..elements.len()).map(text).collect()
}

fn refuse<T>(reason: String) -> Result<T> {
    Err(ImagesError::Arguments { reason }.into())
}

impl TableProvider for NamedImages {
    fn schema(&self) -> SchemaRef {
        let mut locations = self.locations.iter();
        let is_from_file = locations.any(|location| names_listing(location, &self.options));
        listed_schema(&table_schema(&self.options), is_from_file)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters))
    }

    // As that of `ImageTable`.
    fn scan<'table, 'state, 'columns, 'filters, 'plan>(
        &'table self,
        state: &'state dyn Session,
        projection: Option<&'columns Vec<usize>>,
        filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'plan, Result<Arc<dyn ExecutionPlan>>>
    where
        'table: 'plan,
        'state: 'plan,
        'columns: 'plan,
        'filters: 'plan,
        Self: 'plan,
    {
        let conditions = Conditions::new(state, filters);
        Box::pin(async move {
            let table = ImageTable::try_new(state, &self.locations, self.options.clone()).await?;
            table.require_matches(state.runtime_env()).await?;
            table.plan(state, projection, conditions?, limit).await
        })
    }
}
