//! The golden numbers through SQL: Keras's features and scikit-learn's PCA.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use anyhow::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use datafusion::common::ScalarValue;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pomona_functions::model_from_scalar;
use pomona_tests::reference_data::reference_data;
use serde::Deserialize;

use crate::engine::{image_table, local_session, query, set};

/// Keras against itself across versions: 6.5e-5.
const TOLERANCE: f32 = 1e-4;

#[tokio::test(flavor = "multi_thread")]
async fn features_are_those_of_keras() -> Result<()> {
    let Some(data) = reference_data() else {
        return Ok(());
    };
    for (weights, column) in [
        ("mobilenet_v2_1.0_224", "features_1_0"),
        ("mobilenet_v2_0.35_224", "features_0_35"),
    ] {
        let golden = golden_features(&data, column)?;
        let weights = data.join(format!("models/{weights}.safetensors"));
        let ctx = local_session(weights.to_str().unwrap())?;
        let folder = data.join("fruits360");
        image_table(&ctx, &folder).await?;
        let prefix = format!("file://{}/", folder.display());
        let names: Vec<String> = golden
            .keys()
            .map(|path| format!("'{}'", path.replace('\'', "''")))
            .collect();
        let sql = format!(
            "SELECT replace(path, '{prefix}', '') AS path, mobilenet_v2(content) AS features
             FROM images WHERE replace(path, '{prefix}', '') IN ({})",
            names.join(", ")
        );
        let mut seen = 0;
        let mut worst = 0_f32;
        for batch in query(&ctx, &sql).await? {
            for (path, features) in rows(&batch) {
                for (ours, keras) in features.iter().zip(&golden[&path]) {
                    worst = worst.max((ours - keras).abs());
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 114);
        eprintln!("{column}: largest difference from Keras {worst:.2e} over {seen} images");
        assert!(worst <= TOLERANCE, "{column}: {worst}");
    }
    Ok(())
}

/// The rows of a batch of a path and a vector.
fn rows(batch: &RecordBatch) -> Vec<(String, Vec<f32>)> {
    let paths = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
    let paths = paths.as_string::<i32>();
    let lists = arrow::compute::cast(
        batch.column(1),
        &arrow::datatypes::DataType::new_list(arrow::datatypes::DataType::Float32, true),
    )
    .unwrap();
    let lists = lists.as_list::<i32>();
    (0..batch.num_rows())
        .map(|row| {
            let features = lists
                .value(row)
                .as_primitive::<Float32Type>()
                .values()
                .to_vec();
            (paths.value(row).to_string(), features)
        })
        .collect()
}

fn golden_features(data: &Path, column: &str) -> Result<HashMap<String, Vec<f32>>> {
    let file = File::open(data.join("golden/keras_features.parquet"))?;
    let mut golden = HashMap::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
        let batch = batch?;
        let indices = [
            batch.schema().index_of("path")?,
            batch.schema().index_of(column)?,
        ];
        golden.extend(rows(&batch.project(&indices)?));
    }
    Ok(golden)
}

/// What `crates/pomona-pca/tests/sklearn_reference.py --features` wrote.
#[derive(Debug, Deserialize)]
struct Reference {
    checksum: String,
    n_samples: u64,
    explained_variance: Vec<f64>,
    components: Vec<Vec<f64>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn pca_of_2280_images_is_that_of_scikit_learn() -> Result<()> {
    let Some(data) = reference_data() else {
        return Ok(());
    };
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/data/pca_of_2280_images.json");
    let reference: Reference = serde_json::from_reader(File::open(reference)?)?;
    let weights = data.join("models/mobilenet_v2_1.0_224.safetensors");
    let ctx = local_session(weights.to_str().unwrap())?;
    set(&ctx, "datafusion.execution.target_partitions", "7")?;
    let location = data.join("fruits360/Training");
    image_table(&ctx, &location).await?;
    query(
        &ctx,
        "CREATE TABLE features AS SELECT path, mobilenet_v2(content) AS features FROM images",
    )
    .await?;

    // Kernels of other instruction sets round otherwise, and variances of features that differ
    // by 1e-6 cannot agree to 1e-9: then the bound is that of the features.
    let mut checksum = 0_u64;
    for batch in query(&ctx, "SELECT path, features FROM features ORDER BY path").await? {
        for (_, features) in rows(&batch) {
            for value in features {
                checksum = checksum
                    .wrapping_mul(31)
                    .wrapping_add(u64::from(value.to_bits()));
            }
        }
    }
    let same_features = format!("{checksum:016x}") == reference.checksum;
    let (variance_bound, component_bound) = if same_features {
        (1e-9, 1e-7)
    } else {
        (1e-5, 1e-3)
    };
    eprintln!("features are those of the reference, bit for bit: {same_features}");

    // In one piece; in uneven partitions, merged as they come; and with NULL rows among them.
    for (partitions, source) in [
        ("1", "SELECT features FROM features"),
        (
            "7",
            "SELECT features FROM features WHERE path < 'file:///~' ORDER BY random()",
        ),
        (
            "3",
            "SELECT features FROM features UNION ALL SELECT NULL FROM features",
        ),
    ] {
        set(&ctx, "datafusion.execution.target_partitions", partitions)?;
        let sql = format!("SELECT pca_fit(features, 50) AS model FROM ({source})");
        let batches = query(&ctx, &sql).await?;
        let model = model_from_scalar(&ScalarValue::try_from_array(batches[0].column(0), 0)?)?;
        assert_eq!(model.n_samples(), reference.n_samples);

        let relative = |(ours, theirs): (&f64, &f64)| (ours / theirs - 1.0).abs();
        let variance = model.explained_variance()[..50]
            .iter()
            .zip(&reference.explained_variance);
        let variance = variance.map(relative).fold(0.0, f64::max);
        let components = model.components().chunks(1280).zip(&reference.components);
        let components = components
            .map(|(ours, theirs)| difference_up_to_sign(ours, theirs))
            .fold(0.0, f64::max);
        eprintln!("{partitions} partitions: variance {variance:.2e}, components {components:.2e}");
        assert!(
            variance <= variance_bound,
            "{partitions} partitions: {variance}"
        );
        assert!(
            components <= component_bound,
            "{partitions} partitions: {components}"
        );
    }
    Ok(())
}

/// What `crates/pomona-pca/tests/exact_reference.py --column f` wrote about one file.
#[derive(Debug, Deserialize)]
struct ExactReference {
    file: String,
    n_samples: u64,
    dimension: usize,
    explained_variance: Vec<f64>,
    components: Vec<Vec<f64>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn pca_of_f64_lists_has_the_digits_of_f64() -> Result<()> {
    let Some(data) = reference_data() else {
        return Ok(());
    };
    let references = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data/pca_of_float64_cases.json"
    );
    let references: Vec<ExactReference> = serde_json::from_reader(File::open(references)?)?;
    let ctx = local_session("fruits")?;
    for reference in references {
        let file = data.join("cases/pca_float64").join(&reference.file);
        let sql = format!(
            "CREATE OR REPLACE TABLE cases AS SELECT f FROM '{}'",
            file.display()
        );
        query(&ctx, &sql).await?;
        for source in [
            "SELECT f FROM cases",
            "SELECT f FROM cases ORDER BY random()",
        ] {
            let sql = format!(
                "SELECT pca_solve(pca_merge(moments), 3) AS model FROM (
                   SELECT pca_moments(f) AS moments FROM (
                     SELECT f, row_number() OVER () AS number FROM ({source})
                   ) GROUP BY number % 5)"
            );
            let batches = query(&ctx, &sql).await?;
            let model = model_from_scalar(&ScalarValue::try_from_array(batches[0].column(0), 0)?)?;
            assert_eq!(model.n_samples(), reference.n_samples);
            let largest = reference.explained_variance[0];
            let variances = model
                .explained_variance()
                .iter()
                .zip(&reference.explained_variance);
            for (ours, exact) in variances {
                assert!(
                    (ours - exact).abs() <= 1e-9 * exact + 1e-14 * largest,
                    "{}: {ours:e} and {exact:e}",
                    reference.file
                );
            }
            let components = model.components().chunks(reference.dimension);
            for (ours, exact) in components.zip(&reference.components) {
                assert!(difference_up_to_sign(ours, exact) <= 1e-7);
            }
        }
    }
    Ok(())
}

fn difference_up_to_sign(a: &[f64], b: &[f64]) -> f64 {
    let sign = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().signum();
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - sign * b).abs())
        .fold(0.0, f64::max)
}
