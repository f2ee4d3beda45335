//! The operator that lists while the query runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, EvaluationType, SchedulingType,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::stream;

use crate::listing::{ListedObject, Pages, Report, Source};
use crate::listing_run::{Begin, ListingRun};
use crate::rows::listing_batch;
use crate::selection::Selection;

/// Lists images and gives their rows to whichever partition asks first, so that partitions end
/// together whatever their rows cost. No more than a few pages are in memory.
///
/// The order of rows is none. The plan of a query holds the first page of its listing, which
/// showed that there are more; an execution goes on from there, and a second one lists anew.
pub struct ImageListingExec {
    source: Source,
    selection: Selection,
    /// Positions in [`crate::image_schema`].
    columns: Vec<usize>,
    limit: Option<usize>,
    /// The most rows of a batch.
    rows: usize,
    opened: Mutex<Option<Begin>>,
    run: Mutex<Option<Execution>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// An execution, and which of its partitions have been asked for.
struct Execution {
    run: Arc<ListingRun>,
    taken: Vec<bool>,
}

/// What a listing operator lists.
#[derive(Debug, Clone)]
pub(crate) struct ListingScan {
    pub source: Source,
    pub selection: Selection,
    pub columns: Vec<usize>,
    /// These columns.
    pub schema: SchemaRef,
    pub limit: Option<usize>,
    pub rows: usize,
}

impl ImageListingExec {
    /// The operator's name in plans.
    pub const NAME: &'static str = "ImageListingExec";

    /// An operator whose first execution begins with the rows of a listing that has begun.
    pub(crate) fn new(
        scan: ListingScan,
        partitions: usize,
        first: Vec<ListedObject>,
        rest: Pages,
        report: Report,
    ) -> Self {
        let begin = Begin {
            first,
            rest,
            report,
        };
        Self::with(scan, partitions, Some(begin))
    }

    fn with(scan: ListingScan, partitions: usize, opened: Option<Begin>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(scan.schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_evaluation_type(EvaluationType::Eager)
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            source: scan.source,
            selection: scan.selection,
            columns: scan.columns,
            limit: scan.limit,
            rows: scan.rows.max(1),
            opened: Mutex::new(opened),
            run: Mutex::default(),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn partitions(&self) -> usize {
        self.properties.output_partitioning().partition_count()
    }

    /// The same operator with another limit; what has been listed goes with it.
    fn copy(&self, limit: Option<usize>) -> Self {
        let scan = ListingScan {
            source: self.source.clone(),
            selection: self.selection.clone(),
            columns: self.columns.clone(),
            schema: self.schema(),
            limit,
            rows: self.rows,
        };
        Self::with(scan, self.partitions(), self.take_opened())
    }

    fn take_opened(&self) -> Option<Begin> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.take()
    }

    /// The execution to which a partition belongs: a new one where the last has given it away.
    fn run(&self, partition: usize, context: &TaskContext) -> Result<Arc<ListingRun>> {
        let mut execution = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |execution: &Execution| execution.taken.get(partition) != Some(&false);
        if execution.as_ref().is_none_or(is_over) {
            let begin = match self.take_opened() {
                Some(begin) => begin,
                None => Begin {
                    first: vec![],
                    rest: self.source.pages(self.limit)?,
                    report: Report::new(context.session_config()),
                },
            };
            let run = ListingRun::new(begin, self.selection.clone(), self.limit);
            *execution = Some(Execution {
                run: Arc::new(run),
                taken: vec![false; self.partitions()],
            });
        }
        let execution = execution.as_mut().expect("it was just made");
        if let Some(taken) = execution.taken.get_mut(partition) {
            *taken = true;
        }
        Ok(Arc::clone(&execution.run))
    }
}

impl fmt::Debug for ImageListingExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(Self::NAME)
            .field("source", &self.source)
            .field("selection", &self.selection)
            .field("columns", &self.columns)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for ImageListingExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let schema = self.schema();
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let columns = columns.join(", ");
        let locations = self.source.locations();
        if matches!(format, DisplayFormatType::TreeRender) {
            writeln!(f, "columns={columns}")?;
            return writeln!(f, "locations={}", locations.len());
        }
        write!(
            f,
            "{}: columns=[{columns}], locations={}, partitions={}",
            Self::NAME,
            locations.len(),
            self.partitions()
        )?;
        if let Some(predicate) = self.selection.predicate() {
            write!(f, ", predicate={predicate}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        if matches!(format, DisplayFormatType::Verbose) {
            let locations: Vec<_> = locations.iter().map(ToString::to_string).collect();
            write!(f, ", locations=[{}]", locations.join(", "))?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ImageListingExec {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    /// The predicate is about the columns of the listing, which need not be among the output's, so
    /// rules that rewrite columns must not see it.
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.copy(self.limit)))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(self.copy(limit)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let run = self.run(partition, &context)?;
        let rows = self.rows.min(context.session_config().batch_size()).max(1);
        let columns: Arc<[usize]> = self.columns.clone().into();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema: SchemaRef = self.schema();
        let listed = Arc::clone(&schema);
        let batches = stream::try_unfold(run, move |run| {
            let (columns, metrics) = (Arc::clone(&columns), metrics.clone());
            let listed = Arc::clone(&listed);
            async move {
                let Some(objects) = run.next(rows).await? else {
                    return Ok::<_, DataFusionError>(None);
                };
                let timer = metrics.elapsed_compute().timer();
                let batch: RecordBatch = listing_batch(&objects, &columns, &listed)?;
                timer.done();
                Ok(Some((batch.record_output(&metrics), run)))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
