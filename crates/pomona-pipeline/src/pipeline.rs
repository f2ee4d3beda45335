//! [`Pipeline`]: all stages, from a folder of images to its principal components.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use chrono::{SecondsFormat, Utc};
use datafusion::DATAFUSION_VERSION;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use pomona_functions::{FEATURE_LEN, PomonaOptions, network};
use pomona_pca::Components;
use pomona_results::layout::{MODEL_INFO, REPORT, RUN_FORMAT};
use pomona_results::{
    BuiltRows, Counts, FEATURES_CSV_ROW_BYTES, FEATURES_ROW_BYTES, FormatVersion, Formats,
    ListingStream, Manifest, ModelInfo, Output, OutputLock, PLAIN_ROW_BYTES, Parameters, Prepared,
    ResultBuilder, ResultsError, read_model,
};
use pomona_session::{Variables, condition, configure, spilling_context, weights_objects};

use crate::chunks::RunOf;
use crate::report_beside::ReportBeside;
use crate::scripts::{SORTING, Selection, select_images};
use crate::stages::Stages;
use crate::{Outcome, PipelineError, PipelineOptions, Progress};

/// A run of all stages.
pub struct Pipeline<'a> {
    pub(crate) ctx: &'a SessionContext,
    pub(crate) options: PipelineOptions,
}

impl<'a> Pipeline<'a> {
    /// A run in a session, whose `pomona.weights` names the network.
    pub fn new(ctx: &'a SessionContext, options: PipelineOptions) -> Self {
        Self { ctx, options }
    }

    /// Runs every stage and publishes the results.
    ///
    /// Images whose row is there already, from a finished run in the output or from one that was
    /// interrupted, are not computed again. A run that fails leaves the output as it was, and its
    /// complete chunks for the next.
    ///
    /// # Errors
    /// When there are no weights, no images or no image that can be decoded, when the output
    /// holds a finished run of other weights or one that cannot be read, and when a stage fails.
    pub async fn run(&self, progress: impl Fn(Progress)) -> Result<Outcome, PipelineError> {
        self.check_places()?;
        if let Some(filter) = &self.options.filter {
            condition(filter)?;
        }
        let weights_sha256 = self.pin_weights().await?;
        let run = format!("{}", Utc::now().format(RUN_FORMAT));
        let output = Output::open(self.ctx, self.options.output.clone(), &run)?;
        let note = |message| progress(Progress::Note { message });
        let lock = output.lock(&run, self.options.force_unlock, &note).await?;
        tokio::select! {
            outcome = self.run_locked(&output, &lock, run, &weights_sha256, progress) => outcome,
            error = lock.lost() => Err(error.into()),
        }
    }

