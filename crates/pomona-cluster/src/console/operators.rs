//! The operators of a stage, with the metrics that its tasks reported.

use std::fmt::Write;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use pomona_images::ImageScanExec;

/// An operator of a stage.
struct Operator<'a> {
    plan: &'a dyn ExecutionPlan,
    depth: usize,
    metrics: Option<&'a MetricsSet>,
}

/// The operators of a stage in the order of the metrics.
///
/// Tasks report a list of metrics, one for each operator that has any, as a walk from the root meets them;
/// the scheduler has the same plan, and finds by the same walk whose they are.
pub(super) struct Operators<'a>(Vec<Operator<'a>>);

impl<'a> Operators<'a> {
    pub(super) fn of(plan: &'a dyn ExecutionPlan, metrics: &'a [MetricsSet]) -> Self {
        let mut operators = vec![];
        walk(plan, 0, &mut operators);
        let with_metrics = operators.iter().filter(|operator| operator.1);
        // Metrics of a plan of another shape belong to no operator of this one.
        let fits = with_metrics.count() == metrics.len();
        let mut next = metrics.iter().filter(|_| fits);
        let operators = operators
            .into_iter()
            .map(|(plan, has_metrics, depth)| Operator {
                plan,
                depth,
                metrics: has_metrics.then(|| next.next()).flatten(),
            });
        Self(operators.collect())
    }

    /// The rows that the leaves read and that the root wrote.
    pub(super) fn rows(&self) -> (u64, u64) {
        let of = |operator: &Operator<'_>| operator.metrics.and_then(MetricsSet::output_rows);
        let leaves = self.0.iter();
        let leaves = leaves.filter(|operator| operator.plan.children().is_empty());
        let read: usize = leaves.filter_map(of).sum();
        (read as u64, self.0.first().and_then(of).unwrap_or(0) as u64)
    }

    /// The bytes that were read from files and objects.
    pub(super) fn bytes_scanned(&self) -> u64 {
        let scanned = self.0.iter().filter_map(|operator| {
            let sum = operator.metrics?.sum_by_name("bytes_scanned")?;
            Some(sum.as_usize() as u64)
        });
        scanned.sum()
    }

    /// The images that were read, if there is an operator that reads any.
    pub(super) fn images(&self) -> Option<u64> {
        let is_scan = |operator: &&Operator<'_>| operator.plan.name() == ImageScanExec::NAME;
        let operator = self.0.iter().find(is_scan)?;
        let rows = operator.metrics.and_then(MetricsSet::output_rows);
        Some(rows.unwrap_or(0) as u64)
    }

    /// A line an operator, indented, with what it measured.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for operator in &self.0 {
            let line = DisplayableExecutionPlan::new(operator.plan)
                .one_line()
                .to_string();
            let _ = write!(
                text,
                "{:width$}{}",
                "",
                line.trim_end(),
                width = 2 * operator.depth
            );
            if let Some(metrics) = operator.metrics {
                let metrics = metrics.aggregate_by_name();
                let metrics = metrics.sorted_for_display().timestamps_removed();
                let _ = write!(text, ", metrics=[{metrics}]");
            }
            text.push('\n');
        }
        text
    }
}

fn walk<'a>(
    plan: &'a dyn ExecutionPlan,
    depth: usize,
    operators: &mut Vec<(&'a dyn ExecutionPlan, bool, usize)>,
) {
    operators.push((plan, plan.metrics().is_some(), depth));
    for child in plan.children() {
        walk(child.as_ref(), depth + 1, operators);
    }
}
