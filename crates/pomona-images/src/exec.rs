//! The operator that turns a listing into images.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, plan_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, EvaluationType, SchedulingType,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use serde::{Deserialize, Serialize};

use crate::batching::Bounds;
use crate::fetch::{FetchMetrics, Fetcher};
use crate::options::{ImageTableOptions, Missing};
use crate::prefetch::with_content;
use crate::schema::{CONTENT, PATH, column_count, needs_object, projected_schema};
use crate::summary::ListingSummary;
use crate::urls::ReadOptions;

/// The most rows of a batch with content. A batch is the unit of progress, of memory and of
/// cancellation, and 256 images are most of a second of inference.
const MAX_BATCH_ROWS: usize = 256;

/// Everything an [`ImageScanExec`] needs beside its input; plain values that serialise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageScanConfig {
    /// The output's columns, as positions in [`crate::table_schema`]; `content` or `read_error` is
    /// among them.
    pub columns: Vec<usize>,
    /// The table's locations, for people who read plans.
    pub locations: Vec<String>,
    /// Requests in flight a partition; as many as are of use, which the partitions of a process share,
    /// if `None`.
    pub concurrency: Option<NonZeroUsize>,
    /// Bytes of content a batch.
    pub batch_bytes: NonZeroUsize,
    /// What becomes of objects that vanished or are forbidden.
    pub missing: Missing,
    /// Whether rows keep their order though one is late. It is set over a listing that has an order, and
    /// stays where a scheduler divides that listing and forgets its order.
    #[serde(default)]
    pub is_ordered: bool,
    /// How objects are read that a listing names by URLs of web servers.
    #[serde(default)]
    pub urls: ReadOptions,
}

impl ImageScanConfig {
    /// The configuration of a scan of `columns` under a table's options.
    pub fn new(columns: Vec<usize>, locations: Vec<String>, options: &ImageTableOptions) -> Self {
        Self {
            columns,
            locations,
            concurrency: options.concurrency,
            batch_bytes: options.batch_bytes,
            missing: options.missing,
            is_ordered: false,
            urls: ReadOptions::default(),
        }
    }

    /// The same with the session's options for URLs.
    #[must_use]
    pub fn with_urls(self, urls: ReadOptions) -> Self {
        Self { urls, ..self }
    }
}

