//! What the parts of a report say, asked of the run's tables.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::prelude::SessionContext;
use pomona_images::Location;
use pomona_pca::PcaModel;
use pomona_report::{
    Class, Duplicates, Errors, Image, Outlier, Outliers, Point, Reason, Scatter, Thumbnails,
};
use pomona_session::{Script, Variables};

use super::columns::Columns;
use super::duplicates::{COMPARED, near_duplicates};
use super::images::{Album, Made, Size};
use super::thumbnails::thumbnails;
use crate::AnalysisError;

/// The most points on the map. A mark is about 70 bytes of the page and its thumbnail about 2 KB,
/// so these make 6 MB of it, and a browser draws them at once.
const POINTS: usize = 3000;
/// The images that the components describe worst: what fits a screen or a printed page.
const OUTLIERS: usize = 24;
/// The most reasons for errors, and the paths that are named for each: the whole list is in a file
/// of its own.
const REASONS: usize = 20;
const PATHS: usize = 5;

/// The scripts of `sql/report/`.
const SCRIPTS: [(&str, &str); 11] = [
    (
        "report/labels",
        include_str!("../../../../sql/report/labels.sql"),
    ),
    (
        "report/points",
        include_str!("../../../../sql/report/points.sql"),
    ),
    (
        "report/rows",
        include_str!("../../../../sql/report/rows.sql"),
    ),
    (
        "report/totals",
        include_str!("../../../../sql/report/totals.sql"),
    ),
    (
        "report/classes",
        include_str!("../../../../sql/report/classes.sql"),
    ),
    (
        "report/errors",
        include_str!("../../../../sql/report/errors.sql"),
    ),
    (
        "report/error_paths",
        include_str!("../../../../sql/report/error_paths.sql"),
    ),
    (
        "report/scatter",
        include_str!("../../../../sql/report/scatter.sql"),
    ),
    (
        "report/outliers",
        include_str!("../../../../sql/report/outliers.sql"),
    ),
    (
        "report/compared",
        include_str!("../../../../sql/report/compared.sql"),
    ),
    (
        "report/pairs",
        include_str!("../../../../sql/report/pairs.sql"),
    ),
];

/// What a report shows of a run's rows and images.
pub struct Gathered {
    pub(super) bytes: u64,
    pub(super) scatter: Scatter,
    pub(super) classes: Vec<Class>,
    pub(super) errors: Errors,
    pub(super) outliers: Outliers,
    pub(super) duplicates: Duplicates,
    pub(super) images: Vec<Image>,
    pub(super) thumbnails: Thumbnails,
}

/// Gathers the report of a run from the tables `features` and `metadata` of the session, which has
/// rows of `features` images of the folder `input`, and from `pca_model` once `model` is there. Reads
/// the images that it shows, `reread` at most; if they may all be read, those of the map are read while
/// the model is waited for.
///
/// # Errors
/// When a query fails. An image that cannot be read is shown without its thumbnail.
pub async fn gather(
    ctx: SessionContext,
    input: String,
    features: u64,
    reread: Option<u64>,
    model: impl Future<Output = Arc<PcaModel>>,
) -> Result<Gathered, AnalysisError> {
    let mut variables = Variables::new();
    variables
        .define("sampled", first_not_sampled(features, COMPARED))
        .define("rows", rows_of_all(features))
        .define("points", POINTS.to_string())
        .define("outliers", OUTLIERS.to_string())
        .define("reasons", REASONS.to_string())
        .define("paths", PATHS.to_string());
    let mut queries = Queries { ctx, variables };
    queries.run("report/labels").await?;
    let points = queries.run("report/points").await?;
    let not_sampled = literals(&points.text("not_sampled")?);
    queries.variables.define_sql("not_sampled", not_sampled);
    let (queries, ctx) = (&queries, &queries.ctx);
    let points = points.text("path")?.into_iter();
    let small = points.map(|path| (path, Size::Small)).collect();
    let small = reread.is_none().then(|| {
        let (ctx, input) = (ctx.clone(), input.clone());
        SpawnedTask::spawn(async move { thumbnails(&ctx, &input, small, None).await })
    });
    let model = model.await;

    queries.run("report/rows").await?;
    let mut album = Album::new(&input_prefix(&input));
    let bytes = queries.run("report/totals").await?.counts("bytes")?;
    let classes = classes(queries).await?;
    let errors = errors(queries, &album).await?;
    // What is put into the album first is read first, while there is room.
    let outliers = outliers(queries, features, &mut album).await?;
    let duplicates = near_duplicates(queries, &model, features, &mut album).await?;
    let scatter = scatter(queries, features, &mut album).await?;
    for table in [
        "report_labels",
        "report_points",
        "report_rows",
        "report_sample",
    ] {
        ctx.deregister_table(table)?;
    }
    let mut made = match small {
        Some(small) => small
            .await
            .map_err(|stopped| DataFusionError::External(Box::new(stopped)))?,
        None => Made::new(),
    };
    let mut left = album.wanted().collect::<Vec<_>>();
    if reread.is_none() {
        // The small ones have been read.
        left.retain(|(_, size)| *size == Size::Large);
    }
    made.extend(thumbnails(ctx, &input, left, reread).await);
    let (images, thumbnails) = album.filled(made);
    Ok(Gathered {
        bytes: bytes.first().copied().unwrap_or(0),
        scatter,
        classes,
        errors,
        outliers,
        duplicates,
        images,
        thumbnails,
    })
}

