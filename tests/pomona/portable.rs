//! Pomona's functions and image table in a session that is not Pomona's: DataFusion's defaults, and no object store.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use anyhow::Result;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};
use pomona_images::ImageTableFactory;
use pomona_session::{Portable, plain_message};
use pomona_tests::images::write_folder;
use url::Url;

use crate::engine::{image_table, local_session, query};

fn stranger(portable: &Portable) -> Result<SessionContext> {
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3));
    let stores = &ctx.runtime_env().object_store_registry;
    stores.deregister_store(&Url::parse("file:///")?)?;
    for function in portable.scalar_functions() {
        ctx.register_udf(function.as_ref().clone());
    }
    for function in portable.aggregate_functions() {
        ctx.register_udaf(function.as_ref().clone());
    }
    let factory = portable.table_factory();
    let name = ImageTableFactory::FILE_TYPE.to_owned();
    let state = ctx.state_ref();
    state.write().table_factories_mut().insert(name, factory);
    Ok(ctx)
}

async fn text(ctx: &SessionContext, sql: &str) -> Result<String> {
    Ok(pretty_format_batches(&query(ctx, sql).await?)?.to_string())
}

async fn failure(ctx: &SessionContext, sql: &str) -> String {
    let error = query(ctx, sql).await.unwrap_err();
    match error.downcast_ref() {
        Some(error) => plain_message(error),
        None => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_has_the_same_rows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_folder(folder.path(), &["apple", "l'été", "kiwi"], 4);
    fs::write(folder.path().join("kiwi/bad.png"), "no image")?;
    let portable = Portable::new([("pomona.weights", "fruits")])?;
    let (own, other) = (local_session("fruits")?, stranger(&portable)?);
    for ctx in [&own, &other] {
        image_table(ctx, folder.path()).await?;
        let features = "CREATE TABLE features AS
                        SELECT path, label, try_mobilenet_v2(content) AS features FROM images";
        query(ctx, features).await?;
        let model = "CREATE TABLE model AS SELECT pca_fit(features, 3) AS model FROM features";
        query(ctx, model).await?;
    }
    for sql in [
        "SELECT path, label, length, modification_time, e_tag FROM images ORDER BY path",
        "SELECT count(*) FROM images",
        "SELECT path, md5(content) FROM images WHERE label = 'l''été' ORDER BY path",
        "SELECT label, count(*) FROM images WHERE label LIKE 'a%' OR label = 'kiwi' GROUP BY label ORDER BY label",
        "SELECT path FROM images WHERE image_error(content) IS NOT NULL",
        "SELECT count(content) FROM (SELECT content FROM images LIMIT 5)",
        "SELECT path, features FROM features ORDER BY path",
        "SELECT path, classify_image(content, 2) FROM images WHERE path NOT LIKE '%bad%' ORDER BY path",
        "SELECT path, image_info(content) FROM images ORDER BY path",
        "SELECT path, pca_transform(features, (SELECT model FROM model), false) FROM features ORDER BY path",
        "SELECT label, (pca_solve(pca_moments(features), 'at most 2'))['n_samples'] FROM features GROUP BY label ORDER BY label",
        "SELECT to_json([1.5, NULL]), url_decode('a%20b')",
    ] {
        assert_eq!(text(&own, sql).await?, text(&other, sql).await?, "{sql}");
    }
    for sql in [
        "SELECT mobilenet_v2(content) FROM images WHERE path LIKE '%bad.png'",
        "SELECT image_features(content, 'resnet19') FROM images",
        "SELECT pca_fit(features, 3000) FROM features",
        "SELECT pca_transform([1.0], model) FROM model",
        "SELECT read_image('http://127.0.0.1:1/a.png')",
        "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION '/no/such/folder/'",
        "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION '/' OPTIONS (globb '*')",
    ] {
        let (expected, found) = (failure(&own, sql).await, failure(&other, sql).await);
        assert!(found.contains(&expected), "{sql}\n{expected}\n{found}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn options_hold_for_all_that_is_made_with_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_folder(folder.path(), &["a"], 2);
    let portable = Portable::new([
        ("pomona.weights", "fruits"),
        ("pomona.max_pixels", "9999"),
        ("pomona.url_hosts", "example.com"),
    ])?;
    let ctx = stranger(&portable)?;
    let options = HashMap::from([("glob".to_owned(), "1.*".to_owned())]);
    let table = portable.table([folder.path().display().to_string()], &options);
    ctx.register_table("images", table.await?)?;
    let sql = "SELECT image_error(content) FROM images";
    let refused = text(&ctx, sql).await?;
    assert_eq!(refused.matches("9999").count(), 1, "{refused}");
    let refused = failure(&ctx, "SELECT read_image('http://127.0.0.1:1/a.png')").await;
    assert!(refused.contains("pomona.url_hosts"), "{refused}");
    let unknown = Portable::new([("pomona.max_pixel", "1")]).unwrap_err();
    assert!(unknown.to_string().contains("max_pixel"), "{unknown}");
    Ok(())
}

#[test]
fn every_function_is_there() -> Result<()> {
    let names = |ctx: &SessionContext| -> BTreeSet<String> {
        let state = ctx.state();
        let scalar = state.scalar_functions().keys();
        scalar
            .chain(state.aggregate_functions().keys())
            .cloned()
            .collect()
    };
    let (own, plain) = (names(&local_session("")?), names(&SessionContext::new()));
    let missing: Vec<_> = own.difference(&plain).cloned().collect();
    assert!(missing.len() > 20, "{missing:?}");
    let known = names(&stranger(&Portable::new([])?)?);
    let missing: Vec<_> = missing
        .iter()
        .filter(|name| !known.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    Ok(())
}
