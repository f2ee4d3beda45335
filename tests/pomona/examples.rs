//! The programs of `crates/pomona-examples`, run on drawn images with the built-in weights, without a network.
//!
//! They are modules of this test, so that running them links nothing more.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use pomona_images::Location;
use pomona_pipeline::{DEFAULT_COMPONENTS, Pipeline, PipelineOptions};
use pomona_tests::images::write_folder;

use crate::engine::{image_table, local_session, query};

#[expect(dead_code, reason = "`cargo run` calls main")]
#[path = "../../crates/pomona-examples/embed/main.rs"]
mod embed;

#[expect(dead_code, reason = "`cargo run` calls main")]
#[path = "../../crates/pomona-examples/read_results.rs"]
mod read_results;

const LABELS: [&str; 2] = ["l'été", "apple"];

/// The features of each label's images, by path.
type Features = BTreeMap<String, Vec<(String, Vec<f32>)>>;

async fn features(folder: &Path) -> Result<Features> {
    let ctx = local_session("fruits")?;
    image_table(&ctx, folder).await?;
    let sql =
        "SELECT arrow_cast(label, 'Utf8'), arrow_cast(path, 'Utf8'), try_mobilenet_v2(content)
               FROM images ORDER BY path";
    let mut features = Features::new();
    for batch in query(&ctx, sql).await? {
        let vectors = batch.column(2).as_list::<i32>();
        for row in 0..batch.num_rows() {
            let label = batch.column(0).as_string::<i32>().value(row).to_string();
            let path = batch.column(1).as_string::<i32>().value(row).to_string();
            let label = features.entry(label).or_default();
            if let Some(vector) = vectors.iter().nth(row).flatten() {
                let vector = vector.as_primitive::<Float32Type>().values().to_vec();
                label.push((path, vector));
            }
        }
    }
    Ok(features)
}

#[tokio::test(flavor = "multi_thread")]
async fn embed_counts_the_images_of_each_label_and_their_zeros() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_folder(folder.path(), &LABELS, 3);
    let rows = embed::labels(folder.path().to_str().unwrap()).await?;
    let rows = concat_batches(&rows[0].schema(), &rows)?;
    let labels = arrow::compute::cast(rows.column(0), &arrow::datatypes::DataType::Utf8)?;
    let labels: Vec<_> = labels.as_string::<i32>().iter().flatten().collect();
    assert_eq!(labels, ["apple", "l'été"]);
    let images = rows.column(1).as_primitive::<Int64Type>();
    assert_eq!(images.values(), &[3, 3]);

    let expected = features(folder.path()).await?;
    let sparsity = rows.column(2).as_primitive::<Float64Type>();
    for (label, sparsity) in labels.iter().zip(sparsity.values()) {
        let vectors = &expected[*label];
        let zeros = vectors.iter().flat_map(|(_, vector)| vector);
        let zeros = zeros.filter(|number| **number == 0.0).count();
        let share = zeros as f64 / (vectors.len() * 1280) as f64;
        assert!(share > 0.0, "no feature of '{label}' is 0");
        assert!(
            (share - sparsity).abs() < 1e-12,
            "{label}: {sparsity} {share}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn read_results_finds_the_image_nearest_to_the_mean_of_its_label() -> Result<()> {
    let place = tempfile::tempdir()?;
    let (input, output) = (place.path().join("images"), place.path().join("results"));
    write_folder(&input, &LABELS, 5);
    // Its row has no features.
    fs::write(input.join("apple/broken.png"), "not an image")?;
    let options = PipelineOptions {
        input: input.to_str().unwrap().to_string(),
        path_column: None,
        output: Location::parse(output.to_str().unwrap())?,
        components: DEFAULT_COMPONENTS,
        filter: None,
        limit: None,
        overwrite: false,
        prune: false,
        checkpoint: 4,
        force_unlock: false,
        format: None,
        file_size: Default::default(),
        report: None,
    };
    let ctx = local_session("fruits")?;
    let outcome = Pipeline::new(&ctx, options).run(|_| ()).await?;
    assert_eq!(outcome.manifest.counts.errors, 1);

    let found = read_results::typical(&output)?;
    let expected = features(&input).await?;
    assert_eq!(found.len(), expected.len());
    for (label, images) in &expected {
        let mean: Vec<f64> = (0..1280)
            .map(|i| images.iter().map(|(_, v)| f64::from(v[i])).sum::<f64>() / images.len() as f64)
            .collect();
        let distance = |vector: &[f32]| -> f64 {
            let pairs = vector.iter().zip(&mean);
            pairs.map(|(a, b)| (f64::from(*a) - b).powi(2)).sum()
        };
        let nearest = images
            .iter()
            .min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)))
            .expect("images with features");
        assert_eq!(found[label], nearest.0, "{label}");
    }
    Ok(())
}
