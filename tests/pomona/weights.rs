//! Weights and classes through SQL: one load a process, one pass an image, the same bits always.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use pomona_functions::{LoadedNetwork, Objects, PomonaOptions, network};
use pomona_mobilenet::network::{SaveOptions, Weights};
use pomona_tests::images;
use pomona_tests::reference_data::reference_data;
use pomona_tests::weights::{sha256, write_random_of, write_resnet18};
use tempfile::TempDir;

use crate::engine::{image_table, local_session, query, set};

/// A session over a folder of images.
async fn session(weights: &str, images: &Path) -> Result<SessionContext> {
    let ctx = local_session(weights)?;
    image_table(&ctx, images).await?;
    Ok(ctx)
}

fn drawn(count: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    images::write_folder(folder.path(), &["a", "b", "c"], count);
    folder
}

fn loaded(ctx: &SessionContext) -> Arc<LoadedNetwork> {
    let options = PomonaOptions::of(ctx.state().config_options());
    network(&options, &Objects::none()).unwrap()
}

/// The weights with the classifier of the shipped file behind other features, as a file that no
/// other test has: counts of images are those of this test.
fn fruits_copy(folder: &TempDir) -> String {
    let path = folder.path().join("copy.safetensors");
    let bytes = Weights::fruits().unwrap().to_bytes(&SaveOptions::default());
    fs::write(&path, bytes.unwrap()).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn features_and_classes_of_an_image_cost_one_pass() -> Result<()> {
    let (folder, images) = (tempfile::tempdir()?, drawn(4));
    let ctx = session(&fruits_copy(&folder), images.path()).await?;
    for (sql, passes) in [
        ("SELECT mobilenet_v2(content) FROM images", 12),
        ("SELECT classify_image(content) FROM images", 12),
        (
            "SELECT path, mobilenet_v2(content) AS features, classify_image(content) AS classes FROM images",
            12,
        ),
        (
            "SELECT classify_image(content, 1)[1]['label'], classify_image(content, 7) FROM images",
            12,
        ),
        (
            "SELECT try_mobilenet_v2(content), try_classify_image(content, 2) FROM images WHERE label <> 'a'",
            8,
        ),
        // Conditions are computed before the columns, so this costs a second pass for what is left.
        (
            "SELECT mobilenet_v2(content) FROM images WHERE classify_image(content, 1)[1]['score'] >= 0",
            24,
        ),
        (
            "SELECT classify_features(features), features FROM (SELECT mobilenet_v2(content) AS features FROM images)",
            12,
        ),
    ] {
        let before = loaded(&ctx).images();
        query(&ctx, sql).await?;
        assert_eq!(loaded(&ctx).images() - before, passes, "{sql}");
    }
    Ok(())
}

/// The loads that the operators of a query report.
async fn loads(ctx: &SessionContext, sql: &str) -> Result<u64> {
    let analyzed = query(ctx, &format!("EXPLAIN ANALYZE {sql}")).await?;
    let plan = array_value_to_string(analyzed[0].column(1), 0)?;
    let mut loads = 0;
    for line in plan.lines().filter(|line| line.contains("network_loads=")) {
        assert!(line.trim().starts_with("DecodeExec"), "{plan}");
        let number = line.split("network_loads=").nth(1).unwrap();
        loads += number.split([',', ']']).next().unwrap().parse::<u64>()?;
    }
    Ok(loads)
}

/// One of two queries that run side by side loads a network that no other test loads.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_counted_at_the_operator_that_needed_it() -> Result<()> {
    let images = drawn(3);
    let decoding = "SELECT image_error(content) FROM images";
    for loading in [
        "SELECT try_mobilenet_v2(content) FROM images",
        "SELECT classify_features(array_repeat(CAST(length AS FLOAT), 1280)) FROM images",
    ] {
        let folder = tempfile::tempdir()?;
        let ctx = session(&fruits_copy(&folder), images.path()).await?;
        let (loaded, none) = tokio::join!(loads(&ctx, loading), loads(&ctx, decoding));
        assert_eq!((loaded?, none?), (1, 0), "{loading}");
        assert_eq!(loads(&ctx, loading).await?, 0, "{loading}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_batches_and_order_change_no_bit() -> Result<()> {
    let images = drawn(9);
    let mut first: Option<Vec<(String, Vec<u32>, String)>> = None;
    for (partitions, batch_size, order) in [
        ("1", "256", "path"),
        ("2", "5", "path DESC"),
        ("7", "1", "md5(path)"),
    ] {
        let ctx = session("fruits", images.path()).await?;
        set(&ctx, "datafusion.execution.target_partitions", partitions)?;
        set(&ctx, "datafusion.execution.batch_size", batch_size)?;
        let sql = format!(
            "SELECT path, features, classes FROM (SELECT path, mobilenet_v2(content) AS features,
             classify_image(content, 114) AS classes FROM (SELECT * FROM images ORDER BY {order})) ORDER BY path"
        );
        let rows: Vec<_> = query(&ctx, &sql).await?.iter().flat_map(bits).collect();
        assert_eq!(rows.len(), 27);
        match &first {
            None => first = Some(rows),
            Some(first) => assert!(*first == rows, "{partitions} partitions"),
        }
    }
    Ok(())
}

/// The rows of a path, a vector and a text, the vector as bits.
fn bits(batch: &RecordBatch) -> Vec<(String, Vec<u32>, String)> {
    // A number is printed with all the digits that distinguish it from others.
    let text =
        |column: usize, row: usize| array_value_to_string(batch.column(column), row).unwrap();
    (0..batch.num_rows())
        .map(|row| {
            let features = batch.column(1).as_list::<i32>().value(row);
            let features = features.as_primitive::<Float32Type>();
            let features = features.values().iter().map(|value| value.to_bits());
            (text(0, row), features.collect(), text(2, row))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_is_loaded_again() -> Result<()> {
    let (folder, images) = (tempfile::tempdir()?, drawn(1));
    let file = folder.path().join("weights.safetensors");
    write_random_of(&file, 21)?;
    let ctx = session(file.to_str().unwrap(), images.path()).await?;
    let sql = "SELECT mobilenet_v2(content) AS f, path, path AS p FROM images ORDER BY path";
    let first = query(&ctx, sql).await?;
    let (network, sha256) = (loaded(&ctx), loaded(&ctx).sha256.clone());
    // It is loaded once as long as it stays.
    assert!(Arc::ptr_eq(&network, &loaded(&ctx)));
    assert_eq!(query(&ctx, sql).await?, first);

    write_random_of(&file, 22)?;
    assert_ne!(loaded(&ctx).sha256, sha256);
    assert_ne!(query(&ctx, sql).await?, first);

    // A query that pins the bytes does not take others.
    set(&ctx, "pomona.weights_sha256", &sha256)?;
    let error = query(&ctx, sql).await.unwrap_err().to_string();
    assert!(error.contains("pins"), "{error}");
    write_random_of(&file, 21)?;
    assert_eq!(query(&ctx, sql).await?, first);

    // While there is no file, what was loaded serves.
    fs::remove_file(&file)?;
    assert_eq!(query(&ctx, sql).await?, first);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fruits_are_distinguished() -> Result<()> {
    let Some(data) = reference_data() else {
        return Ok(());
    };
    let ctx = session("fruits", &data.join("fruits360/Training")).await?;
    let sql = "SELECT count(*) AS n, sum(CASE WHEN classify_image(content, 1)[1]['label'] = label
               THEN 1 ELSE 0 END) AS hits FROM images";
    let batches = query(&ctx, sql).await?;
    let number = |column: usize| {
        batches[0]
            .column(column)
            .as_primitive::<arrow::datatypes::Int64Type>()
            .value(0)
    };
    let (images, right) = (number(0), number(1));
    eprintln!("{right} of {images} photographs are named by their label");
    assert_eq!(images, 2280);
    assert!(right as f64 >= 0.98 * images as f64, "{right}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn imagenet_classes_have_their_names() -> Result<()> {
    let Some(data) = reference_data() else {
        return Ok(());
    };
    let weights = data.join("models/mobilenet_v2_1.0_224_classifier.safetensors");
    let ctx = session(weights.to_str().unwrap(), &data.join("fruits360/Training")).await?;
    // What a network that has seen photographs of the world says of most images of a label.
    for (label, class) in [
        ("Lemon", "lemon"),
        ("Orange", "orange"),
        ("Apple Granny Smith", "Granny Smith"),
    ] {
        let sql = format!(
            "SELECT class FROM (SELECT classify_image(content, 1)[1]['label'] AS class
             FROM images WHERE label = '{label}') GROUP BY class ORDER BY count(*) DESC, class LIMIT 1"
        );
        let batches = query(&ctx, &sql).await?;
        let found = batches[0].column(0).as_string::<i32>().value(0).to_string();
        assert_eq!(found, class, "{label}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_networks_give_features_in_sql() -> Result<()> {
    let (folder, images) = (tempfile::tempdir()?, drawn(2));
    fs::write(images.path().join("a/bad.png"), "no image")?;
    let weights = folder.path().join("resnet18.safetensors");
    write_resnet18(&weights, 0.0)?;
    let mut first = None;
    for (partitions, batch_size) in [("1", "256"), ("3", "1")] {
        let ctx = session("fruits", images.path()).await?;
        set(&ctx, "pomona.backbone_weights", weights.to_str().unwrap())?;
        set(&ctx, "datafusion.execution.target_partitions", partitions)?;
        set(&ctx, "datafusion.execution.batch_size", batch_size)?;
        let sql = "SELECT array_to_string(f, ' ', 'null') AS f, array_length(f) AS n, path FROM
             (SELECT path, try_image_features(content, 'resnet18') AS f FROM images) ORDER BY path";
        let text: Vec<Vec<String>> = query(&ctx, sql)
            .await?
            .iter()
            .flat_map(|batch| {
                (0..batch.num_rows())
                    .map(|row| (batch.clone(), row))
                    .collect::<Vec<_>>()
            })
            .map(|(batch, row)| {
                let columns = batch.columns().iter();
                let text = columns.map(|column| array_value_to_string(column, row).unwrap());
                text.collect()
            })
            .collect();
        assert_eq!(text.len(), 7);
        let (bad, good): (Vec<_>, Vec<_>) =
            text.iter().partition(|row| row[2].ends_with("bad.png"));
        assert_eq!(bad[0][1], "");
        assert!(good.iter().all(|row| row[1] == "512"), "{good:?}");
        let distinct: std::collections::HashSet<_> = good.iter().map(|row| &row[0]).collect();
        assert_eq!(distinct.len(), 6);
        match &first {
            None => first = Some(text),
            Some(first) => assert!(*first == text, "{partitions} partitions"),
        }
        let strict = "SELECT image_features(content, 'resnet18') FROM images";
        let error = query(&ctx, strict).await.unwrap_err().to_string();
        assert!(error.contains("not a readable image"), "{error}");
        let other = "SELECT image_features(content, 'dinov2_small') FROM images";
        let error = query(&ctx, other).await.unwrap_err().to_string();
        assert!(error.contains("no weights of dinov2_small"), "{error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_of_other_networks_can_be_pinned() -> Result<()> {
    let (folder, images) = (tempfile::tempdir()?, drawn(1));
    let weights = folder.path().join("resnet18.safetensors");
    write_resnet18(&weights, 0.0)?;
    let ctx = session("fruits", images.path()).await?;
    set(&ctx, "pomona.backbone_weights", weights.to_str().unwrap())?;
    let sql = "SELECT count(image_features(content, 'resnet18')) FROM images";
    let (right, wrong) = (sha256(&weights)?, "0".repeat(64));
    for pins in [
        format!("dinov2_small={wrong}, resnet18={right}"),
        String::new(),
    ] {
        set(&ctx, "pomona.backbone_weights_sha256", &pins)?;
        query(&ctx, sql).await?;
    }
    for (pins, expected) in [
        (format!("resnet18={wrong}"), [&*right, &*wrong]),
        (right.clone(), [&*right, "NAME=SHA256"]),
        (format!("resnet19={right}"), ["resnet19", "resnet18"]),
    ] {
        set(&ctx, "pomona.backbone_weights_sha256", &pins)?;
        let error = query(&ctx, sql).await.unwrap_err().to_string();
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    }
    Ok(())
}
