//! [`SchedulerService`]: Ballista's scheduler as clients and executors reach it, and what is added.

use std::sync::Arc;

use ballista_core::JobId;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use ballista_core::serde::protobuf::{
    CancelJobParams, CancelJobResult, CleanJobDataParams, CleanJobDataResult,
    CreateUpdateSessionParams, CreateUpdateSessionResult, ExecuteQueryParams, ExecuteQueryResult,
    ExecutorStoppedParams, ExecutorStoppedResult, GetJobMetricsParams, GetJobMetricsResult,
    GetJobStatusParams, GetJobStatusResult, HeartBeatParams, HeartBeatResult, PollWorkParams,
    PollWorkResult, RegisterExecutorParams, RegisterExecutorResult, RemoveSessionParams,
    RemoveSessionResult, UpdateTaskStatusParams, UpdateTaskStatusResult, execute_query_result,
};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::clients::Clients;
use super::stopped_jobs::StoppedJobs;
use crate::console::JobBook;
use crate::sql_header::sql_of;

/// What a client hears of its job.
type JobStatuses = BoxStream<'static, Result<GetJobStatusResult, Status>>;

/// Ballista's service without the type of its state: the compiler would prove for each method here that all
/// of that may go to another thread, which takes it 20 seconds.
pub(super) type BallistaService = dyn SchedulerGrpc<ExecuteQueryPushStream = JobStatuses>;

/// Passes every request on to Ballista. Four things are added: plans must be physical, a question
/// for a job shows that its client lives, a job that the guard ended has the guard's reason, and the SQL of a
/// query is kept for the pages.
pub(super) struct SchedulerService {
    pub(super) server: Arc<BallistaService>,
    pub(super) clients: Arc<Clients>,
    pub(super) stopped: Arc<StoppedJobs>,
    pub(super) book: Arc<JobBook>,
}

/// A logical plan would be planned here, with this machine's files and without bounds to its depth.
fn check_kind(request: &Request<ExecuteQueryParams>) -> Result<(), Status> {
    match &request.get_ref().query {
        Some(Query::PhysicalPlan(_)) => Ok(()),
        _ => Err(Status::invalid_argument(
            "the scheduler of Pomona runs physical plans: send queries with 'pomona sql --scheduler'",
        )),
    }
}

#[async_trait]
impl SchedulerGrpc for SchedulerService {
    type ExecuteQueryPushStream = JobStatuses;

    async fn execute_query(
        &self,
        request: Request<ExecuteQueryParams>,
    ) -> Result<Response<ExecuteQueryResult>, Status> {
        check_kind(&request)?;
        let sql = sql_of(request.metadata());
        let response = self.server.execute_query(request).await?;
        if let Some(execute_query_result::Result::Success(job)) = &response.get_ref().result {
            let job = JobId::from(job.job_id.as_str());
            self.clients.asked_for(&job);
            if let Some(sql) = sql {
                self.book.keep_sql(job, &sql);
            }
        }
        Ok(response)
    }

    async fn execute_query_push(
        &self,
        request: Request<ExecuteQueryParams>,
    ) -> Result<Response<Self::ExecuteQueryPushStream>, Status> {
        check_kind(&request)?;
        self.server.execute_query_push(request).await
    }

    async fn get_job_status(
        &self,
        request: Request<GetJobStatusParams>,
    ) -> Result<Response<GetJobStatusResult>, Status> {
        let response = self.server.get_job_status(request).await?;
        if let Some(status) = &response.get_ref().status {
            self.clients.asked_for(&JobId::from(status.job_id.as_str()));
        }
        Ok(response.map(|result| GetJobStatusResult {
            status: result.status.map(|status| self.stopped.as_failed(status)),
            ..result
        }))
    }

    async fn poll_work(
        &self,
        request: Request<PollWorkParams>,
    ) -> Result<Response<PollWorkResult>, Status> {
        self.server.poll_work(request).await
    }

    async fn register_executor(
        &self,
        request: Request<RegisterExecutorParams>,
    ) -> Result<Response<RegisterExecutorResult>, Status> {
        self.server.register_executor(request).await
    }

    async fn heart_beat_from_executor(
        &self,
        request: Request<HeartBeatParams>,
    ) -> Result<Response<HeartBeatResult>, Status> {
        self.server.heart_beat_from_executor(request).await
    }

    async fn update_task_status(
        &self,
        request: Request<UpdateTaskStatusParams>,
    ) -> Result<Response<UpdateTaskStatusResult>, Status> {
        self.server.update_task_status(request).await
    }

    async fn create_update_session(
        &self,
        request: Request<CreateUpdateSessionParams>,
    ) -> Result<Response<CreateUpdateSessionResult>, Status> {
        self.server.create_update_session(request).await
    }

    async fn remove_session(
        &self,
        request: Request<RemoveSessionParams>,
    ) -> Result<Response<RemoveSessionResult>, Status> {
        self.server.remove_session(request).await
    }

    async fn get_job_metrics(
        &self,
        request: Request<GetJobMetricsParams>,
    ) -> Result<Response<GetJobMetricsResult>, Status> {
        self.server.get_job_metrics(request).await
    }

    async fn executor_stopped(
        &self,
        request: Request<ExecutorStoppedParams>,
    ) -> Result<Response<ExecutorStoppedResult>, Status> {
        self.server.executor_stopped(request).await
    }

    async fn cancel_job(
        &self,
        request: Request<CancelJobParams>,
    ) -> Result<Response<CancelJobResult>, Status> {
        self.server.cancel_job(request).await
    }

    async fn clean_job_data(
        &self,
        request: Request<CleanJobDataParams>,
    ) -> Result<Response<CleanJobDataResult>, Status> {
        self.server.clean_job_data(request).await
    }
}
