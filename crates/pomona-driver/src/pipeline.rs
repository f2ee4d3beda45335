//! [`Pipeline`]: all stages, from a folder of pictures to its principal components.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use chrono::{SecondsFormat, Utc};
use datafusion::DATAFUSION_VERSION;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use pomona_functions::{FEATURE_LEN, PomonaOptions, network};
use pomona_pca::{Components, PcaModel};
use pomona_report::Language;
use pomona_session::{configure, weights_objects};

use crate::assembly::{Assembled, Assembly};
use crate::checkpoint::Checkpoint;
use crate::file_size::{FEATURES_CSV_ROW_BYTES, FEATURES_ROW_BYTES, PLAIN_ROW_BYTES};
use crate::listing::Listing;
use crate::lock::OutputLock;
use crate::manifest::{Parameters, PublishedFile};
use crate::model::read_model;
use crate::model_info::MODEL_INFO;
use crate::output::Output;
use crate::report::{self, REPORT};
use crate::{
    Counts, DriverError, FileSize, Formats, Location, Manifest, ModelInfo, Script, StageTiming,
    Variables,
};

/// The stages that read every picture, chunk by chunk; each is the script of that name.
const PICTURE_STAGES: [&str; 2] = ["metadata", "features"];

/// What a run is given.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// The folder of pictures: a path or a URL.
    pub input: String,
    /// Where the results go.
    pub output: Location,
    /// The number of components to keep (`50`), or the share of the variance (`0.95`).
    pub components: String,
    /// A condition on `path`, `label`, `length` or `modification_time`, in SQL.
    pub filter: Option<String>,
    /// The largest number of pictures, in the order of their paths.
    pub limit: Option<u64>,
    /// Whether to start from nothing, whatever the output holds.
    pub overwrite: bool,
    /// Whether rows of pictures that are no longer there are dropped.
    pub prune: bool,
    /// Pictures between checkpoints: what a crash loses at most. At least 1.
    pub checkpoint: usize,
    /// Whether to take the output from a run that holds it.
    pub force_unlock: bool,
    /// The formats that are asked for; the usual ones if `None`.
    pub format: Option<Formats>,
    /// The size that files of rows aim at.
    pub file_size: FileSize,
    /// The language of the report; `None` for no report.
    pub report: Option<Language>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The manifest; where nothing has changed that of the finished run, but for the counts of
    /// reused and computed pictures.
    pub manifest: Manifest,
    /// Whether anything has been published.
    pub changed: bool,
}

/// What a run tells while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Something happened that a person should know.
    Told {
        /// What, in a sentence.
        message: String,
    },
    /// The pictures have been counted.
    Found {
        /// The number of pictures.
        images: u64,
    },
    /// A stage begins.
    Started {
        /// The stage's name.
        stage: String,
        /// The number of pictures that it will handle.
        images: u64,
    },
    /// The stage is going on; this comes several times a second, counted and never estimated.
    Advanced {
        /// The number of pictures that the stage has handled so far.
        images: u64,
    },
    /// A stage is complete.
    Finished {
        /// The stage and its time.
        stage: StageTiming,
        /// The number of pictures that it handled.
        images: u64,
    },
    /// Something went wrong that the results can do without.
    Warned {
        /// What went wrong, and the way out.
        message: String,
    },
}

/// A run of all stages.
pub struct Pipeline<'a> {
    ctx: &'a SessionContext,
    options: PipelineOptions,
}

impl<'a> Pipeline<'a> {
    /// A run in a session, whose `pomona.weights` names the network.
    pub fn new(ctx: &'a SessionContext, options: PipelineOptions) -> Self {
        Self { ctx, options }
    }

