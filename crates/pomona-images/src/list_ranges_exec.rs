//! The operator that lists the ranges of keys that a plan holds instead of rows.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_datafusion_err, plan_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{EmissionType, EvaluationType, SchedulingType};
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::image_location::ImageLocation;
use crate::listing::{KeyRange, KeySample, Page, Pages, Report, Scope, Source};
use crate::listing_run::{Begin, ListingRun};
use crate::options::ImageTableOptions;
use crate::rows::listing_batch;
use crate::schema::{CONTENT, LISTED, SIDECARS, column_count, projected_schema};
use crate::selection::Selection;
use crate::skipped::Skipped;

static RANGES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let bound = |name| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![bound("after"), bound("until")]))
});

/// Everything a [`ListRangesExec`] needs beside its input; plain values that serialise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRangesConfig {
    /// The location whose keys are divided.
    pub(crate) location: ImageLocation,
    /// The table's options.
    pub(crate) options: ImageTableOptions,
    /// What the conditions of the query leave to be listed.
    pub(crate) scope: Scope,
    /// The columns of the output, of those that a listing fills.
    pub(crate) columns: Vec<usize>,
    /// The objects that there were when the keys were divided.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Whether both are estimates: the keys were not listed when they were divided, and what is passed
    /// over is said by who lists them.
    #[serde(default)]
    pub(crate) is_estimate: bool,
}

