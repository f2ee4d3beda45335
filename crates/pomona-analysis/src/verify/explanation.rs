//! What a comparison says in words: images that are missing, components that may have turned.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::Verification;
use crate::AnalysisError;
use crate::lookup::Vectors;

/// How many images are named.
const NAMED: usize = 3;

/// Variances that differ by less than this share of them are near each other: what turns the
/// components of a pair by a degree is then a change of their covariance by a 6000th.
const NEAR: f64 = 0.01;

impl Verification {
    /// What stands behind the numbers, after the query has run in the same session.
    ///
    /// # Errors
    /// When a query fails.
    pub async fn explain(&self, ctx: &SessionContext) -> Result<Vec<String>, AnalysisError> {
        let mut lines = vec![];
        for column in &self.columns {
            for (condition, what) in [
                ("there = 0", "not in --against"),
                ("here = 0", "in --against alone"),
                (
                    "here > 1 OR there > 1",
                    "there several times, so not compared",
                ),
            ] {
                let keys = keys(ctx, *column, condition).await?;
                if let Some((count, examples)) = keys {
                    lines.push(format!(
                        "{column}: {count} {} {what}: {examples}",
                        images(count)
                    ));
                }
            }
        }
        if self.columns.contains(&Vectors::Pca) {
            lines.extend(turned(ctx).await?);
        }
        Ok(lines)
    }
}

/// How many keys a condition holds for, and the first of them.
async fn keys(
    ctx: &SessionContext,
    column: Vectors,
    condition: &str,
) -> Result<Option<(i64, String)>, AnalysisError> {
    let sql = format!(
        "SELECT key, count(*) OVER () FROM {column}_keys WHERE {condition} ORDER BY key LIMIT {NAMED}"
    );
    let mut named = vec![];
    let mut all = 0;
    for batch in ctx.sql(&sql).await?.collect().await? {
        let keys = cast(batch.column(0), &DataType::Utf8).map_err(DataFusionError::from)?;
        named.extend(keys.as_string::<i32>().iter().flatten().map(str::to_string));
        all = batch.column(1).as_primitive::<Int64Type>().value(0);
    }
    let more = if all > NAMED as i64 { ", …" } else { "" };
    Ok((all > 0).then(|| (all, format!("{}{more}", named.join(", ")))))
}

/// The components beyond the tolerance whose variances are near each other.
async fn turned(ctx: &SessionContext) -> Result<Vec<String>, AnalysisError> {
    let sql =
        "SELECT c.component, c.variance, max(abs(a.here - a.there)) AS difference, v.tolerance
               FROM pca_components c JOIN pca_aligned a ON a.component = c.component
               CROSS JOIN pca_verdict v
               WHERE v.verdict = 'differs'
               GROUP BY c.component, c.variance, v.tolerance ORDER BY c.component";
    let mut rows = vec![];
    for batch in ctx.sql(sql).await?.collect().await? {
        let components = batch.column(0).as_primitive::<Int64Type>();
        let numbers = |column| numbers(&batch, column);
        let (variances, differences, tolerances) = (numbers(1), numbers(2), numbers(3));
        for row in 0..batch.num_rows() {
            let beyond = differences[row] > tolerances[row];
            rows.push((components.value(row), variances[row], beyond));
        }
    }
    let near: Vec<String> = rows
        .windows(2)
        .filter(|pair| pair[0].2 || pair[1].2)
        .filter(|pair| pair[0].1 - pair[1].1 < NEAR * pair[0].1)
        .map(|pair| format!("{} and {}", pair[0].0, pair[1].0))
        .collect();
    let beyond: Vec<String> = rows
        .iter()
        .filter(|(_, _, beyond)| *beyond)
        .map(|(component, ..)| component.to_string())
        .collect();
    let mut lines = vec![];
    if !beyond.is_empty() {
        lines.push(format!(
            "pca: beyond the tolerance in {} of {} components: {}",
            beyond.len(),
            rows.len(),
            beyond.join(", ")
        ));
    }
    if !near.is_empty() {
        lines.push(format!(
            "pca: variances within 1% of each other, so that small differences of the features turn \
             these components into each other: {}",
            near.join("; ")
        ));
    }
    Ok(lines)
}

fn numbers(batch: &RecordBatch, column: usize) -> Vec<f64> {
    let numbers = batch.column(column).as_primitive::<Float64Type>();
    (0..numbers.len())
        .map(|row| {
            if numbers.is_valid(row) {
                numbers.value(row)
            } else {
                f64::NAN
            }
        })
        .collect()
}

fn images(count: i64) -> &'static str {
    if count == 1 { "image" } else { "images" }
}