    /// Runs every stage and publishes the results.
    ///
    /// Pictures whose row is there already, from a finished run in the output or from one that was
    /// interrupted, are not computed again. A run that fails leaves the output as it was, and its
    /// complete chunks for the next.
    ///
    /// # Errors
    /// When there are no weights, no pictures or no picture that can be decoded, when the output
    /// holds a finished run of other weights or one that cannot be read, and when a stage fails.
    pub async fn run(&self, progress: impl Fn(Progress)) -> Result<Outcome, DriverError> {
        let weights_sha256 = self.pin_weights().await?;
        let run = format!("{}", Utc::now().format("%Y%m%dT%H%M%S%.6fZ"));
        let output = Output::open(self.ctx, self.options.output.clone(), &run)?;
        let tell = |message| progress(Progress::Told { message });
        let lock = output.lock(&run, self.options.force_unlock, &tell).await?;
        tokio::select! {
            outcome = self.run_locked(&output, &lock, run, &weights_sha256, progress) => outcome,
            error = lock.lost() => Err(error),
        }
    }

    async fn run_locked(
        &self,
        output: &Output,
        lock: &OutputLock,
        run: String,
        weights_sha256: &str,
        progress: impl Fn(Progress),
    ) -> Result<Outcome, DriverError> {
        let overwrite = self.options.overwrite;
        output.prepare(overwrite).await?;
        let finished = match overwrite {
            true => None,
            false => self.finished(output, weights_sha256).await?,
        };
        let stages = self.run_stages(output, lock, finished, run, weights_sha256, progress);
        match stages.await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                // The first error is the one to tell; what could not be removed lies where no
                // reader looks.
                let _ = output.discard(weights_sha256).await;
                Err(error)
            }
        }
    }

    async fn run_stages(
        &self,
        output: &Output,
        lock: &OutputLock,
        finished: Option<Manifest>,
        run: String,
        weights_sha256: &str,
        progress: impl Fn(Progress),
    ) -> Result<Outcome, DriverError> {
        let mut variables = self.variables();
        Script::find("images")?.run(self.ctx, &variables).await?;
        let listing = Listing::collect(self.ctx, &self.options.input).await?;
        let images = listing.len() as u64;
        if images == 0 {
            return Err(DriverError::NoImages {
                input: self.options.input.clone(),
                filter: self.options.filter.clone(),
            });
        }
        progress(Progress::Found { images });

        let mut assembly =
            Assembly::open(self.ctx, output, finished.as_ref(), weights_sha256).await?;
        let pending = assembly.pending(&listing, self.options.prune);
        self.check_components(assembly.expected(&listing, &pending))?;
        let mut stages = Stages::new(progress);
        for (number, positions) in pending.chunks(self.options.checkpoint.max(1)).enumerate() {
            let folder = output.staged(&format!("chunks/{number:06}"));
            variables.define("output", output.url(&folder));
            self.ctx.deregister_table("pictures")?;
            let pictures = Arc::new(listing.table(positions)?);
            self.ctx.register_table("pictures", pictures)?;
            for name in PICTURE_STAGES {
                let images = positions.len() as u64;
                self.size_files(name).await?;
                stages.run(name, images, self.ctx, &variables).await?;
            }
            let chunk = Checkpoint {
                weights_sha256: weights_sha256.to_string(),
                features: output.files(&format!("{folder}/features")).await?,
                metadata: output.files(&format!("{folder}/metadata/parquet")).await?,
            };
            let name = format!("{run}-{number:06}");
            assembly.computed(chunk, &name).await?;
        }

        let computed = pending.len() as u64;
        if let Some(mut finished) = finished
            && !assembly.changed()
            && finished.parameters.components == self.options.components
            && finished.parameters.format == self.options.format
            && output.holds_all(&finished).await?
        {
            output.clear().await?;
            finished.counts.computed = computed;
            finished.counts.reused = finished.counts.images.saturating_sub(computed);
            return Ok(Outcome {
                manifest: finished,
                changed: false,
            });
        }

        let results = output.staged("results");
        variables.define("output", output.url(&results));
        let size = self.options.file_size;
        let Assembled { in_place, moves } = assembly.assemble(&results, size).await?;
        let mut counts = self.count(computed).await?;
        if counts.features == 0 {
            return Err(self.all_bad(counts.images).await?);
        }
        // The model is always fitted to the features, which are read for the projection anyway, so
        // that no error can build up from run to run.
        for name in Formats::stages(self.options.format) {
            self.size_files(name).await?;
            stages
                .run(name, counts.images, self.ctx, &variables)
                .await?;
        }
        let model = read_model(self.ctx).await?;
        counts.components = model.k() as u64;
        let info = serde_json::to_vec_pretty(&ModelInfo::from(&model))
            .expect("a model's numbers are finite");
        let path = format!("{results}/{MODEL_INFO}");
        output.folder().write(&path, info).await?;

        let mut manifest = Manifest {
            pomona: env!("CARGO_PKG_VERSION").to_string(),
            datafusion: DATAFUSION_VERSION.to_string(),
            run,
            finished: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            parameters: self.parameters(),
            weights_sha256: weights_sha256.to_string(),
            counts,
            stages: stages.timings.clone(),
            files: in_place,
        };
        if let Some(language) = self.options.report {
            let path = format!("{results}/{REPORT}");
            let write = self.write_report(output, &path, &manifest, &model, language);
            stages.write_report(counts.images, write).await;
            manifest.stages = stages.timings;
        }
        let staged = output.files(&results).await?.into_iter().map(|file| {
            let to = file.path[results.len() + 1..].to_string();
            (file, to)
        });
        let mut renames = vec![];
        for (from, to) in moves.into_iter().chain(staged) {
            manifest.files.push(PublishedFile {
                path: to.clone(),
                bytes: from.bytes,
            });
            renames.push((from.path, to));
        }
        manifest.files.sort();
        lock.check().await?;
        output.publish(renames, &manifest).await?;
        Ok(Outcome {
            manifest,
            changed: true,
        })
    }

    /// The manifest of the finished run that is to be continued.
    async fn finished(
        &self,
        output: &Output,
        weights_sha256: &str,
    ) -> Result<Option<Manifest>, DriverError> {
        let finished = output.finished().await?;
        match finished {
            Some(finished) if finished.weights_sha256 != weights_sha256 => {
                Err(DriverError::WeightsDiffer {
                    output: self.options.output.to_string(),
                    before: finished.weights_sha256,
                    now: weights_sha256.to_string(),
                })
            }
            finished => Ok(finished),
        }
    }

    /// Refuses more components than there can be, before anything is computed.
    fn check_components(&self, rows: u64) -> Result<(), DriverError> {
        let components: Components = self.options.components.parse()?;
        Ok(components.check(rows, FEATURE_LEN)?)
    }

    /// Loads the network before any work starts, and pins its bytes for the whole run.
    async fn pin_weights(&self) -> Result<String, DriverError> {
        let options = PomonaOptions::of(self.ctx.state().config_options());
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

    fn variables(&self) -> Variables {
        let mut variables = Variables::new();
        variables
            .define("input", &self.options.input)
            .define("components", &self.options.components)
            .define("filter", self.options.filter.as_deref().unwrap_or("true"))
            .define(
                "limit",
                self.options.limit.unwrap_or(i64::MAX as u64).to_string(),
            );
        variables
    }

    fn parameters(&self) -> Parameters {
        let options = PomonaOptions::of(self.ctx.state().config_options());
        let weights = options.weights.clone();
        Parameters {
            input: self.options.input.clone(),
            output: self.options.output.to_string(),
            components: self.options.components.clone(),
            filter: self.options.filter.clone(),
            limit: self.options.limit,
            weights: weights.unwrap_or_default(),
            format: self.options.format,
        }
    }

    /// Makes the files that a stage writes as large as they are to be.
    async fn size_files(&self, stage: &str) -> Result<(), DriverError> {
        let row_bytes = match stage {
            "features" => FEATURES_ROW_BYTES,
            "features_csv" => FEATURES_CSV_ROW_BYTES,
            "pca_transform" => 4 * read_model(self.ctx).await?.k() as u64 + PLAIN_ROW_BYTES,
            _ => PLAIN_ROW_BYTES,
        };
        Ok(self.options.file_size.apply(self.ctx, row_bytes)?)
    }

    async fn count(&self, computed: u64) -> Result<Counts, DriverError> {
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
        })
    }

    async fn all_bad(&self, images: u64) -> Result<DriverError, DriverError> {
        let sql = "SELECT path || ': ' || error FROM features WHERE error IS NOT NULL ORDER BY path LIMIT 1";
        let batches = self.ctx.sql(sql).await?.collect().await?;
        let first = ScalarValue::try_from_array(batches[0].column(0), 0)?;
        Ok(DriverError::AllImagesBad {
            input: self.options.input.clone(),
            images,
            reason: first.to_string(),
        })
    }

    /// Writes the report of the tables of this run.
    async fn write_report(
        &self,
        output: &Output,
        path: &str,
        manifest: &Manifest,
        model: &PcaModel,
        language: Language,
    ) -> Result<(), DriverError> {
        let report = report::gather(self.ctx, manifest, model).await?;
        let html = report.to_html(language);
        output.folder().write(path, html.into_bytes()).await
    }
}