/// Lists the ranges of keys that are its input's rows, and returns a row an object.
///
/// It is a unary operator for the reason that [`ImageScanExec`](crate::ImageScanExec) is one: a
/// scheduler divides rows in memory among tasks, and no leaf that it does not know. The ranges of all
/// rows together are all keys, and none is in two. So an object that is there throughout is listed
/// once, by whichever task has its range, and one that comes or goes meanwhile at most once.
#[derive(Debug)]
pub struct ListRangesExec {
    input: Arc<dyn ExecutionPlan>,
    config: ListRangesConfig,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ListRangesExec {
    /// The operator's name in plans.
    pub const NAME: &'static str = "ListRangesExec";

    /// Lists the ranges of `input`.
    ///
    /// # Errors
    /// If the rows of the input are no ranges, or a column is none that a listing fills.
    pub fn try_new(input: Arc<dyn ExecutionPlan>, config: ListRangesConfig) -> Result<Self> {
        if input.schema().fields() != RANGES.fields() {
            return plan_err!("ranges of keys have the columns after and until");
        }
        let is_listed =
            |&column: &usize| column < CONTENT || (SIDECARS..column_count()).contains(&column);
        if !config.columns.iter().all(is_listed) {
            return plan_err!("a listing has no column {:?}", config.columns);
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new(projected_schema(&config.columns)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            input.boundedness(),
        )
        .with_evaluation_type(EvaluationType::Eager)
        .with_scheduling_type(SchedulingType::Cooperative);
        Ok(Self {
            input,
            config,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// What a codec has to write beside the input.
    pub fn config(&self) -> &ListRangesConfig {
        &self.config
    }
}

/// The ranges of a sample as a plan that lists them: a range a partition, `columns` of the images that
/// are selected.
pub(crate) fn ranges_plan(
    state: &dyn Session,
    source: &Source,
    sample: KeySample,
    selection: &Selection,
    columns: Vec<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(location) = source.divisible().cloned() else {
        return plan_err!("the keys of this table cannot be divided");
    };
    let config = |columns| ListRangesConfig {
        location,
        options: source.options().clone(),
        scope: source.scope().clone(),
        columns,
        objects: sample.objects(),
        bytes: sample.bytes(),
        is_estimate: sample.is_estimate(),
    };
    let Some(predicate) = selection.predicate() else {
        let config = config(columns);
        let ranges = ranges_source(state, sample)?;
        return Ok(Arc::new(ListRangesExec::try_new(ranges, config)?));
    };
    // The predicate is about all columns that a listing fills, by their positions.
    let config = config(LISTED.to_vec());
    let listing = ListRangesExec::try_new(ranges_source(state, sample)?, config)?;
    let position = |wanted: &usize| LISTED.iter().position(|column| column == wanted);
    let kept: Option<Vec<_>> = columns.iter().map(position).collect();
    let filter = FilterExecBuilder::new(Arc::clone(predicate), Arc::new(listing))
        .apply_projection(kept)?
        .with_batch_size(state.config().batch_size());
    Ok(Arc::new(filter.build()?))
}

/// A range a partition, as rows in memory.
fn ranges_source(state: &dyn Session, sample: KeySample) -> Result<Arc<dyn ExecutionPlan>> {
    let partitions = state.config().target_partitions().max(1);
    let ranges = sample.ranges(partitions);
    let batch = |range: &KeyRange| Ok::<_, DataFusionError>(vec![range_batch(range)?]);
    let mut batches = ranges.iter().map(batch).collect::<Result<Vec<_>>>()?;
    // Fewer would be divided again, between the ranges and what lists them.
    batches.resize(partitions, vec![]);
    let source = MemorySourceConfig::try_new(&batches, Arc::clone(&RANGES), None)?;
    Ok(DataSourceExec::from_data_source(
        source.with_show_sizes(false),
    ))
}

fn range_batch(range: &KeyRange) -> Result<RecordBatch> {
    let bound = |bound: &Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter([bound.as_deref()]))
    };
    let columns = vec![bound(&range.after), bound(&range.until)];
    Ok(RecordBatch::try_new(Arc::clone(&RANGES), columns)?)
}

fn ranges_of(batch: &RecordBatch) -> Result<Vec<KeyRange>> {
    let bounds = |column: usize| {
        let bounds = batch.column(column).as_string_opt::<i32>();
        bounds.ok_or_else(|| internal_datafusion_err!("ranges of keys are text"))
    };
    let (after, until) = (bounds(0)?, bounds(1)?);
    let bound = |bounds: &StringArray, row| bounds.is_valid(row).then(|| bounds.value(row).into());
    let ranges = (0..batch.num_rows()).map(|row| KeyRange {
        after: bound(after, row),
        until: bound(until, row),
    });
    Ok(ranges.collect())
}

/// What was passed over was said when the keys were divided, if all were listed for that.
fn said_before(pages: Pages) -> Pages {
    let silent = |page: Page| Page {
        skipped: Skipped::default(),
        ..page
    };
    pages.map_ok(silent).boxed()
}

impl DisplayAs for ListRangesExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let config = &self.config;
        let schema = self.schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
        let columns = names.iter().map(|name| name.as_str()).collect::<Vec<_>>();
        let columns = columns.join(", ");
        if matches!(format, DisplayFormatType::TreeRender) {
            writeln!(f, "columns={columns}")?;
            writeln!(f, "objects={}", config.objects)?;
            return writeln!(f, "bytes={}", config.bytes);
        }
        let about = if config.is_estimate { "~" } else { "" };
        write!(
            f,
            "{}: columns=[{columns}], objects={about}{}, bytes={about}{}",
            Self::NAME,
            config.objects,
            config.bytes
        )?;
        if matches!(format, DisplayFormatType::Verbose) {
            write!(f, ", location={}", config.location)?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ListRangesExec {
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
        vec![false]
    }

    /// The ranges are divided already.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
            (Some(input), true) => Ok(Arc::new(Self::try_new(input, self.config.clone())?)),
            _ => plan_err!("ListRangesExec has one input"),
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
        let config = &self.config;
        let locations = std::slice::from_ref(&config.location);
        let scope = config.scope.clone();
        let source = Source::new(&context.runtime_env(), locations, &config.options, scope)?;
        let rows = context.session_config().batch_size().max(1);
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (schema, columns) = (self.schema(), config.columns.clone());
        let is_said = !config.is_estimate;
        let report = Report::new(context.session_config());
        let input = self.input.execute(partition, context)?;
        let listed = async move {
            let batches: Vec<_> = input.try_collect().await?;
            let mut pages = vec![];
            for range in batches
                .iter()
                .map(ranges_of)
                .collect::<Result<Vec<_>>>()?
                .concat()
            {
                let listed = source.pages_between(&range)?;
                pages.push(match is_said {
                    true => said_before(listed),
                    false => listed,
                });
            }
            let begin = Begin {
                first: vec![],
                rest: stream::iter(pages).flatten().boxed(),
                report,
            };
            let run = ListingRun::new(begin, Selection::default(), None);
            Ok::<_, DataFusionError>((run, schema, columns, metrics))
        };
        let batches = stream::once(listed)
            .map_ok(move |state| {
                stream::try_unfold(state, move |(run, schema, columns, metrics)| async move {
                    let Some(objects) = run.next(rows).await? else {
                        return Ok::<_, DataFusionError>(None);
                    };
                    let timer = metrics.elapsed_compute().timer();
                    let batch = listing_batch(&objects, &columns, &schema)?;
                    timer.done();
                    let batch = batch.record_output(&metrics);
                    Ok(Some((batch, (run, schema, columns, metrics))))
                })
            })
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            batches,
        )))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, _partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::Skip]
    }

    /// About what was listed when the keys were divided, evenly.
    fn statistics_from_inputs(
        &self,
        _input_stats: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let objects = match args.partition() {
            Some(_) => self.config.objects / self.partitions().max(1) as u64,
            None => self.config.objects,
        };
        statistics.num_rows = Precision::Inexact(usize::try_from(objects).unwrap_or(usize::MAX));
        Ok(Arc::new(statistics))
    }
}

impl ListRangesExec {
    fn partitions(&self) -> usize {
        self.properties.output_partitioning().partition_count()
    }
}
