//! Reads the results of `pomona run` with the `parquet` crate alone, without the engine.
//!
//! `cargo run --example read_results -- RESULTS` prints the most typical image of each label: the one whose
//! features are nearest to the mean of the label.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

/// The part of `manifest.json` that this program reads.
#[derive(Deserialize)]
struct Manifest {
    files: Vec<ResultFile>,
}

#[derive(Deserialize)]
struct ResultFile {
    /// Relative to the folder of the results.
    path: String,
}

/// An image's path and features.
type Row = (String, Vec<f32>);

fn main() -> Result<()> {
    let results = env::args().nth(1).context("name the folder of a run")?;
    for (label, path) in typical(Path::new(&results))? {
        println!("{label}\t{path}");
    }
    Ok(())
}

/// The path of the most typical image of each label.
pub(crate) fn typical(results: &Path) -> Result<BTreeMap<String, String>> {
    // The manifest names the files that belong together; others may be left from an older run.
    let manifest = fs::read(results.join("manifest.json")).context("read manifest.json")?;
    let manifest: Manifest = serde_json::from_slice(&manifest)?;
    let mut labels = BTreeMap::new();
    for file in manifest.files {
        if file.path.starts_with("features/") {
            read_features(&results.join(file.path), &mut labels)?;
        }
    }
    let typical = labels.into_iter().filter_map(|(label, rows)| {
        let mean = mean(&rows);
        let nearest = rows
            .into_iter()
            .min_by(|(_, a), (_, b)| distance(a, &mean).total_cmp(&distance(b, &mean)));
        nearest.map(|(path, _)| (label, path))
    });
    Ok(typical.collect())
}

/// Adds the rows of a file of features to those of their labels. Images without features have NULL.
fn read_features(file: &Path, labels: &mut BTreeMap<String, Vec<Row>>) -> Result<()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?;
    let columns = ["path", "label", "features"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let column = |name: &str, data_type: &DataType| -> Result<_> {
            let column = batch.column_by_name(name).context("a column is missing")?;
            Ok(cast(column, data_type)?)
        };
        let paths = column("path", &DataType::Utf8)?;
        let of_labels = column("label", &DataType::Utf8)?;
        let features = column("features", &DataType::new_list(DataType::Float32, true))?;
        for row in 0..batch.num_rows() {
            if features.is_valid(row) {
                let label = of_labels.as_string::<i32>().value(row).to_string();
                let path = paths.as_string::<i32>().value(row).to_string();
                let vector = features.as_list::<i32>().value(row);
                let vector = vector.as_primitive::<Float32Type>().values().to_vec();
                labels.entry(label).or_default().push((path, vector));
            }
        }
    }
    Ok(())
}

fn mean(rows: &[Row]) -> Vec<f32> {
    let mut mean = vec![0.0; rows.first().map_or(0, |(_, vector)| vector.len())];
    for (_, vector) in rows {
        for (sum, value) in mean.iter_mut().zip(vector) {
            *sum += value / rows.len() as f32;
        }
    }
    mean
}

/// The squared Euclidean distance.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
