//! [`ReportBeside`]: the report of a run, gathered while the stages that follow the features run.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::prelude::SessionContext;
use futures::FutureExt;
use futures::future::BoxFuture;
use pomona_analysis::AnalysisError;
use pomona_analysis::report::{Gathered, REREAD_OBJECTS, gather};
use pomona_images::{ImageTable, Location};
use pomona_pca::PcaModel;
use pomona_report::Language;
use pomona_results::Manifest;
use tokio::sync::oneshot;

use crate::{PipelineError, PipelineOptions};

/// A report that is being gathered. Dropping it stops that.
pub(crate) struct ReportBeside {
    gathered: BoxFuture<'static, Result<Gathered, AnalysisError>>,
    model: Option<oneshot::Sender<Arc<PcaModel>>>,
}

impl ReportBeside {
    /// Begins to gather, from tables whose files are complete: thumbnails keep a core busy that the model's
    /// solution leaves idle. Under a limit of memory the stages come one by one, and this after them,
    /// because each may use what the limit allows.
    pub(crate) async fn begin(
        ctx: &SessionContext,
        options: &PipelineOptions,
        features: u64,
    ) -> Result<Self, PipelineError> {
        // What is on a disk can be read again for nothing; what a file lists may be anywhere.
        let images = ctx.table_provider("images").await?;
        let images = images.downcast_ref::<ImageTable>();
        let is_store = images.is_some_and(ImageTable::has_listing_file)
            || Location::parse(&options.input)?.local_path().is_none();
        let reread = is_store.then_some(REREAD_OBJECTS);

        let (model, arrival) = oneshot::channel();
        let model_arrives = async {
            match arrival.await {
                Ok(model) => model,
                // The run has failed, and drops this.
                Err(_) => std::future::pending().await,
            }
        };
        // The same tables, but settings of its own: a script that runs names its jobs in them.
        let own = SessionContext::new_with_state(ctx.state());
        let gathered = gather(own, options.input.clone(), features, reread, model_arrives);
        let gathered = match ctx.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Infinite => {
                let task = SpawnedTask::spawn(gathered);
                let joined = async {
                    let stopped = |error| DataFusionError::External(Box::new(error));
                    task.await.map_err(stopped)?
                };
                joined.boxed()
            }
            _ => gathered.boxed(),
        };
        Ok(Self {
            gathered,
            model: Some(model),
        })
    }

    /// Goes on with what needs the model.
    pub(crate) fn model_is_there(&mut self, model: &Arc<PcaModel>) {
        if let Some(sender) = self.model.take() {
            // Gathering may have failed; `html` says so.
            let _ = sender.send(Arc::clone(model));
        }
    }

    /// The page, once all is gathered.
    ///
    /// # Errors
    /// When a query fails.
    pub(crate) async fn html(
        self,
        manifest: &Manifest,
        model: &PcaModel,
        language: Language,
    ) -> Result<String, PipelineError> {
        let gathered = self.gathered.await?;
        Ok(gathered.report(manifest, model).to_html(language))
    }
}