/// The stages that have run, and whom to tell.
struct Stages<P> {
    progress: P,
    timings: Vec<StageTiming>,
}

impl<P: Fn(Progress)> Stages<P> {
    fn new(progress: P) -> Self {
        Self {
            progress,
            timings: vec![],
        }
    }

    /// Runs the script of that name as a stage. The times of a stage that runs more than once are
    /// added up.
    async fn run(
        &mut self,
        name: &str,
        images: u64,
        ctx: &SessionContext,
        variables: &Variables,
    ) -> Result<(), DriverError> {
        let start = self.start(name, images);
        let advanced = |images| (self.progress)(Progress::Advanced { images });
        Script::find(name)?
            .run_watched(ctx, variables, advanced)
            .await?;
        self.finish(name, images, start);
        Ok(())
    }

    /// Runs what writes the report as a stage. Results without a report are better than none, so
    /// that it fails is told and no more.
    async fn write_report(
        &mut self,
        images: u64,
        write: impl Future<Output = Result<(), DriverError>>,
    ) {
        let start = self.start(report::STAGE, images);
        match write.await {
            Ok(()) => self.finish(report::STAGE, images, start),
            Err(error) => (self.progress)(Progress::Warned {
                message: format!(
                    "the results are published without {REPORT}, which failed: {error}; \
                     'pomona report' writes one from the results"
                ),
            }),
        }
    }

