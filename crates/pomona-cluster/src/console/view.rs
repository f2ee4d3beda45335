//! [`ClusterView`]: what a scheduler knows, as the pages show it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::serde::protobuf::executor_metric::Metric;
use ballista_core::serde::protobuf::{ExecutorMetric, task_status};
use ballista_core::serde::scheduler::ExecutorMetadata;
use ballista_scheduler::cluster::JobState as JobStore;
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use pomona_console::{Cluster, Content, Executor, Job, JobRow, JobState, View};

use super::book::Graph;
use super::graph::{OperatorsOf, job, plain_error, row};
use super::pages::Source;
use super::tally::Tally;
use super::{History, JobBook, now};
use crate::scheduler::{Server, StoppedJobs};

/// Reads a scheduler for its pages.
pub(crate) struct ClusterView {
    server: Arc<Server>,
    /// The graphs of jobs that have ended.
    ended: Arc<dyn JobStore>,
    book: Arc<JobBook>,
    /// Jobs of earlier schedulers, where they are kept.
    history: Option<Arc<History>>,
    /// Why jobs are ended that nobody cancelled.
    stopped: Arc<StoppedJobs>,
    cluster: Cluster,
}

impl ClusterView {
    pub(crate) fn new(
        server: Arc<Server>,
        ended: Arc<dyn JobStore>,
        book: Arc<JobBook>,
        history: Option<Arc<History>>,
        stopped: Arc<StoppedJobs>,
        cluster: Cluster,
    ) -> Self {
        Self {
            server,
            ended,
            book,
            history,
            stopped,
            cluster,
        }
    }

    pub(crate) fn book(&self) -> &Arc<JobBook> {
        &self.book
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// All jobs.
    pub(crate) async fn rows(&self) -> Vec<Arc<JobRow>> {
        let mut rows: HashMap<String, Arc<JobRow>> = HashMap::new();
        let earlier = self.history().into_iter();
        rows.extend(earlier.map(|row| (row.id.clone(), row)));
        for (id, graph) in self.running() {
            let row = row(&**graph.read().await);
            rows.insert(id.to_string(), Arc::new(self.with_reason(row)));
        }
        for row in self.book.rows() {
            // Those that have ended since are what the book says.
            if row.state.has_ended() || !rows.contains_key(&row.id) {
                rows.insert(row.id.clone(), row);
            }
        }
        rows.into_values().collect()
    }

    /// The jobs that are kept, if any are.
    pub(crate) fn history(&self) -> Vec<Arc<JobRow>> {
        self.history
            .as_ref()
            .map_or(vec![], |history| history.rows())
    }

    /// A job that is kept.
    pub(crate) async fn kept(&self, id: &str) -> Option<Job> {
        self.history.as_ref()?.job(id).await
    }

    /// One job of the list.
    pub(crate) async fn row(&self, id: &str) -> Option<Arc<JobRow>> {
        let job = JobId::from(id);
        if let Some(graph) = self.running().get(&job) {
            let row = row(&**graph.read().await);
            return Some(Arc::new(self.with_reason(row)));
        }
        if let Some(row) = self.book.row(&job) {
            return Some(row);
        }
        let mut kept = self.history().into_iter();
        kept.find(|row| row.id == id)
    }

    fn running(&self) -> HashMap<JobId, Graph> {
        let listed = self.server.state.task_manager.get_running_job_cache();
        self.book.graphs(&listed)
    }

    /// A job that Pomona ends was cancelled, as its graph says until its end is kept. The reason is known already.
    fn with_reason(&self, row: JobRow) -> JobRow {
        match self.stopped.reason(&JobId::from(row.id.as_str())) {
            Some(reason) if row.state == JobState::Cancelled => JobRow {
                state: JobState::Failed,
                error: Some(plain_error(&reason)),
                ..row
            },
            _ => row,
        }
    }

    async fn job(&self, id: &str, operators: OperatorsOf) -> Option<Job> {
        let name = JobId::from(id);
        let mut job = match self.job_of_graph(&name, operators).await {
            Some(job) => job,
            // It waits, has just begun, or could not be planned, and has no graph.
            None => match self.book.row(&name) {
                Some(row) => Job {
                    row: JobRow::clone(&row),
                    ..Job::default()
                },
                None => return self.kept(id).await,
            },
        };
        job.sql = self.book.sql(&name).map(|sql| sql.to_string());
        let hosts = self.hosts().await;
        for task in job.stages.iter_mut().flat_map(|stage| &mut stage.tasks) {
            if let Some(host) = hosts.get(&task.executor) {
                task.executor.clone_from(host);
            }
        }
        Some(job)
    }

    async fn job_of_graph(&self, id: &JobId, operators: OperatorsOf) -> Option<Job> {
        if let Some(graph) = self.running().get(id) {
            let job = job(&**graph.read().await, operators);
            let row = self.with_reason(job.row);
            return Some(Job { row, ..job });
        }
        let graph = self.ended.get_execution_graph(id).await.ok().flatten()?;
        Some(job(&*graph, operators))
    }

    /// Where executors are, by their identifiers.
    async fn hosts(&self) -> HashMap<String, String> {
        let live = self
            .server
            .state
            .executor_manager
            .get_executors_state()
            .await;
        let live = live.unwrap_or_default().into_iter();
        let live = live.map(|(executor, ..)| (executor.id, executor.host, executor.port));
        let gone = self.book.gone().into_iter();
        let gone = gone.map(|executor| (executor.id, executor.host, executor.port));
        gone.chain(live)
            .map(|(id, host, port)| (id, format!("{host}:{port}")))
            .collect()
    }

    /// The work of all jobs since the scheduler started.
    pub(crate) async fn tally(&self) -> Tally {
        let mut running = vec![];
        for (id, graph) in self.running() {
            let graph = graph.read().await;
            running.push((id, Tally::of(&**graph)));
        }
        self.book.tally(running)
    }

    /// The partitions that wait for a slot.
    pub(crate) async fn waiting(&self) -> u64 {
        let mut waiting = 0;
        for graph in self.running().values() {
            let graph = graph.read().await;
            let stages = graph.stages().values();
            waiting += stages
                .map(|stage| super::graph::Seen::of(stage).waiting)
                .sum::<u64>();
        }
        waiting
    }

    /// The executors, those that are gone among them.
    pub(crate) async fn executors(&self) -> Vec<Executor> {
        let mut busy: HashMap<String, u64> = HashMap::new();
        for graph in self.running().values() {
            let graph = graph.read().await;
            count_running(&**graph, &mut busy);
        }
        let tally = self.tally().await;
        let known = self
            .server
            .state
            .executor_manager
            .get_executors_state()
            .await;
        let mut executors: Vec<Executor> = known
            .unwrap_or_default()
            .into_iter()
            .map(|(metadata, heartbeat, metrics)| {
                let heartbeat = heartbeat.map_or(0, |since| since.as_millis() as u64);
                executor(&metadata, heartbeat, &metrics)
            })
            .collect();
        let live: Vec<String> = executors.iter().map(|known| known.id.clone()).collect();
        let gone = self.book.gone().into_iter();
        executors.extend(gone.filter(|executor| !live.contains(&executor.id)));
        for executor in &mut executors {
            // A task that is ahead reads images, and has no slot yet.
            let tasks = busy.get(&executor.id).copied().unwrap_or(0);
            executor.running = tasks.min(executor.slots);
            if let Some(work) = tally.executors.get(&executor.id) {
                executor.completed = work.tasks;
                executor.network_loads = work.network_loads;
            }
        }
        executors
    }
}

#[async_trait]
impl Source for ClusterView {
    fn cluster(&self) -> Cluster {
        Cluster {
            now: now(),
            ..self.cluster.clone()
        }
    }