/// The scripts of a report in a session.
pub(super) struct Queries {
    pub(super) ctx: SessionContext,
    variables: Variables,
}

impl Queries {
    /// The result of the last statement of a script.
    pub(super) async fn run(&self, name: &str) -> Result<Columns, AnalysisError> {
        Ok(Columns::new(&self.batches(name, &self.variables).await?)?)
    }

    /// The same with a variable more.
    async fn run_with(
        &self,
        name: &str,
        variable: &str,
        value: &str,
    ) -> Result<Columns, AnalysisError> {
        let mut variables = self.variables.clone();
        variables.define(variable, value);
        Ok(Columns::new(&self.batches(name, &variables).await?)?)
    }

    async fn batches(
        &self,
        name: &str,
        variables: &Variables,
    ) -> Result<Vec<RecordBatch>, AnalysisError> {
        let script = SCRIPTS.iter().find(|(known, _)| *known == name);
        let (name, sql) = script.expect("the scripts of reports are built in");
        let script = Script::new(*name, *sql);
        Ok(script.run(&self.ctx, variables).await?)
    }
}

/// The least md5 that is not of the sample, where `most` of `total` are wanted: md5 spreads paths
/// evenly over the hexadecimal numbers.
fn first_not_sampled(total: u64, most: usize) -> String {
    if total <= most as u64 {
        // Behind every hexadecimal digit.
        return "g".to_string();
    }
    let share = most as f64 / total as f64;
    format!("{:08x}", (share * f64::from(u32::MAX)) as u32)
}

/// The table with the rows of all images: the sample is kept, and the others are computed again.
fn rows_of_all(total: u64) -> &'static str {
    match total <= COMPARED as u64 {
        true => "report_sample",
        false => "report_rows",
    }
}

/// A list of strings in SQL, which is never empty: no path is.
fn literals(texts: &[String]) -> String {
    let mut distinct = texts.to_vec();
    distinct.push(String::new());
    distinct.sort_unstable();
    distinct.dedup();
    let quoted = distinct
        .iter()
        .map(|text| format!("'{}'", text.replace('\'', "''")));
    quoted.collect::<Vec<_>>().join(", ")
}

/// What the paths of the images in a folder begin with; paths are URLs as people write them.
fn input_prefix(input: &str) -> String {
    match Location::parse(input) {
        Ok(location) => location.written(),
        Err(_) => String::new(),
    }
}

async fn classes(queries: &Queries) -> Result<Vec<Class>, AnalysisError> {
    let rows = queries.run("report/classes").await?;
    let (images, errors) = (rows.counts("images")?, rows.counts("errors")?);
    let labels = rows.text("label")?.into_iter();
    let counts = images.into_iter().zip(errors);
    Ok(labels
        .zip(counts)
        .map(|(label, (images, errors))| Class {
            label,
            images,
            errors,
        })
        .collect())
}

async fn errors(queries: &Queries, album: &Album) -> Result<Errors, AnalysisError> {
    let rows = queries.run("report/errors").await?;
    let mut reasons = vec![];
    for (reason, images) in rows.text("reason")?.into_iter().zip(rows.counts("images")?) {
        // Aggregated with the reasons, the paths of all bad images would be in memory.
        let paths = queries.run_with("report/error_paths", "reason", &reason);
        let paths = paths.await?.text("path")?;
        reasons.push(Reason {
            paths: paths.iter().map(|path| album.relative(path)).collect(),
            reason,
            images,
        });
    }
    Ok(Errors {
        total_reasons: rows.counts("reasons")?.first().copied().unwrap_or(0),
        reasons,
    })
}

async fn outliers(
    queries: &Queries,
    total: u64,
    album: &mut Album,
) -> Result<Outliers, AnalysisError> {
    let rows = queries.run("report/outliers").await?;
    let (paths, labels) = (rows.text("path")?, rows.text("label")?);
    let (errors, shares) = (rows.numbers("error")?, rows.numbers("share")?);
    Ok(Outliers {
        worst: (0..rows.len())
            .map(|row| Outlier {
                image: album.add(&paths[row], &labels[row], Size::Large),
                error: errors[row],
                share: shares[row],
            })
            .collect(),
        median: rows.numbers("median")?.first().copied().unwrap_or(0.0),
        total,
    })
}

async fn scatter(
    queries: &Queries,
    total: u64,
    album: &mut Album,
) -> Result<Scatter, AnalysisError> {
    let rows = queries.run("report/scatter").await?;
    let (paths, labels) = (rows.text("path")?, rows.text("label")?);
    let (x, y) = (rows.numbers("x")?, rows.numbers("y")?);
    Ok(Scatter {
        points: (0..rows.len())
            .map(|row| Point {
                image: album.add(&paths[row], &labels[row], Size::Small),
                x: x[row],
                y: y[row],
            })
            .collect(),
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_share_of_the_digests() {
        assert_eq!(first_not_sampled(100, 100), "g");
        assert_eq!(first_not_sampled(200, 100), "7fffffff");
        assert_eq!(first_not_sampled(1_600, 100), "0fffffff");
    }

    #[test]
    fn a_list_has_each_text_once_and_is_never_empty() {
        assert_eq!(literals(&[]), "''");
        let texts = ["l'été.jpg", "", "a.jpg", "a.jpg"].map(str::to_string);
        assert_eq!(literals(&texts), "'', 'a.jpg', 'l''été.jpg'");
    }
}
