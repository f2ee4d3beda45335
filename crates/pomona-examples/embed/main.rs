//! Embeds a session: a folder of images as a table, the SQL functions, and one function of its own.
//!
//! `cargo run --example embed -- FOLDER` prints the labels of a folder: their images, and which share of
//! their features is 0 on average.

mod sparsity;

use std::env;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::util::pretty::print_batches;
use datafusion::logical_expr::ScalarUDF;
use pomona_session::{RuntimeOptions, Variables, configure, session_context};

use sparsity::Sparsity;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = env::args().nth(1).context("name a folder of images")?;
    print_batches(&labels(&folder).await?)?;
    Ok(())
}

/// A row for each label of a folder (a path or an `s3://` URL): `label`, `images`, `sparsity`.
pub(crate) async fn labels(folder: &str) -> Result<Vec<RecordBatch>> {
    let ctx = session_context(RuntimeOptions::default())?;
    // The built-in weights. The default, `imagenet`, is fetched once from the Hugging Face Hub.
    configure(&ctx, |options| options.set("pomona.weights", "fruits"))?;
    ctx.register_udf(ScalarUDF::from(Sparsity::new()));

    // A variable is escaped inside quotes, so any folder name is valid.
    let mut variables = Variables::new();
    variables.define("folder", folder);
    let table = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '${folder}'";
    ctx.sql(&variables.substitute(table)?).await?;

    let query = "SELECT label, count(*) AS images, avg(sparsity(mobilenet_v2(content))) AS sparsity
                 FROM images GROUP BY label ORDER BY label";
    Ok(ctx.sql(query).await?.collect().await?)
}
