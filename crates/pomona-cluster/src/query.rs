//! [`ClusterQueryExec`]: a query that runs on the cluster.

use std::fmt::{self, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::KeyValuePair;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::config::ConfigEntry;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use futures::StreamExt;
use pomona_functions::PomonaOptions;
use tokio::sync::mpsc::Sender;

use super::fetch::fetch;
use super::job::{Ended, Job};
use super::location::Cluster;
use super::plan_depth::encode;
use super::progress::Progress;
use pomona_session::{ROWS_HANDLED, StatementText, plain_message, with_schema};

use crate::ClusterError;

/// How often a plan is submitted when the cluster loses its job or its rows.
const SUBMISSIONS: u32 = 5;

/// Results up to this size, in bytes, are fetched as a whole before any row is handed on.
const KEPT_BYTES: usize = 64 << 20;

/// Batches that wait for the reader.
const BUFFERED_BATCHES: usize = 2;

/// Submits a physical plan to the scheduler, waits for its end and fetches its rows.
///
/// A job that the cluster loses, because its scheduler was started again or because the executors
/// that hold the result are gone, is submitted again as long as no row was handed on: results of up
/// to 64 MB are handed on when they are complete. Plans have
/// no effects but files, and those count when the rows that name them arrive.
#[derive(Debug)]
pub(crate) struct ClusterQueryExec {
    cluster: Cluster,
    plan: Arc<dyn ExecutionPlan>,
    codec: Arc<dyn PhysicalExtensionCodec>,
    /// Options that differ from the session's.
    overrides: Vec<(&'static str, String)>,
    /// The statement that it was planned of, for people who look at the job.
    sql: Option<Arc<StatementText>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// The job that was submitted last.
    job_id: Arc<Mutex<Option<String>>>,
}

impl ClusterQueryExec {
    /// Runs `plan` on the cluster, with the session's options but `overrides`; it was planned of `sql`.
    pub(crate) fn new(
        cluster: Cluster,
        plan: Arc<dyn ExecutionPlan>,
        codec: Arc<dyn PhysicalExtensionCodec>,
        overrides: Vec<(&'static str, String)>,
        sql: Option<Arc<StatementText>>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(plan.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            cluster,
            plan,
            codec,
            overrides,
            sql,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            job_id: Arc::default(),
        }
    }

    /// The scheduler's name of the job, once there is one.
    pub(crate) fn job_id(&self) -> Option<String> {
        let id = self.job_id.lock().unwrap_or_else(PoisonError::into_inner);
        id.clone()
    }

    /// The cluster.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn settings(&self, context: &TaskContext) -> Vec<KeyValuePair> {
        let mut settings: Vec<_> = context
            .session_config()
            .options()
            .entries()
            .into_iter()
            .filter(|entry| !self.overrides.iter().any(|(key, _)| *key == entry.key))
            .map(|ConfigEntry { key, value, .. }| KeyValuePair { key, value })
            .collect();
        settings.extend(self.overrides.iter().map(|(key, value)| KeyValuePair {
            key: key.to_string(),
            value: Some(value.clone()),
        }));
        settings
    }
}

/// What one query needs to be submitted, and submitted again.
struct Submission {
    cluster: Cluster,
    schema: SchemaRef,
    session_id: String,
    plan: Vec<u8>,
    settings: Vec<KeyValuePair>,
    sql: Option<Arc<StatementText>>,
    output_rows: Count,
    progress: Progress,
    job_id: Arc<Mutex<Option<String>>>,
}

/// Why the rows of a submission did not all arrive.
enum Outcome {
    Done,
    /// Nothing was handed on, so the plan can be submitted again.
    Again(String),
}

impl Submission {
    async fn run(self, rows: Sender<Result<RecordBatch>>) -> Result<()> {
        for attempt in 1..=SUBMISSIONS {
            match self.attempt(&rows, attempt > 1).await? {
                Outcome::Done => return Ok(()),
                Outcome::Again(reason) if attempt == SUBMISSIONS => {
                    return Err(ClusterError::ResultLost { reason }.into());
                }
                Outcome::Again(reason) => log::warn!("the query is submitted again: {reason}"),
            }
        }
        Ok(())
    }

    async fn attempt(&self, rows: &Sender<Result<RecordBatch>>, is_again: bool) -> Result<Outcome> {
        let mut job = Job::submit(
            &self.cluster,
            &self.session_id,
            self.plan.clone(),
            self.settings.clone(),
            self.sql.as_ref().map(|sql| sql.0.as_str()),
            is_again,
        )
        .await?;
        let id = job.id().to_string();
        log::debug!("job {id} is submitted");
        *self.job_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
        let ended = tokio::select! {
            ended = job.completed() => ended,
            error = self.progress.watch(&id) => Err(Ended::Failed(error)),
        };
        let locations = match ended {
            Ok(locations) => locations,
            Err(Ended::Lost) => {
                return Ok(Outcome::Again(format!(
                    "the scheduler {} has no job {id} any more",
                    self.cluster
                )));
            }
            Err(Ended::Failed(error)) => return Err(error.into()),
        };
        let mut result = Delivery::new(rows, &self.output_rows);
        for location in locations {
            let fetched = async {
                let batches = fetch(location, &self.cluster).await;
                let mut batches = batches.map_err(BallistaError::into_datafusion)?;
                while let Some(batch) = batches.next().await {
                    let batch = with_schema(batch?, &self.schema)?;
                    if !result.deliver(batch).await {
                        return Ok(false);
                    }
                }
                Ok::<_, DataFusionError>(true)
            };
            match fetched.await {
                Ok(true) => {}
                // Nobody wants the rest.
                Ok(false) => return Ok(Outcome::Done),
                Err(error) if result.is_kept_back() => {
                    return Ok(Outcome::Again(plain_message(&error)));
                }
                Err(error) => {
                    let reason = plain_message(&error);
                    return Err(ClusterError::ResultLost { reason }.into());
                }
            }
        }
        result.flush().await;
        Ok(Outcome::Done)
    }
}

/// Hands rows on, and keeps them back while they are few: what was not handed on can be fetched from
/// another submission.
struct Delivery<'a> {
    rows: &'a Sender<Result<RecordBatch>>,
    output_rows: &'a Count,
    kept: Vec<RecordBatch>,
    kept_bytes: usize,
    is_streaming: bool,
}

impl<'a> Delivery<'a> {
    fn new(rows: &'a Sender<Result<RecordBatch>>, output_rows: &'a Count) -> Self {
        Self {
            rows,
            output_rows,
            kept: vec![],
            kept_bytes: 0,
            is_streaming: false,
        }
    }

    fn is_kept_back(&self) -> bool {
        !self.is_streaming
    }

    /// Takes a batch; false if nobody reads any more.
    async fn deliver(&mut self, batch: RecordBatch) -> bool {
        self.kept_bytes += batch.get_array_memory_size();
        self.kept.push(batch);
        if self.is_streaming || self.kept_bytes > KEPT_BYTES {
            return self.flush().await;
        }
        true
    }

    /// Hands on what was kept; false if nobody reads any more.
    async fn flush(&mut self) -> bool {
        self.is_streaming = true;
        for batch in self.kept.drain(..) {
            self.output_rows.add(batch.num_rows());
            if self.rows.send(Ok(batch)).await.is_err() {
                return false;
            }
        }
        true
    }
}

impl DisplayAs for ClusterQueryExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                writeln!(f, "ClusterQueryExec: scheduler={}", self.cluster)?;
                let plan = DisplayableExecutionPlan::new(self.plan.as_ref());
                write!(f, "{}", plan.indent(false))
            }
            DisplayFormatType::TreeRender => writeln!(f, "scheduler={}", self.cluster),
        }
    }
}

impl ExecutionPlan for ClusterQueryExec {
    fn name(&self) -> &'static str {
        "ClusterQueryExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// The plan runs elsewhere: nothing here may rewrite or run a part of it.
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            internal_err!("ClusterQueryExec has no input")
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let encoded = encode(&self.plan, self.codec.as_ref())?;
        let submission = Submission {
            cluster: self.cluster.clone(),
            schema: self.schema(),
            session_id: context.session_id(),
            plan: encoded,
            settings: self.settings(&context),
            sql: self.sql.clone(),
            output_rows: MetricBuilder::new(&self.metrics).output_rows(partition),
            progress: Progress::new(
                self.cluster.clone(),
                PomonaOptions::of(context.session_config().options()).executor_wait_seconds,
                MetricBuilder::new(&self.metrics).counter(ROWS_HANDLED, partition),
            ),
            job_id: Arc::clone(&self.job_id),
        };
        let mut rows = RecordBatchReceiverStream::builder(self.schema(), BUFFERED_BATCHES);
        let sender = rows.tx();
        rows.spawn(submission.run(sender));
        Ok(rows.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
