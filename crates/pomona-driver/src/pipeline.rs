//! [`Pipeline`]: all stages, from a folder of pictures to its principal components.

use std::time::Instant;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use chrono::{SecondsFormat, Utc};
use datafusion::DATAFUSION_VERSION;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use pomona_functions::{PomonaOptions, model_from_scalar, network};
use pomona_pca::PcaModel;

use crate::manifest::Parameters;
use crate::output::Output;
use crate::{Counts, DriverError, Location, Manifest, ModelInfo, Script, StageTiming, Variables};

/// The stages that write, in their order; each is the script of that name.
const STAGES: [&str; 5] = ["metadata", "features", "errors", "pca_fit", "pca_transform"];

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
    /// Whether a finished run in the output is replaced.
    pub overwrite: bool,
}

/// What a run tells while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
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

    /// Runs every stage and publishes the results. A run that fails leaves the output as it was.
    ///
    /// # Errors
    /// When there are no weights, no pictures or no picture that can be decoded, when the output
    /// holds a finished run, and when a stage fails.
    pub async fn run(&self, progress: impl Fn(Progress)) -> Result<Manifest, DriverError> {
        let weights_sha256 = self.pin_weights()?;
        let run = format!("{}", Utc::now().format("%Y%m%dT%H%M%S%.6fZ"));
        let output = Output::prepare(
            self.ctx,
            self.options.output.clone(),
            &run,
            self.options.overwrite,
        )
        .await?;
        match self
            .run_stages(&output, run, weights_sha256, progress)
            .await
        {
            Ok(manifest) => Ok(manifest),
            Err(error) => {
                // The first error is the one to tell; what could not be removed lies where no
                // reader looks.
                let _ = output.discard().await;
                Err(error)
            }
        }
    }

    async fn run_stages(
        &self,
        output: &Output,
        run: String,
        weights_sha256: String,
        progress: impl Fn(Progress),
    ) -> Result<Manifest, DriverError> {
        let variables = self.variables(output);
        Script::find("images")?.run(self.ctx, &variables).await?;
        let mut counts = Counts {
            images: self.count("SELECT count(*) FROM pictures").await?,
            ..Counts::default()
        };
        if counts.images == 0 {
            return Err(DriverError::NoImages {
                input: self.options.input.clone(),
                filter: self.options.filter.clone(),
            });
        }
        progress(Progress::Found {
            images: counts.images,
        });

        let mut stages = vec![];
        for name in STAGES {
            let start = Instant::now();
            progress(Progress::Started {
                stage: name.to_string(),
                images: counts.images,
            });
            let advanced = |images| progress(Progress::Advanced { images });
            Script::find(name)?
                .run_watched(self.ctx, &variables, advanced)
                .await?;
            let stage = StageTiming {
                name: name.to_string(),
                seconds: start.elapsed().as_secs_f64(),
            };
            progress(Progress::Finished {
                stage: stage.clone(),
                images: counts.images,
            });
            stages.push(stage);
            if name == "errors" {
                counts.features = self.count("SELECT count(features) FROM features").await?;
                counts.errors = self.count("SELECT count(error) FROM features").await?;
                // An object that vanished between two listings is neither.
                counts.images = self.count("SELECT count(*) FROM features").await?;
                if counts.features == 0 {
                    return Err(self.all_bad(counts.images).await?);
                }
            }
        }

        let model = self.model().await?;
        counts.components = model.k() as u64;
        let info = serde_json::to_vec_pretty(&ModelInfo::from(&model))
            .expect("a model's numbers are finite");
        output.write("model_info.json", info).await?;

        let mut manifest = Manifest {
            pomona: env!("CARGO_PKG_VERSION").to_string(),
            datafusion: DATAFUSION_VERSION.to_string(),
            run,
            finished: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            parameters: self.parameters(),
            weights_sha256,
            counts,
            stages,
            files: vec![],
        };
        output.publish(&mut manifest).await?;
        Ok(manifest)
    }

    /// Loads the network before any work starts, and pins its bytes for the whole run.
    fn pin_weights(&self) -> Result<String, DriverError> {
        let options = PomonaOptions::of(self.ctx.state().config_options());
        let loaded = network(&options).map_err(datafusion::error::DataFusionError::from)?;
        let state = self.ctx.state_ref();
        state
            .write()
            .config_mut()
            .options_mut()
            .set("pomona.weights_sha256", &loaded.sha256)?;
        Ok(loaded.sha256.clone())
    }

    fn variables(&self, output: &Output) -> Variables {
        let mut variables = Variables::new();
        variables
            .define("input", &self.options.input)
            .define("output", output.staging_url())
            .define("components", &self.options.components)
            .define("filter", self.options.filter.as_deref().unwrap_or("true"))
            .define(
                "limit",
                self.options.limit.unwrap_or(i64::MAX as u64).to_string(),
            );
        variables
    }

    fn parameters(&self) -> Parameters {
        let weights = PomonaOptions::of(self.ctx.state().config_options()).weights;
        Parameters {
            input: self.options.input.clone(),
            output: self.options.output.to_string(),
            components: self.options.components.clone(),
            filter: self.options.filter.clone(),
            limit: self.options.limit,
            weights: weights.unwrap_or_default(),
        }
    }

    async fn count(&self, sql: &str) -> Result<u64, DriverError> {
        let batches = self.ctx.sql(sql).await?.collect().await?;
        let count = batches[0].column(0).as_primitive::<Int64Type>().value(0);
        Ok(u64::try_from(count).expect("a count is not negative"))
    }

    async fn all_bad(&self, images: u64) -> Result<DriverError, DriverError> {
        let sql = "SELECT path || ': ' || error FROM features ORDER BY path LIMIT 1";
        let batches = self.ctx.sql(sql).await?.collect().await?;
        let first = ScalarValue::try_from_array(batches[0].column(0), 0)?;
        Ok(DriverError::AllImagesBad {
            input: self.options.input.clone(),
            images,
            reason: first.to_string(),
        })
    }

    async fn model(&self) -> Result<PcaModel, DriverError> {
        let batches = self
            .ctx
            .sql("SELECT model FROM pca_model")
            .await?
            .collect()
            .await?;
        let model = batches
            .iter()
            .find(|batch| batch.num_rows() > 0)
            .map(|batch| batch.column(0))
            .filter(|column| column.is_valid(0))
            .map(|column| ScalarValue::try_from_array(column, 0))
            .transpose()?
            .unwrap_or(ScalarValue::Null);
        Ok(model_from_scalar(&model)?)
    }
}
