//! The optimizer moves the fields of a struct below the projection that makes the struct, and a
//! function that returns the struct is then computed once a field.

use std::fs;
use std::path::Path;

use anyhow::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;
use pomona_functions::ImageInfoFunc;
use pomona_session::Variables;
use pomona_tests::images;

use crate::engine::{cluster_session, local_session, query, random_weights, shared_cluster};

const FILES: &str = "CREATE TABLE files AS SELECT arrow_cast('no image', 'Binary') AS content";

const FIELDS: &str = "SELECT info['width'] AS width, info['height'] AS height
    FROM (SELECT image_info(content) AS info FROM files LIMIT 3)";

/// How often a plan computes a function.
async fn calls(ctx: &SessionContext, sql: &str, function: &str) -> Result<usize> {
    let plan = ctx.sql(sql).await?.create_physical_plan().await?;
    let plan = displayable(plan.as_ref()).indent(false).to_string();
    Ok(plan.matches(&format!("{function}(")).count())
}

#[tokio::test]
async fn datafusions_options_compute_a_struct_once_a_field() -> Result<()> {
    let ctx = SessionContext::new();
    ctx.register_udf(ScalarUDF::from(ImageInfoFunc::new()));
    query(&ctx, FILES).await?;
    assert_eq!(calls(&ctx, FIELDS, "image_info").await?, 2);
    Ok(())
}

#[tokio::test]
async fn ours_compute_it_once() -> Result<()> {
    let ctx = local_session("")?;
    query(&ctx, FILES).await?;
    assert_eq!(calls(&ctx, FIELDS, "image_info").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_of_features_computes_each_function_once_on_every_engine() -> Result<()> {
    let folder = tempfile::tempdir()?;
    images::write_folder(&folder.path().join("images"), &["Kiwi"], 3);
    let mut variables = Variables::new();
    variables
        .define("input", folder.path().join("images").display().to_string())
        .define("output", folder.path().join("out").display().to_string())
        .define("filter", "length > 0")
        .define("limit", "2");
    let script = |name: &str| -> Result<String> {
        let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/pipeline");
        let sql = fs::read_to_string(sql.join(name))?;
        Ok(variables.substitute(&sql)?)
    };
    let weights = random_weights().display().to_string();
    let cluster = shared_cluster()?;
    for ctx in [
        local_session(&weights)?,
        cluster_session(&cluster, &weights)?,
    ] {
        for statement in script("images.sql")?.split_inclusive(';') {
            if !statement.trim().is_empty() {
                query(&ctx, statement).await?;
            }
        }
        let features = script("features.sql")?;
        for function in ["image_info", "try_mobilenet_v2", "image_error"] {
            assert_eq!(calls(&ctx, &features, function).await?, 1, "{function}");
        }
    }
    Ok(())
}
