//! [`ParallelSinkExec`]: writes files from every executor at once.

use std::fmt::{self, Formatter};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{EmissionType, EvaluationType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties,
};
use datafusion_proto::physical_plan::{AsExecutionPlan, PhysicalExtensionCodec};
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::stream;

use super::sink_folder::{below, folder, unique_name, with_folder};

/// What each partition returns: the attempt's folder below the sink's, and its rows.
static WRITTEN: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("attempt", DataType::Utf8, false),
        Field::new("rows", DataType::UInt64, false),
    ]))
});

/// Writes each partition of its input through a file sink of its own, into a folder that only this
/// attempt of the task writes to: `FOLDER/ATTEMPT/`. It gives one row a partition: the attempt and
/// the number of rows. A task that is lost after it wrote is run again, in another folder; whoever
/// reads the rows knows which folders count.
#[derive(Debug)]
pub(crate) struct ParallelSinkExec {
    input: Arc<dyn ExecutionPlan>,
    /// The sink, as the operator that plans know how to write.
    sink: Arc<DataSinkExec>,
    folder: ListingTableUrl,
    properties: Arc<PlanProperties>,
}

impl ParallelSinkExec {
    pub(crate) const NAME: &str = "ParallelSinkExec";

    /// Writes `input` as `sink` does, below the folder of `sink`.
    ///
    /// # Errors
    /// If the sink does not write files into a folder.
    pub(crate) fn try_new(input: Arc<dyn ExecutionPlan>, sink: Arc<dyn DataSink>) -> Result<Self> {
        let empty = Arc::new(EmptyExec::new(input.schema()));
        Self::over(input, Arc::new(DataSinkExec::new(empty, sink, None)))
    }

    fn over(input: Arc<dyn ExecutionPlan>, sink: Arc<DataSinkExec>) -> Result<Self> {
        let folder = folder(sink.sink())
            .ok_or_else(|| internal_datafusion_err!("the sink writes no folder"))?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&WRITTEN)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            input.boundedness(),
        )
        .with_evaluation_type(EvaluationType::Eager);
        Ok(Self {
            input,
            sink,
            folder,
            properties: Arc::new(properties),
        })
    }

    /// Writes the sink; the input is written as every operator's input is.
    pub(crate) fn encode(
        &self,
        buf: &mut Vec<u8>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<()> {
        let sink = Arc::clone(&self.sink) as Arc<dyn ExecutionPlan>;
        PhysicalPlanNode::try_from_physical_plan(sink, codec)?.try_encode(buf)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(
        input: Arc<dyn ExecutionPlan>,
        body: &[u8],
        ctx: &TaskContext,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<Self> {
        let plan = PhysicalPlanNode::try_decode(body)?.try_into_physical_plan(ctx, codec)?;
        let Some(sink) = plan.downcast_ref::<DataSinkExec>() else {
            return internal_err!("{} is no sink", plan.name());
        };
        Self::over(input, Arc::new(sink.clone()))
    }
}

impl DisplayAs for ParallelSinkExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "{}: folder={}, sink=", Self::NAME, self.folder)?;
                self.sink.sink().fmt_as(format, f)
            }
            DisplayFormatType::TreeRender => writeln!(f, "folder={}", self.folder),
        }
    }
}

impl ExecutionPlan for ParallelSinkExec {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
            (Some(input), true) => Ok(Arc::new(Self::over(input, Arc::clone(&self.sink))?)),
            _ => internal_err!("{} has one input", Self::NAME),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let data = self.input.execute(partition, Arc::clone(&context))?;
        let attempt = unique_name();
        let sink = with_folder(self.sink.sink(), below(&self.folder, &attempt)?)
            .ok_or_else(|| internal_datafusion_err!("the sink writes no folder"))?;
        let written = async move {
            let rows = sink.write_all(data, &context).await?;
            let attempt = StringArray::from(vec![attempt]);
            let rows = UInt64Array::from(vec![rows]);
            let columns = vec![Arc::new(attempt) as _, Arc::new(rows) as _];
            Ok(RecordBatch::try_new(Arc::clone(&WRITTEN), columns)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&WRITTEN),
            stream::once(written),
        )))
    }
}