    async fn content(&self, view: &View) -> Option<Content> {
        Some(match view {
            View::Jobs { .. } => Content::Jobs(self.rows().await, self.executors().await),
            View::Executors { .. } => Content::Executors(self.executors().await),
            View::Job { id, .. } => Content::Job(Arc::new(self.job(id, OperatorsOf::None).await?)),
            View::Stage { job, stage, .. } => {
                Content::Job(Arc::new(self.job(job, OperatorsOf::Stage(*stage)).await?))
            }
        })
    }
}

/// An executor by what it reports.
pub(crate) fn executor(
    metadata: &ExecutorMetadata,
    heartbeat: u64,
    metrics: &[ExecutorMetric],
) -> Executor {
    let mut executor = Executor {
        id: metadata.id.clone(),
        host: metadata.host.clone(),
        port: metadata.port,
        slots: metadata.specification.vcores.into(),
        heartbeat,
        ..Executor::default()
    };
    for metric in metrics {
        match metric.metric {
            Some(Metric::ProcPhysicalMemory(bytes)) => executor.memory = Some(bytes),
            Some(Metric::TotalMemory(bytes)) => executor.memory_total = Some(bytes),
            Some(Metric::PeakPhysicalMemory(bytes)) if bytes > 0 => {
                executor.memory_peak = Some(bytes);
            }
            _ => {}
        }
    }
    executor
}

/// Adds the slots that the tasks of a job take, by executor.
fn count_running(graph: &dyn ExecutionGraph, busy: &mut HashMap<String, u64>) {
    let tasks = graph.stages().values();
    for task in tasks.filter_map(|stage| stage.task_infos()).flatten() {
        if let task_status::Status::Running(running) = &task.task_status {
            *busy.entry(running.executor_id.clone()).or_default() +=
                u64::from(task.vcores_consumed.max(1));
        }
    }
}
