//! Sessions with an image table, and ways to look at results.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::pretty::pretty_format_batches;
use datafusion::error::Result;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pomona_images::ImageTableFactory;
use url::Url;

/// A session with the factory, and `store` as the bucket `s3://bucket`.
pub fn session(store: Arc<dyn ObjectStore>, target_partitions: usize) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(target_partitions);
    let ctx = SessionContext::new_with_config(config);
    ctx.register_object_store(&Url::parse("s3://bucket").unwrap(), store);
    ctx.state_ref().write().table_factories_mut().insert(
        ImageTableFactory::FILE_TYPE.to_owned(),
        Arc::new(ImageTableFactory),
    );
    ctx
}

/// A store in memory with the given objects; contents are the objects' names.
pub async fn store_with<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    for name in names {
        let path = Path::parse(name.as_ref()).unwrap();
        store
            .put(&path, name.as_ref().to_owned().into())
            .await
            .unwrap();
    }
    store
}

/// Creates the table `images` at `location` with `options`, such as `OPTIONS (recursive 'false')`.
pub async fn create(ctx: &SessionContext, location: &str, options: &str) -> Result<()> {
    let location = location.replace('\'', "''");
    let sql =
        format!("CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{location}' {options}");
    run(ctx, &sql).await.map(|_| ())
}

pub async fn run(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    ctx.sql(sql).await?.collect().await
}

/// The result as the shell prints it.
pub async fn table(ctx: &SessionContext, sql: &str) -> String {
    let batches = run(ctx, sql).await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

/// The first column, which is text, in the order of rows.
pub async fn strings(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let batches = run(ctx, sql).await.unwrap();
    let mut values = Vec::new();
    for batch in &batches {
        // Functions of text may return views.
        let column = cast(batch.column(0), &DataType::Utf8).unwrap();
        assert_eq!(column.null_count(), 0, "{sql}");
        values.extend(
            column
                .as_string::<i32>()
                .iter()
                .flatten()
                .map(str::to_owned),
        );
    }
    values
}

/// The physical plan, as EXPLAIN prints it.
pub async fn plan(ctx: &SessionContext, sql: &str) -> String {
    let plan = ctx
        .sql(sql)
        .await
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap();
    datafusion::physical_plan::displayable(plan.as_ref())
        .indent(false)
        .to_string()
}
