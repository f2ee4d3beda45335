//! [`ClusterPlanner`]: plans a query here and puts it on the cluster.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::datasource::sink::DataSinkExec;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use pomona_functions::{PomonaOptions, pins};

use super::analyze::ClusterAnalyzeExec;
use super::client_json::has_json_arrays;
use super::client_windows::has_client_windows;
use super::codec::PomonaCodec;
use super::commit::CommitExec;
use super::local_leaves::{Leaves, ReadHere, read_local_leaves};
use super::location::Cluster;
use super::parallel_sink::ParallelSinkExec;
use super::query::ClusterQueryExec;
use super::sink_folder::{folder, unique_name, with_folder, writes_files};
use super::subqueries::evaluate_scalar_subqueries;
use pomona_session::{StatementText, explain_writes, weights_objects};

/// What one query has besides the session: options that differ, and its text.
#[derive(Debug, Clone, Default)]
struct Overrides {
    options: Vec<(&'static str, String)>,
    /// The statement that is planned.
    sql: Option<Arc<StatementText>>,
}

/// Plans queries for a cluster.
#[derive(Debug)]
pub(crate) struct ClusterPlanner {
    cluster: Cluster,
    codec: Arc<dyn PhysicalExtensionCodec>,
}

impl ClusterPlanner {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            codec: Arc::new(PomonaCodec::default()),
        }
    }

    fn on_cluster(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        overrides: Overrides,
    ) -> Arc<dyn ExecutionPlan> {
        Arc::new(ClusterQueryExec::new(
            self.cluster.clone(),
            plan,
            Arc::clone(&self.codec),
            overrides.options,
            overrides.sql,
        ))
    }

    /// A sink as the cluster can do its work: files of a folder by every executor, unless the query is
    /// to have one partition; one file by one executor; and everything else, such as a table in
    /// memory, here.
    fn sink(
        &self,
        plan: &DataSinkExec,
        is_ordered: bool,
        is_single: bool,
        overrides: Overrides,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sink = plan.sink();
        let Some(target) = folder(sink) else {
            let plan = Arc::new(plan.clone());
            if writes_files(sink) {
                return Ok(self.on_cluster(plan, overrides));
            }
            let rows = self.on_cluster(Arc::clone(plan.input()), overrides);
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            return plan.replace_children(vec![rows], options);
        };
        let staging = CommitExec::staging(&target, &unique_name())?;
        let staged = with_folder(sink, staging.clone()).expect("a sink with a folder has one");
        let is_ordered = is_ordered && plan.sort_order().is_some();
        let input = match merged(plan.input()) {
            Some(partitions) if !is_ordered && !is_single => partitions,
            _ => plan.input(),
        };
        let written = Arc::new(ParallelSinkExec::try_new(Arc::clone(input), staged)?);
        let mut overrides = overrides;
        // Each partition writes a file of its own already.
        overrides.options.push((
            "datafusion.execution.minimum_parallel_output_files",
            "1".to_string(),
        ));
        let written = self.on_cluster(written, overrides);
        Ok(Arc::new(CommitExec::new(written, staging, target)))
    }
}

#[async_trait]
impl QueryPlanner for ClusterPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::default();
        if matches!(
            plan,
            LogicalPlan::Explain(_) | LogicalPlan::DescribeTable(_)
        ) {
            return planner.create_physical_plan(plan, session).await;
        }
        if let LogicalPlan::Analyze(analyze) = plan {
            let input = session.create_physical_plan(&analyze.input).await?;
            let schema = Arc::clone(analyze.schema.inner());
            return Ok(if is_on_cluster(&input) {
                Arc::new(ClusterAnalyzeExec::new(input, schema))
            } else {
                planner.create_physical_plan(plan, session).await?
            });
        }
        // Every executor then computes with the bytes that the client has, or fails.
        let options = PomonaOptions::of(session.config_options());
        let overrides = Overrides {
            options: pins(plan, &options, &weights_objects(session.runtime_env()))?,
            sql: session.config().get_extension(),
        };
        let is_ordered = writes_in_order(plan);
        let is_single = session.config().target_partitions() == 1;
        let plan = evaluate_scalar_subqueries(plan, session).await?;
        let here = ReadHere {
            windows: has_client_windows(&plan)?,
            json: has_json_arrays(&plan)?,
        };
        let plan = planner.create_physical_plan(&plan, session).await?;
        match Leaves::of(&plan, here) {
            Leaves::Local => return explain_writes(plan),
            Leaves::OnCluster => {}
            Leaves::Mixed => {
                let plan = read_local_leaves(plan, session.task_ctx(), here).await?;
                return Ok(self.on_cluster(plan, overrides));
            }
        }
        match plan.downcast_ref::<DataSinkExec>() {
            Some(sink) => self.sink(sink, is_ordered, is_single, overrides),
            None => Ok(self.on_cluster(plan, overrides)),
        }
    }
}

/// What an operator merges into one partition for a sink, if it does that and nothing else.
fn merged(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    if plan.fetch().is_some() {
        return None;
    }
    let coalesced = plan.downcast_ref::<CoalescePartitionsExec>();
    let sorted = plan.downcast_ref::<SortPreservingMergeExec>();
    coalesced
        .map(CoalescePartitionsExec::input)
        .or_else(|| sorted.map(SortPreservingMergeExec::input))
}

/// Whether the rows of COPY were asked for in an order. Where they were not, DataFusion still keeps
/// an order that it finds, such as that of paths in an image table. Rows of INSERT have the order
/// that the table has, if it has one.
fn writes_in_order(plan: &LogicalPlan) -> bool {
    let mut rows = match plan {
        LogicalPlan::Copy(copy) => &copy.input,
        LogicalPlan::Dml(_) => return true,
        _ => return false,
    };
    loop {
        rows = match rows.as_ref() {
            LogicalPlan::Sort(_) => return true,
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Limit(limit) => &limit.input,
            LogicalPlan::Filter(filter) => &filter.input,
            _ => return false,
        };
    }
}

/// Whether any part of a plan runs on the cluster.
fn is_on_cluster(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<ClusterQueryExec>() || plan.children().into_iter().any(is_on_cluster)
}
