//! [`ReadUrlsExec`]: reads the URLs of its input, many at once and ahead of whoever wants them.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, EvaluationType, SchedulingType,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use serde::{Deserialize, Serialize};

use super::function::ReadOutput;
use super::options::ReadOptions;
use super::reader::Reader;
use super::stream::{ReadMetrics, with_reads};

/// Everything that a [`ReadUrlsExec`] needs besides its input; plain values that serialise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadUrls {
    /// How many columns of the input, from the first on, are columns of the output.
    pub keep: usize,
    /// What is read: a request a row each.
    pub reads: Vec<UrlRead>,
    /// How.
    pub options: ReadOptions,
}

/// A column of URLs, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlRead {
    /// The position of the column in the input.
    pub column: usize,
    /// A column of the output each.
    pub outputs: Vec<ReadOutput>,
}

/// Appends what URLs lead to: the columns of its input that are kept, and those of each read.
/// Partitioning and the order of rows are the input's.
#[derive(Debug)]
pub struct ReadUrlsExec {
    input: Arc<dyn ExecutionPlan>,
    config: Arc<ReadUrls>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ReadUrlsExec {
    /// The operator's name in plans.
    pub const NAME: &'static str = "ReadUrlsExec";

    /// Puts the operator over rows with URLs.
    ///
    /// # Errors
    /// If the configuration names a column that the input has not, or that is no text.
    pub fn try_new(input: Arc<dyn ExecutionPlan>, config: ReadUrls) -> Result<Self> {
        let schema = input.schema();
        let fields = schema.fields();
        for read in &config.reads {
            match fields.get(read.column).map(|field| field.data_type()) {
                Some(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {}
                _ => return plan_err!("the input has no URLs in column {}", read.column),
            }
        }
        if config.keep > fields.len() {
            return plan_err!("the input has no {} columns", config.keep);
        }
        let outputs = config.reads.iter().flat_map(|read| &read.outputs);
        let read = outputs.enumerate().map(|(number, output)| {
            Arc::new(Field::new(
                format!("__read_{number}"),
                output.data_type(),
                true,
            ))
        });
        let kept = fields.iter().take(config.keep).map(Arc::clone);
        let fields: Vec<_> = kept.chain(read).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        )
        // Requests run in tasks of their own, ahead of the consumer.
        .with_evaluation_type(EvaluationType::Eager)
        .with_scheduling_type(SchedulingType::Cooperative);
        Ok(Self {
            input,
            config: Arc::new(config),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// The rows with URLs.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// What a codec has to write besides the input.
    pub fn config(&self) -> &ReadUrls {
        &self.config
    }
}

impl DisplayAs for ReadUrlsExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let schema: SchemaRef = self.input.schema();
        let columns = self.config.reads.iter().map(|read| {
            let field = schema.field(read.column);
            field.name().as_str()
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let concurrency = self.config.options.concurrency;
        match format {
            DisplayFormatType::TreeRender => writeln!(f, "urls={columns}"),
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(
                f,
                "{}: urls=[{columns}], concurrency={concurrency}",
                Self::NAME
            ),
        }
    }
}

impl ExecutionPlan for ReadUrlsExec {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::try_new(
                input,
                ReadUrls::clone(&self.config),
            )?)),
            _ => plan_err!("{} has one input", Self::NAME),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let stores = Arc::clone(&context.runtime_env().object_store_registry);
        let reader = Reader::new(stores, self.config.options.clone());
        let most_rows = context.session_config().batch_size();
        let input = self.input.execute(partition, context)?;
        Ok(with_reads(
            input,
            self.schema(),
            Arc::clone(&self.config),
            reader,
            most_rows,
            ReadMetrics::new(&self.metrics, partition),
        ))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
