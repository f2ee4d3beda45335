//! [`Engine`]: how an executor runs the stages of a query.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{ExecutionEngine, QueryStageExecutor};
use datafusion::common::{Result, exec_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionConfig;
use pomona_session::Writes;
use tokio::sync::watch;

use super::executor_metrics::TaskCounters;
use super::measured_source::measured;
use super::plain_errors::marked;
use super::plan_depth::check_plan;
use super::until_cancelled::until_cancelled;

/// An engine of Ballista's, with five differences: its tasks fail with their errors' own words, they
/// report the rows that they read from memory, tasks that differ in shape report no metrics, those
/// that are cancelled stop decoding, and all are counted.
///
/// A task of a stage with a union has the branches of other tasks cut to nothing, and an operator
/// that is cut away reports no metrics. The scheduler drops the report of a task whose metrics are
/// not as many as those of the task before it, and the job waits for that report forever.
pub(crate) struct Engine<E> {
    inner: E,
    counters: Arc<TaskCounters>,
    is_over: Arc<AtomicBool>,
}

impl<E> Engine<E> {
    /// Runs stages with `inner` until `is_over`, and counts their tasks.
    pub(crate) fn new(inner: E, counters: Arc<TaskCounters>, is_over: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            counters,
            is_over,
        }
    }
}

impl<E: ExecutionEngine> ExecutionEngine for Engine<E> {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        // The scheduler checks what clients send; this port takes tasks from anybody.
        check_plan(&plan)?;
        let has_metrics = !has_union(&plan);
        let (sender, running) = watch::channel(());
        let inner = self.inner.create_query_stage_exec(
            job_id,
            stage_id,
            task_id,
            global_output_partition_ids,
            until_cancelled(measured(plan)?, &running)?,
            work_dir,
            config,
        )?;
        Ok(Arc::new(Stage {
            inner,
            has_metrics,
            counters: Arc::clone(&self.counters),
            is_over: Arc::clone(&self.is_over),
            running: Mutex::new(Some(sender)),
        }))
    }
}

fn has_union(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<UnionExec>() || plan.children().into_iter().any(has_union)
}

#[derive(Debug)]
struct Stage {
    inner: Arc<dyn QueryStageExecutor>,
    has_metrics: bool,
    counters: Arc<TaskCounters>,
    is_over: Arc<AtomicBool>,
    /// Dropped when the stage ends, or is cancelled.
    running: Mutex<Option<watch::Sender<()>>>,
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        if self.is_over.load(Ordering::SeqCst) {
            return exec_err!("the executor is at its end");
        }
        let _running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (context, writes) = Writes::watched(&context);
        let task = self.counters.task();
        let outcome = self.inner.execute_query_stage(task_id, context).await;
        if outcome.is_ok() {
            task.complete();
            self.counters.add(&self.inner.collect_plan_metrics());
        }
        outcome.map_err(|error| marked(writes.explain(error)))
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        if !self.has_metrics {
            return vec![];
        }
        self.inner.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.inner.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.inner.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.inner.collect_column_stats()
    }
}
