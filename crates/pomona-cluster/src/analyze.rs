//! [`ClusterAnalyzeExec`]: EXPLAIN ANALYZE of a query on the cluster.

use std::fmt::{self, Formatter, Write};
use std::sync::Arc;

use ballista_core::serde::protobuf::{GetJobMetricsParams, JobStageMetrics, OperatorMetricsSet};
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, stream};

use super::connection::connect;
use super::job::PATIENCE;
use super::query::ClusterQueryExec;
use crate::ClusterError;

/// Runs a query, drops its rows, and gives the operators of each stage with what they measured.
#[derive(Debug)]
pub(crate) struct ClusterAnalyzeExec {
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl ClusterAnalyzeExec {
    /// `schema` has two columns of text: the plan's type, and the plan.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            input,
            schema,
            properties: Arc::new(properties),
        }
    }
}

/// The part of a plan that runs on the cluster.
fn cluster_query(plan: &Arc<dyn ExecutionPlan>) -> Option<&ClusterQueryExec> {
    plan.downcast_ref::<ClusterQueryExec>()
        .or_else(|| plan.children().into_iter().find_map(cluster_query))
}

async fn measured(query: &ClusterQueryExec) -> Result<String> {
    let Some(job_id) = query.job_id() else {
        return internal_err!("the query ended without a job");
    };
    let mut client = connect(query.cluster(), PATIENCE).await?;
    let metrics = client.get_job_metrics(GetJobMetricsParams { job_id }).await;
    let metrics = metrics.map_err(|status| ClusterError::UnexpectedAnswer {
        scheduler: query.cluster().to_string(),
        reason: status.message().to_string(),
    })?;
    let mut text = String::new();
    for stage in metrics.into_inner().stages {
        describe(stage, &mut text)?;
    }
    Ok(text)
}

fn describe(stage: JobStageMetrics, text: &mut String) -> Result<()> {
    let _ = writeln!(
        text,
        "stage {}, partitions={}",
        stage.stage_id, stage.partitions
    );
    for operator in stage.operators {
        let metrics: MetricsSet = OperatorMetricsSet {
            metrics: operator.metrics,
        }
        .try_into()
        .map_err(ballista_core::error::BallistaError::into_datafusion)?;
        let metrics = metrics.aggregate_by_name();
        let metrics = metrics.sorted_for_display().timestamps_removed();
        let indent = "  ".repeat(operator.depth as usize + 1);
        let _ = writeln!(
            text,
            "{indent}{}, metrics=[{metrics}]",
            operator.operator_desc
        );
    }
    Ok(())
}

impl DisplayAs for ClusterAnalyzeExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterAnalyzeExec")
    }
}

impl ExecutionPlan for ClusterAnalyzeExec {
    fn name(&self) -> &'static str {
        "ClusterAnalyzeExec"
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
            (Some(input), true) => Ok(Arc::new(Self::new(input, Arc::clone(&self.schema)))),
            _ => internal_err!("ClusterAnalyzeExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut rows = self.input.execute(partition, context)?;
        let input = Arc::clone(&self.input);
        let schema = Arc::clone(&self.schema);
        let analyzed = async move {
            while let Some(batch) = rows.next().await {
                batch?;
            }
            let Some(query) = cluster_query(&input) else {
                return internal_err!("no part of the query ran on the cluster");
            };
            let plan = StringArray::from(vec![measured(query).await?]);
            let kind = StringArray::from(vec!["Plan with Metrics"]);
            let columns = vec![Arc::new(kind) as _, Arc::new(plan) as _];
            Ok(RecordBatch::try_new(schema, columns)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            stream::once(analyzed),
        )))
    }
}