    async fn run_locked(
        &self,
        output: &Output,
        lock: &OutputLock,
        run: String,
        weights_sha256: &str,
        progress: impl Fn(Progress),
    ) -> Result<Outcome, PipelineError> {
        let mut prepared = output.prepare(self.options.overwrite, lock).await?;
        match &prepared.finished {
            _ if self.options.overwrite => prepared.finished = None,
            Some(finished) => {
                self.check_finished(output, finished, weights_sha256)
                    .await?
            }
            None => {}
        }
        let stages = self.run_stages(output, lock, prepared, run, weights_sha256, progress);
        match stages.await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                // Report the first error; files that could not be removed lie where no
                // reader looks.
                let options = self.feature_options();
                let _ = output.discard(weights_sha256, &options).await;
                // Whoever has taken the output over may have removed what this run was reading.
                match lock.check().await {
                    Err(lost @ ResultsError::LockLost { .. }) => Err(lost.into()),
                    _ => Err(error),
                }
            }
        }
    }

    async fn run_stages(
        &self,
        output: &Output,
        lock: &OutputLock,
        prepared: Prepared,
        run: String,
        weights_sha256: &str,
        progress: impl Fn(Progress),
    ) -> Result<Outcome, PipelineError> {
        let Prepared { finished, owned } = prepared;
        let mut variables = self.variables();
        select_images(self.ctx, &self.selection()).await?;
        let listing = ListingStream::open(self.ctx, &self.options.input).await?;
        if listing.is_empty() {
            return Err(PipelineError::NoImages {
                input: self.options.input.clone(),
                filter: self.options.filter.clone(),
            });
        }
        let skipped = listing.skipped();
        let options = self.feature_options();
        // Its settings are its own: it reads a chunk back while a script runs, which has others.
        let reading = SessionContext::new_with_state(self.ctx.state());
        let mut builder = ResultBuilder::open(
            &reading,
            output,
            finished.as_ref(),
            weights_sha256,
            &options,
        )
        .await?;
        // As rsync does not delete after an error: what could not be opened may hold these images.
        let is_whole = skipped.closed_count() == 0;
        let prune = self.options.prune && is_whole;
        let pending = builder.compare(listing, prune).await?;
        progress(Progress::Found {
            images: pending.images,
        });
        let mut stages = Stages::new(progress);
        if skipped.no_image_count() > 0 {
            stages.note(format!(
                "{} files are no images by their names and are passed over: {}",
                skipped.no_image_count(),
                skipped.extensions()
            ));
        }
        for file in builder.damaged() {
            stages.note(format!(
                "{file} is not as it was written: its images are computed again"
            ));
        }
        if let Some(images) = pending.strangers {
            return Err(PipelineError::OtherInput {
                output: self.options.output.to_string(),
                before: finished.map_or_else(String::new, |run| run.parameters.input),
                now: self.options.input.clone(),
                images,
            });
        }
        let mut unlisted = pending.unlisted;
        if unlisted > 0 {
            let fate = match (self.options.prune, is_whole) {
                (true, true) => "are dropped",
                (true, false) => {
                    "stay in the results, because these images may be in what could not be opened"
                }
                (false, _) => "stay in the results (--prune drops them)",
            };
            stages.note(format!(
                "{unlisted} images of earlier runs are not among those that this run's input and \
                 filter list: their rows {fate}"
            ));
        }
        if prune {
            unlisted = 0;
        }
        self.check_components(pending.expected)?;
        let of = RunOf {
            output,
            run: &run,
            weights_sha256,
        };
        self.compute(&of, &pending, &mut builder, &mut stages, &mut variables)
            .await?;

        let computed = pending.len();
        // The disk has room for what follows.
        drop(pending);
        if let Some(mut finished) = finished
            && !builder.changed()
            && finished.parameters.components.parse() == Ok(self.options.components)
            && finished.parameters.format == self.options.format
            && output.holds_all(&finished).await?
        {
            output.clear(lock).await?;
            finished.counts.computed = computed;
            finished.counts.unlisted = unlisted;
            finished.counts.reused = finished.counts.images.saturating_sub(computed);
            return Ok(Outcome {
                manifest: finished,
                changed: false,
            });
        }

        let results = output.staged("results");
        variables.define("output", output.url(&results));
        let size = self.options.file_size;
        let BuiltRows { in_place, moves } = builder.build(&results, size).await?;
        let mut counts = self.count(computed, unlisted).await?;
        if counts.features == 0 {
            return Err(self.all_bad(counts.images).await?);
        }
        let has_model = counts.features > 1;
        let possible = Components::possible(counts.features, FEATURE_LEN);
        match self.options.components {
            _ if !has_model => stages.note(
                "one image has features: principal components need two, so there are none"
                    .to_string(),
            ),
            Components::AtMost(most) if possible < most => stages.note(format!(
                "{possible} images have features, so {possible} components are kept; without -k it \
                 is at most {most}"
            )),
            _ => {}
        }
        // The model is always fitted to the features, which are read for the projection anyway, so
        // that no error can build up from run to run.
        let mut model = None;
        let mut report = None;
        for name in Formats::stages(self.options.format) {
            if !has_model && name.starts_with("pca_") {
                continue;
            }
            if name == "pca_fit" && self.options.report.is_some() {
                report = Some(ReportBeside::begin(self.ctx, &self.options, counts.features).await?);
            }
            self.size_files(name).await?;
            let ctx = match SORTING.contains(&name) {
                true => &spilling_context(self.ctx)?,
                false => self.ctx,
            };
            stages.run(name, counts.images, ctx, &variables).await?;
            if name == "pca_fit" {
                let fitted = Arc::new(read_model(self.ctx).await?);
                if let Some(report) = &mut report {
                    report.model_is_there(&fitted);
                }
                model = Some(fitted);
            }
        }
        if let Some(model) = model.as_deref() {
            counts.components = model.k() as u64;
            let info = serde_json::to_vec_pretty(&ModelInfo::from(model))
                .expect("a model's numbers are finite");
            let path = format!("{results}/{MODEL_INFO}");
            output.folder().write(&path, info).await?;
        }

        let mut manifest = Manifest {
            format_version: FormatVersion::CURRENT,
            pomona: env!("CARGO_PKG_VERSION").to_string(),
            datafusion: DATAFUSION_VERSION.to_string(),
            run,
            finished: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            parameters: self.parameters(),
            weights_sha256: weights_sha256.to_string(),
            options,
            counts,
            skipped,
            stages: stages.timings.clone(),
            files: in_place,
        };
        if let (Some(language), Some(model), Some(report)) =
            (self.options.report, model.as_deref(), report)
        {
            let write = async {
                let html = report.html(&manifest, model, language).await?;
                let path = format!("{results}/{REPORT}");
                Ok(output.folder().write(&path, html.into_bytes()).await?)
            };
            stages.write_report(counts.images, write).await;
            manifest.stages = stages.timings;
        }
        let staged = output.files(&results).await?.into_iter().map(|file| {
            let to = file.path[results.len() + 1..].to_string();
            (file, to)
        });
        let staged = moves.into_iter().chain(staged).collect();
        output.publish(staged, &mut manifest, &owned, lock).await?;
        Ok(Outcome {
            manifest,
            changed: true,
        })
    }

    /// Loads the network before any work starts, and pins its bytes for the whole run.
    async fn pin_weights(&self) -> Result<String, PipelineError> {
        let options = PomonaOptions::of(self.ctx.state().config_options()).for_this_machine();
        let objects = weights_objects(&self.ctx.runtime_env());
        // A fetch may take minutes, in which an interrupt must be heard.
        let load = move || network(&options, &objects).map_err(DataFusionError::from);
        let loaded = tokio::task::spawn_blocking(load)
            .await
            .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
        configure(self.ctx, |options| {
            options.set("pomona.weights_sha256", &loaded.sha256)
        })?;
        Ok(loaded.sha256.clone())
    }

    fn selection(&self) -> Selection<'_> {
        Selection {
            input: &self.options.input,
            path_column: self.options.path_column.as_deref(),
            filter: self.options.filter.as_deref(),
            limit: self.options.limit,
        }
    }

    fn variables(&self) -> Variables {
        let mut variables = self.selection().variables();
        variables.define("components", self.options.components.to_string());
        variables
    }

    fn parameters(&self) -> Parameters {
        let options = PomonaOptions::of(self.ctx.state().config_options());
        Parameters {
            input: self.options.input.clone(),
            path_column: self.options.path_column.clone(),
            output: self.options.output.to_string(),
            components: self.options.components.to_string(),
            filter: self.options.filter.clone(),
            limit: self.options.limit,
            weights: options.weights_location().to_string(),
            format: self.options.format,
        }
    }

    /// Makes the files that a stage writes as large as they are to be.
    pub(crate) async fn size_files(&self, stage: &str) -> Result<(), PipelineError> {
        let row_bytes = match stage {
            "features" => FEATURES_ROW_BYTES,
            "features_csv" => FEATURES_CSV_ROW_BYTES,
            "pca_transform" => 4 * read_model(self.ctx).await?.k() as u64 + PLAIN_ROW_BYTES,
            _ => PLAIN_ROW_BYTES,
        };
        Ok(self.options.file_size.apply(self.ctx, row_bytes)?)
    }

    async fn count(&self, computed: u64, unlisted: u64) -> Result<Counts, PipelineError> {
        let sql = "SELECT count(*), count(features), count(error) FROM features";
        let batches = self.ctx.sql(sql).await?.collect().await?;
        let count = |column: usize| {
            let count = batches[0].column(column).as_primitive::<Int64Type>();
            u64::try_from(count.value(0)).expect("a count is not negative")
        };
        Ok(Counts {
            images: count(0),
            features: count(1),
            errors: count(2),
            components: 0,
            reused: count(0).saturating_sub(computed),
            computed,
            unlisted,
        })
    }

    async fn all_bad(&self, images: u64) -> Result<PipelineError, PipelineError> {
        let sql = "SELECT path || ': ' || error FROM features WHERE error IS NOT NULL ORDER BY path LIMIT 1";
        let batches = self.ctx.sql(sql).await?.collect().await?;
        let first = ScalarValue::try_from_array(batches[0].column(0), 0)?;
        Ok(PipelineError::AllImagesBad {
            input: self.options.input.clone(),
            images,
            reason: first.to_string(),
        })
    }
}
