//! [`CommitExec`]: publishes the files that the executors wrote.

use std::fmt::{self, Formatter};
use std::fs;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::sink_folder::below;

/// Attempts whose files are moved at the same time.
const CONCURRENCY: usize = 16;

/// What COPY and INSERT give: the number of rows.
static COUNT: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![Field::new(
        "count",
        DataType::UInt64,
        false,
    )]))
});

/// Moves the files of the attempts that its input names from the staging folder to where they
/// belong, deletes everything else there, and gives the number of rows.
///
/// A lost task may have written files, or write them still: they are in the staging folder, where
/// nobody reads, and never move.
#[derive(Debug)]
pub(crate) struct CommitExec {
    input: Arc<dyn ExecutionPlan>,
    staging: ListingTableUrl,
    target: ListingTableUrl,
    properties: Arc<PlanProperties>,
}

impl CommitExec {
    /// The staging folder `name` of a target. Readers of folders pass over `_temporary`.
    pub(crate) fn staging(target: &ListingTableUrl, name: &str) -> Result<ListingTableUrl> {
        below(&below(target, "_temporary")?, name)
    }

    /// Publishes what `input` says it wrote below `staging`.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        staging: ListingTableUrl,
        target: ListingTableUrl,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&COUNT)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            input,
            staging,
            target,
            properties: Arc::new(properties),
        }
    }
}

/// Moves the files of one attempt; the path of a file below its folder is its path in the target.
async fn publish(
    store: Arc<dyn ObjectStore>,
    attempt: Path,
    target: Path,
) -> object_store::Result<()> {
    let files: Vec<_> = store.list(Some(&attempt)).try_collect().await?;
    for file in files {
        let inner = file.location.prefix_match(&attempt).into_iter().flatten();
        let to = inner.fold(target.clone(), |path, part| path.join(part));
        store.rename(&file.location, &to).await?;
    }
    Ok(())
}

/// Deletes the staging folder. What cannot be deleted is in nobody's way, so that is no error.
async fn clean(store: Arc<dyn ObjectStore>, staging: ListingTableUrl) {
    let files = store.list(Some(staging.prefix()));
    let files = files.map_ok(|file| file.location).boxed();
    let mut deleted = store.delete_stream(files);
    while let Some(outcome) = deleted.next().await {
        if let Err(error) = outcome {
            log::warn!("a file below {staging} is left behind: {error}");
        }
    }
    // An object store has no folders, a file system has.
    if staging.scheme() == "file"
        && let Ok(folder) = staging.get_url().to_file_path()
    {
        let _ = fs::remove_dir_all(&folder);
        let _ = folder.parent().map(fs::remove_dir);
    }
}

impl DisplayAs for CommitExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CommitExec: target={}", self.target)
            }
            DisplayFormatType::TreeRender => writeln!(f, "target={}", self.target),
        }
    }
}

impl ExecutionPlan for CommitExec {
    fn name(&self) -> &'static str {
        "CommitExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(
                input,
                self.staging.clone(),
                self.target.clone(),
            ))),
            _ => internal_err!("CommitExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let store = context
            .runtime_env()
            .object_store(self.target.object_store())?;
        let written = self.input.execute(partition, context)?;
        let (staging, target) = (self.staging.clone(), self.target.clone());
        let committed = async move {
            let published = async {
                let mut attempts = vec![];
                let mut rows = 0;
                for batch in collect(written).await? {
                    let names = batch.column(0).as_string::<i32>();
                    attempts.extend(names.iter().flatten().map(str::to_string));
                    let counts = batch.column(1).as_primitive::<UInt64Type>();
                    rows += counts.values().iter().sum::<u64>();
                }
                let moves = attempts.into_iter().map(|attempt| {
                    let attempt = staging.prefix().clone().join(attempt);
                    publish(Arc::clone(&store), attempt, target.prefix().clone())
                });
                let moves = stream::iter(moves).buffer_unordered(CONCURRENCY);
                moves.try_collect::<()>().await?;
                Ok::<_, DataFusionError>(rows)
            }
            .await;
            clean(store, staging).await;
            let rows = UInt64Array::from(vec![published?]);
            Ok(RecordBatch::try_new(
                Arc::clone(&COUNT),
                vec![Arc::new(rows)],
            )?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&COUNT),
            stream::once(committed),
        )))
    }
}
