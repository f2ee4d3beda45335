//! Applies filters to the listing, before any object is read.

use std::sync::Arc;

use arrow::array::BooleanArray;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{ColumnarValue, Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::PhysicalExpr;

use crate::listing::{ListedObject, Scope};
use crate::rows::listing_batch;
use crate::schema::{LISTED, listing_schema};

/// The filters of a scan, as a listing applies them.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// What is to be listed.
    pub(crate) scope: Scope,
    /// What of that is selected.
    pub(crate) selection: Selection,
    /// Whether there are no filters, so that every object is selected.
    pub(crate) are_none: bool,
}

impl Conditions {
    /// # Errors
    /// As [`Selection::new`].
    pub(crate) fn new(state: &dyn Session, filters: &[Expr]) -> Result<Self> {
        Ok(Self {
            scope: Scope::new(filters),
            selection: Selection::new(state, filters)?,
            are_none: filters.is_empty(),
        })
    }
}

/// Filters that are all true of what is selected; without any, everything is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    predicate: Option<Arc<dyn PhysicalExpr>>,
}

impl Selection {
    /// # Errors
    /// If a filter cannot be answered by a listing.
    pub(crate) fn new(state: &dyn Session, filters: &[Expr]) -> Result<Self> {
        if let Some(filter) = filters.iter().find(|filter| !is_about_listing(filter)) {
            return plan_err!("the listing of an image table cannot answer the filter {filter}");
        }
        let schema = DFSchema::try_from(listing_schema().as_ref().clone())?;
        let predicate = conjunction(filters.iter().cloned());
        let predicate = predicate.map(|predicate| state.create_physical_expr(predicate, &schema));
        Ok(Self {
            predicate: predicate.transpose()?,
        })
    }

    /// The condition, over the columns of a listing.
    pub(crate) fn predicate(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        self.predicate.as_ref()
    }

    /// The objects for which all filters are true, in their order.
    pub(crate) fn select(&self, objects: Vec<ListedObject>) -> Result<Vec<ListedObject>> {
        let Some(predicate) = &self.predicate else {
            return Ok(objects);
        };
        let keep = evaluate(predicate, &objects)?;
        let kept = objects.into_iter().zip(keep).filter(|(_, keep)| *keep);
        Ok(kept.map(|(object, _)| object).collect())
    }
}

/// Whether `filter` can be applied to the listing exactly: it is about listed columns only, and
/// gives the same answer wherever and whenever it is evaluated.
pub(crate) fn is_about_listing(filter: &Expr) -> bool {
    let schema = listing_schema();
    let listed = |name: &str| schema.column_with_name(name).is_some();
    filter
        .column_refs()
        .into_iter()
        .all(|column| listed(&column.name))
        && !filter.is_volatile()
        && !filter
            .exists(|expr| Ok(needs_execution(expr)))
            .unwrap_or(true)
}

/// Which filters a table over a listing applies itself.
pub(crate) fn pushdown(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let pushdown = |filter: &&Expr| match is_about_listing(filter) {
        true => TableProviderFilterPushDown::Exact,
        false => TableProviderFilterPushDown::Unsupported,
    };
    filters.iter().map(pushdown).collect()
}

/// NULL counts as false, as in WHERE.
fn evaluate(predicate: &Arc<dyn PhysicalExpr>, objects: &[ListedObject]) -> Result<Vec<bool>> {
    let batch = listing_batch(objects, &LISTED, &listing_schema())?;
    match predicate.evaluate(&batch)? {
        ColumnarValue::Scalar(ScalarValue::Boolean(keep)) => {
            Ok(vec![keep == Some(true); objects.len()])
        }
        ColumnarValue::Array(array) if array.as_any().is::<BooleanArray>() => {
            let array: &BooleanArray = arrow::array::AsArray::as_boolean(array.as_ref());
            Ok(array.iter().map(|keep| keep == Some(true)).collect())
        }
        other => plan_err!("the filter {predicate} is of type {}", other.data_type()),
    }
}

/// Expressions that have no value before the plan around them runs.
fn needs_execution(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarSubquery(_)
        | Expr::InSubquery(_)
        | Expr::Exists(_)
        | Expr::SetComparison(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::Placeholder(_)
        | Expr::AggregateFunction(_)
        | Expr::WindowFunction(_)
        | Expr::Unnest(_) => true,
        Expr::ScalarFunction(function) => function.func.as_async().is_some(),
        _ => false,
    }
}