/// Appends `content` to the rows of a listing, by one GET a row from the object store that the
/// task's runtime has for the row's `path`.
///
/// The input has the columns `path` and `length`, and every listed column of the output, by name.
/// Where it has `e_tag`, images in shards are read by the place that this says, many with one GET.
/// Partitioning is the input's, and so is the order of rows where the input has one. Where it has none, rows
/// whose objects are late come after others.
#[derive(Debug)]
pub struct ImageScanExec {
    input: Arc<dyn ExecutionPlan>,
    config: ImageScanConfig,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ImageScanExec {
    /// The operator's name in plans.
    pub const NAME: &'static str = "ImageScanExec";

    /// Puts the fetch over a listing.
    ///
    /// # Errors
    /// If `columns` of the configuration is not a list of columns with `content` in it, or the
    /// input lacks a column that is needed.
    pub fn try_new(input: Arc<dyn ExecutionPlan>, mut config: ImageScanConfig) -> Result<Self> {
        if config
            .columns
            .iter()
            .any(|&column| column >= column_count())
        {
            return plan_err!("an image table has no column {:?}", config.columns);
        }
        if !needs_object(&config.columns) {
            return plan_err!("an image scan without content is the listing alone");
        }
        for field in projected_schema(&listed_columns(&config.columns)).fields() {
            let input = input.schema();
            if input.field_with_name(field.name())?.data_type() != field.data_type() {
                return plan_err!(
                    "the listing's {} is not {}",
                    field.name(),
                    field.data_type()
                );
            }
        }
        let schema = output_schema(&config.columns, &input.schema());
        let has_order = has_order(&input);
        config.is_ordered |= has_order;
        let properties = PlanProperties::new(
            equivalences(has_order, schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        )
        // Requests run in tasks of their own, ahead of the consumer.
        .with_evaluation_type(EvaluationType::Eager)
        .with_scheduling_type(SchedulingType::Cooperative);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self {
            input,
            config,
            properties: Arc::new(properties),
            metrics,
        })
    }

    /// The listing: one row an object.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// What a codec has to write beside the input.
    pub fn config(&self) -> &ImageScanConfig {
        &self.config
    }
}

/// The columns that a listing must have for `columns` to be filled: `path` and `length` in any
/// case, to fetch and to budget, in the table's order.
pub(crate) fn listed_columns(columns: &[usize]) -> Vec<usize> {
    use crate::schema::{LENGTH, SIDECARS};
    (0..CONTENT)
        .chain(SIDECARS..column_count())
        .filter(|c| [PATH, LENGTH].contains(c) || columns.contains(c))
        .collect()
}

/// The columns of the output, with NULL where the listing has it.
fn output_schema(columns: &[usize], listing: &SchemaRef) -> SchemaRef {
    let schema = projected_schema(columns);
    let fields = schema.fields().iter();
    let fields = fields.map(|field| match listing.field_with_name(field.name()) {
        Ok(listed) => Arc::new(field.as_ref().clone().with_nullable(listed.is_nullable())),
        Err(_) => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The order by path that `schema`'s listing has within a partition, if `schema` has the path.
pub(crate) fn path_ordering(schema: &SchemaRef) -> Option<LexOrdering> {
    let path = Column::new_with_schema("path", schema).ok()?;
    let options = SortOptions {
        descending: false,
        nulls_first: false,
    };
    LexOrdering::new([PhysicalSortExpr::new(Arc::new(path), options)])
}

/// Whether the rows of a partition are ordered by path.
fn has_order(input: &Arc<dyn ExecutionPlan>) -> bool {
    let ordering = path_ordering(&input.schema());
    let satisfied = |ordering| {
        input
            .equivalence_properties()
            .ordering_satisfy(ordering)
            .ok()
    };
    ordering.and_then(satisfied).unwrap_or(false)
}

/// The output is ordered by path where the input is.
fn equivalences(has_order: bool, schema: SchemaRef) -> EquivalenceProperties {
    let ordering = path_ordering(&schema).filter(|_| has_order);
    EquivalenceProperties::new_with_orderings(schema, ordering)
}

impl DisplayAs for ImageScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let config = &self.config;
        let schema = self.schema();
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let listing = ListingSummary::of(&self.input);
        let concurrency = match config.concurrency {
            Some(concurrency) => concurrency.to_string(),
            None => "auto".to_owned(),
        };
        let (objects, bytes) = match listing {
            Some(listing) => (listing.objects.to_string(), listing.bytes.to_string()),
            None => ("?".to_owned(), "?".to_owned()),
        };
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(
                    f,
                    "ImageScanExec: columns=[{}], locations={}, objects={objects}, bytes={bytes}, \
                     concurrency={concurrency}",
                    columns.join(", "),
                    config.locations.len(),
                )?;
                if config.missing == Missing::Null {
                    f.write_str(", missing=null")?;
                }
                if matches!(format, DisplayFormatType::Verbose) {
                    write!(
                        f,
                        ", batch_bytes={}, locations=[{}]",
                        config.batch_bytes,
                        config.locations.join(", ")
                    )?;
                }
                Ok(())
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "columns={}", columns.join(", "))?;
                writeln!(f, "locations={}", config.locations.len())?;
                writeln!(f, "objects={objects}")?;
                writeln!(f, "bytes={bytes}")?;
                writeln!(f, "concurrency={concurrency}")
            }
        }
    }
}

impl ExecutionPlan for ImageScanExec {
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

    /// The listing is already divided by bytes; to divide it again by rows would undo that.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
            (Some(input), true) => Ok(Arc::new(Self::try_new(input, self.config.clone())?)),
            _ => plan_err!("ImageScanExec has one input"),
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
        let bounds = Bounds {
            batch_rows: context.session_config().batch_size().min(MAX_BATCH_ROWS),
            batch_bytes: self.config.batch_bytes.get(),
        };
        let fetcher = Fetcher::new(
            context.runtime_env(),
            self.config.missing,
            self.config.concurrency,
            self.config.urls.clone(),
            FetchMetrics::new(&self.metrics, partition),
        );
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let listing = self.input.execute(partition, context)?;
        Ok(with_content(
            listing,
            self.schema(),
            bounds,
            self.config.is_ordered,
            fetcher,
            metrics,
        ))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    /// One row out a row in, and the listed bytes on top.
    fn statistics_from_inputs(
        &self,
        input_stats: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        if let Some(input) = input_stats.first() {
            statistics.num_rows = input.num_rows;
            if let Some(listing) = ListingSummary::of_partition(&self.input, args.partition()) {
                // Inexact: objects may change until they are fetched.
                let listed = input.total_byte_size.to_inexact();
                statistics.total_byte_size = listed.add(&Precision::Inexact(
                    usize::try_from(listing.bytes).unwrap_or(usize::MAX),
                ));
            }
        }
        Ok(Arc::new(statistics))
    }
}
