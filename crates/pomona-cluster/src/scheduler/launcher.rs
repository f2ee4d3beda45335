//! [`Launcher`]: sends tasks to executors, and notes which of them never arrived.

use std::collections::HashSet;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::{BallistaError, Result};
use ballista_core::serde::protobuf::MultiTaskDefinition;
use ballista_core::serde::scheduler::ExecutorMetadata;
use ballista_scheduler::state::executor_manager::ExecutorManager;
use ballista_scheduler::state::task_manager::TaskLauncher;

use super::guard::JobGuard;

/// Ballista's launcher, with a note for the guard: an executor that was gone before a task came to it
/// did not die of the task.
pub(super) struct Launcher {
    scheduler_endpoint: String,
    guard: Arc<JobGuard>,
}

impl Launcher {
    pub(super) fn new(scheduler_endpoint: String, guard: Arc<JobGuard>) -> Self {
        Self {
            scheduler_endpoint,
            guard,
        }
    }
}

#[async_trait]
impl TaskLauncher for Launcher {
    async fn launch_tasks(
        &self,
        executor: &ExecutorMetadata,
        tasks: Vec<MultiTaskDefinition>,
        executor_manager: &ExecutorManager,
    ) -> Result<HashSet<JobId>> {
        let sent: Vec<_> = tasks
            .iter()
            .flat_map(|task| {
                let ids = task.task_ids.iter().map(|id| id.task_id as usize);
                ids.map(|id| (task.job_id.clone().into(), task.stage_id as usize, id))
            })
            .collect();
        let endpoint = self.scheduler_endpoint.clone();
        let launched = executor_manager.launch_multi_task(&executor.id, tasks, endpoint);
        launched.await.inspect_err(|error| {
            if refused(error) {
                self.guard.not_delivered(&executor.id, sent);
            }
        })
    }
}

/// Whether nobody listens where the executor was.
fn refused(error: &BallistaError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = match error {
        BallistaError::TonicError(error) => Some(error),
        BallistaError::GrpcError(status) => status.source(),
        _ => None,
    };
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use tonic::transport::Endpoint;

    use super::*;

    #[tokio::test]
    async fn a_port_that_is_closed_refuses() {
        // Nobody else can have the port of a socket that does not listen.
        let closed = tokio::net::TcpSocket::new_v4().unwrap();
        closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = closed.local_addr().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let error = endpoint.connect().await.unwrap_err();
        assert!(refused(&BallistaError::from(error)));
        assert!(!refused(&BallistaError::General("gone".to_string())));
    }
}
