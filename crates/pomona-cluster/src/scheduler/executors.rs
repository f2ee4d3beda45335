//! [`Executors`]: the executors that a scheduler knows, whose loss is noticed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::ExecutorHeartbeat;
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::memory::InMemoryClusterState;
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::state::task_manager::JobInfoCache;

use super::ahead::{Ahead, waiting};
use super::guard::JobGuard;
use crate::console::{JobBook, executor};

/// Ballista's executors in memory, which get tasks that read images ahead of their cores. Before one is removed, and its tasks are given to others, the
/// guard sees which tasks it was running.
pub(super) struct Executors {
    executors: InMemoryClusterState,
    guard: Arc<JobGuard>,
    ahead: Ahead,
    /// Where those that come and those that are gone are noted for the scheduler's pages.
    book: Arc<JobBook>,
}

impl Executors {
    pub(super) fn new(guard: Arc<JobGuard>, book: Arc<JobBook>) -> Self {
        Self {
            executors: InMemoryClusterState::default(),
            guard,
            ahead: Ahead::default(),
            book,
        }
    }
}

#[async_trait]
impl ClusterState for Executors {
    async fn bind_schedulable_tasks(
        &self,
        distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        let jobs = Arc::clone(&active_jobs);
        let bound = self
            .executors
            .bind_schedulable_tasks(distribution, jobs, executors.clone());
        let mut bound = bound.await?;
        // What waits now waits because no core is free.
        let Some(waiting) = waiting(&active_jobs).await else {
            return Ok(bound);
        };
        let lent = self.ahead.lend(waiting.partitions, executors.as_ref());
        if !lent.is_empty() {
            let takers = lent.iter().map(|(executor, _)| executor.clone()).collect();
            self.executors.unbind_tasks(lent).await?;
            let (each, jobs) = (TaskDistributionPolicy::RoundRobin, Arc::new(waiting.jobs));
            let ahead = self
                .executors
                .bind_schedulable_tasks(each, jobs, Some(takers));
            bound.extend(ahead.await?);
        }
        Ok(bound)
    }

    async fn unbind_tasks(&self, slots: Vec<ExecutorSlot>) -> Result<()> {
        self.executors
            .unbind_tasks(self.ahead.returned(slots))
            .await
    }

    async fn register_executor(
        &self,
        metadata: ExecutorMetadata,
        spec: ExecutorData,
    ) -> Result<()> {
        self.book.executor_joined(&metadata.id);
        self.ahead.add(&metadata.id, spec.total_vcores);
        self.executors.register_executor(metadata, spec).await
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.executors.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, id: &str) -> Result<ExecutorMetadata> {
        self.executors.get_executor_metadata(id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.executors.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        self.executors.save_executor_heartbeat(heartbeat).await
    }

    async fn remove_executor(&self, id: &str) -> Result<()> {
        self.guard.executor_lost(id).await;
        if let Ok(metadata) = self.executors.get_executor_metadata(id).await {
            let last = self.executors.get_executor_heartbeat(id);
            let (seconds, metrics) =
                last.map_or((0, vec![]), |last| (last.timestamp, last.metrics));
            let mut gone = executor(&metadata, 1000 * seconds, &metrics);
            gone.is_gone = true;
            self.book.executor_gone(gone);
        }
        self.ahead.remove(id);
        self.executors.remove_executor(id).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.executors.executor_heartbeats()
    }

    fn get_executor_heartbeat(&self, id: &str) -> Option<ExecutorHeartbeat> {
        self.executors.get_executor_heartbeat(id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.executors.cluster_state_events().await
    }
}