    fn start(&self, name: &str, images: u64) -> Instant {
        (self.progress)(Progress::Started {
            stage: name.to_string(),
            images,
        });
        Instant::now()
    }

    fn finish(&mut self, name: &str, images: u64, start: Instant) {
        let stage = StageTiming {
            name: name.to_string(),
            seconds: start.elapsed().as_secs_f64(),
        };
        match self.timings.iter_mut().find(|timing| timing.name == name) {
            Some(timing) => timing.seconds += stage.seconds,
            None => self.timings.push(stage.clone()),
        }
        (self.progress)(Progress::Finished { stage, images });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn a_report_that_fails_is_told_and_no_more() {
        let told = RefCell::new(vec![]);
        let mut stages = Stages::new(|progress| told.borrow_mut().push(progress));
        let failed = DriverError::NoRun {
            output: "results".to_string(),
        };
        stages.write_report(15, async { Err(failed) }).await;
        assert_eq!(stages.timings, []);
        stages.write_report(15, async { Ok(()) }).await;
        assert_eq!(stages.timings.len(), 1);

        let told = told.into_inner();
        let [Progress::Started { .. }, Progress::Warned { message }, ..] = &told[..] else {
            panic!("{told:?}");
        };
        assert!(message.contains("no finished run") && message.contains("pomona report"));
    }
}
