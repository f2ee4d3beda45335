//! Every example of the SQL reference, run on tables of the names that examples use.

use std::fs;

use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use pomona_session::{parse_statements, plan_statement};
use pomona_tests::images;
use tempfile::TempDir;

use super::page;
use super::render::functions;
use crate::engine::{image_table, local_session, query};

/// Labels and how many images they have: more than the 50 components that examples ask for, also
/// without the kiwis.
const IMAGES: [(&str, u32); 2] = [("Apple Red", 60), ("Kiwi", 20)];

#[tokio::test(flavor = "multi_thread")]
async fn examples_run() {
    let world = World::new().await;
    let mut ran = 0;
    for function in functions().unwrap() {
        let example = function.example();
        assert!(!example.is_empty());
        ran += world.run(&example).await;
    }
    let page = fs::read_to_string(page()).unwrap();
    for block in page.split("```sql\n").skip(1) {
        let (example, _) = block.split_once("```").unwrap();
        ran += world.run(example).await;
    }
    assert!(ran > 20, "only {ran} statements were found");
}

/// A folder with images, an inventory, and results as a run leaves them.
struct World {
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (label, count) in IMAGES {
            let below = folder.path().join("images").join(label);
            fs::create_dir_all(&below).unwrap();
            for number in 0..count {
                let image = images::png(100 * count + number, 60, 60);
                fs::write(below.join(format!("{number}.png")), image).unwrap();
            }
        }
        let inventory = folder.path().join("inventory");
        fs::create_dir(&inventory).unwrap();
        let manifest = r#"{"sourceBucket": "bucket", "destinationBucket": "arn:aws:s3:::inventory",
            "fileFormat": "Parquet", "fileSchema": "", "files": []}"#;
        fs::write(inventory.join("manifest.json"), manifest).unwrap();
        let world = Self { folder };
        let ctx = world.session().await;
        for (table, sql) in [
            (
                "features",
                "SELECT path, label, try_mobilenet_v2(content) AS features FROM images",
            ),
            (
                "moments",
                "SELECT pca_moments(features) AS moments FROM features",
            ),
        ] {
            let below = world.folder.path().join("results").join(table);
            let copy = format!("COPY ({sql}) TO '{}/' STORED AS PARQUET", below.display());
            query(&ctx, &copy).await.unwrap();
            world.define(&ctx, table).await;
        }
        let spark = format!(
            "COPY (SELECT path, named_struct('type', 1, 'size', NULL, 'indices', NULL, 'values', [1.0, 2.5])
                          AS \"pcaFeatures\" FROM features)
             TO '{}/spark/' STORED AS PARQUET",
            world.folder.path().display()
        );
        query(&ctx, &spark).await.unwrap();
        world
    }

    /// A session in which nothing is defined but the images.
    async fn session(&self) -> SessionContext {
        let ctx = local_session("fruits").unwrap();
        let images = self.folder.path().join("images");
        image_table(&ctx, &images).await.unwrap();
        ctx
    }

    async fn define(&self, ctx: &SessionContext, table: &str) {
        let below = self.folder.path().join("results").join(table);
        let create = format!(
            "CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{}/'",
            below.display()
        );
        query(ctx, &create).await.unwrap();
    }

    /// Runs the statements of an example in a session of its own, and counts them.
    async fn run(&self, example: &str) -> usize {
        let ctx = self.session().await;
        self.define(&ctx, "features").await;
        for (table, sql) in [
            (
                "moments",
                "SELECT label, pca_moments(features) AS moments FROM features GROUP BY label",
            ),
            (
                "old",
                "SELECT pca_moments(features) AS moments FROM features WHERE label = 'Kiwi'",
            ),
            (
                "added",
                "SELECT features FROM features WHERE label <> 'Kiwi'",
            ),
            (
                "erased",
                "SELECT features FROM features ORDER BY path LIMIT 3",
            ),
            (
                "pca_model",
                "SELECT pca_fit(features, 3) AS model FROM features",
            ),
            (
                "pca",
                "SELECT path, pca_transform(features, (SELECT model FROM pca_model)) AS pca FROM features",
            ),
        ] {
            query(&ctx, &format!("CREATE TABLE {table} AS {sql}"))
                .await
                .unwrap();
        }
        let root = self.folder.path().display();
        let example = example
            .replace("'s3://bucket/data/Training/'", &format!("'{root}/images'"))
            .replace(
                "'s3://bucket/data/Training/*/",
                &format!("'{root}/images/*/"),
            )
            .replace("'s3://bucket/spark-results/'", &format!("'{root}/spark/'"))
            .replace(
                "'s3://inventory/photos/daily/2026-01-02T00-00Z/",
                &format!("'{root}/inventory/"),
            )
            .replace("'results/", &format!("'{root}/results/"));
        let ran = run_statements(&ctx, &example).await;
        ran.unwrap_or_else(|error| panic!("{example}\n{error}"))
    }
}

async fn run_statements(ctx: &SessionContext, sql: &str) -> Result<usize> {
    let statements = parse_statements(ctx, sql)?;
    let count = statements.len();
    for statement in statements {
        // An example may define what others find.
        for table in ["images", "pca_model", "moments"] {
            if statement.to_string().contains(&format!("TABLE {table} ")) {
                ctx.deregister_table(table)?;
            }
        }
        plan_statement(ctx, statement).await?.collect().await?;
    }
    Ok(count)
}
