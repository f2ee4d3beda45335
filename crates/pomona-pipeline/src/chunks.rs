//! The chunks of a run: each is read back and recorded while the next is computed.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use pomona_results::{
    Checkpoint, FormatVersion, Output, Pending, PendingChunk, ResultBuilder, ResultsError,
};
use pomona_session::Variables;

use crate::stages::Stages;
use crate::{Pipeline, PipelineError, Progress};

/// The run that chunks are of.
pub(crate) struct RunOf<'a> {
    pub(crate) output: &'a Output,
    pub(crate) run: &'a str,
    pub(crate) weights_sha256: &'a str,
}

/// A chunk whose rows are there, and its number.
struct Computed {
    number: usize,
    images: PendingChunk,
    chunk: Checkpoint,
}

impl Pipeline<'_> {
    /// Computes the features of images, chunk by chunk.
    ///
    /// # Errors
    /// When a chunk fails, or cannot be recorded.
    pub(crate) async fn compute(
        &self,
        of: &RunOf<'_>,
        pending: &Pending,
        builder: &mut ResultBuilder<'_>,
        stages: &mut Stages<impl Fn(Progress)>,
        variables: &mut Variables,
    ) -> Result<(), PipelineError> {
        let mut chunks = pending.chunks(self.options.checkpoint.max(1))?;
        let mut last: Option<Computed> = None;
        let mut number = 0;
        while let Some(images) = chunks.next_chunk()? {
            let record = record(of, builder, last.take());
            let compute = self.compute_chunk(of, pending, images, number, stages, variables);
            last = Some(beside(record, compute).await?);
            number += 1;
        }
        Ok(record(of, builder, last).await?)
    }

    async fn compute_chunk(
        &self,
        of: &RunOf<'_>,
        pending: &Pending,
        images: PendingChunk,
        number: usize,
        stages: &mut Stages<impl Fn(Progress)>,
        variables: &mut Variables,
    ) -> Result<Computed, PipelineError> {
        let folder = of.output.staged(&format!("chunks/{number:06}"));
        variables.define("output", of.output.url(&folder));
        self.ctx.deregister_table("selected_images")?;
        let table = pending.place().table(images.rows().clone());
        self.ctx
            .register_table("selected_images", Arc::new(table))?;
        self.size_files("features").await?;
        let count = images.rows().num_rows() as u64;
        stages.run("features", count, self.ctx, variables).await?;
        let chunk = Checkpoint {
            format_version: FormatVersion::CURRENT,
            weights_sha256: of.weights_sha256.to_string(),
            options: self.feature_options(),
            features: of.output.files(&format!("{folder}/features")).await?,
        };
        Ok(Computed {
            number,
            images,
            chunk,
        })
    }
}

async fn record(
    of: &RunOf<'_>,
    builder: &mut ResultBuilder<'_>,
    computed: Option<Computed>,
) -> Result<(), ResultsError> {
    let Some(computed) = computed else {
        return Ok(());
    };
    let name = format!("{}-{:06}", of.run, computed.number);
    builder
        .computed(computed.chunk, &computed.images, &name)
        .await
}

/// Computes a chunk while the last one is recorded. That is finished in any case, so that no later run
/// computes it again.
async fn beside<T>(
    record: impl Future<Output = Result<(), ResultsError>>,
    compute: impl Future<Output = Result<T, PipelineError>>,
) -> Result<T, PipelineError> {
    match select(pin!(record), pin!(compute)).await {
        Either::Left((recorded, compute)) => {
            recorded?;
            compute.await
        }
        Either::Right((computed, record)) => {
            record.await?;
            computed
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use super::*;

    fn failed() -> ResultsError {
        ResultsError::NoRun {
            output: "results".to_string(),
        }
    }

    #[tokio::test]
    async fn a_chunk_that_fails_does_not_keep_the_last_from_being_recorded() {
        let is_recorded = Cell::new(false);
        let record = async {
            tokio::task::yield_now().await;
            is_recorded.set(true);
            Ok(())
        };
        let outcome = beside(record, ready(Err::<(), _>(failed().into()))).await;
        assert!(outcome.is_err() && is_recorded.get());
        // What cannot be recorded ends the run at once.
        let never = std::future::pending::<Result<(), PipelineError>>();
        assert!(beside(ready(Err(failed())), never).await.is_err());
    }
}
