//! What is refused before anything is computed.

use std::sync::Arc;

use pomona_functions::{FEATURE_LEN, PomonaOptions};
use pomona_images::{ImagesError, Location};
use pomona_results::layout::is_result;
use pomona_results::{FeatureOptions, FormatVersion, Manifest, Output};
use pomona_session::plain_message;

use crate::{Pipeline, PipelineError};

impl Pipeline<'_> {
    /// Refuses to write results over images, and to read images from among results.
    pub(crate) fn check_places(&self) -> Result<(), PipelineError> {
        let input = Location::parse(&self.options.input)?;
        let stores = Arc::clone(&self.ctx.runtime_env().object_store_registry);
        for location in [&input, &self.options.output] {
            let store = stores.get_store(&location.url());
            store.map_err(|error| ImagesError::InvalidLocation {
                location: location.to_string(),
                reason: plain_message(&error),
            })?;
        }
        let input = input.before_glob().resolved();
        let below = self.options.output.resolved();
        let relation = match below.strip(&input) {
            Some([]) => "the same folder",
            Some([first, ..]) if is_result(first) => "in each other's way",
            _ => return Ok(()),
        };
        Err(PipelineError::InputIsOutput {
            input: self.options.input.clone(),
            output: self.options.output.to_string(),
            relation,
        })
    }

    /// The options of the session that features depend on.
    pub(crate) fn feature_options(&self) -> FeatureOptions {
        FeatureOptions::of(&PomonaOptions::of(self.ctx.state().config_options()))
    }

    /// Whether the finished run in the output can be continued: rows of the same columns, by the
    /// same weights and options, as they were.
    pub(crate) async fn check_finished(
        &self,
        output: &Output,
        finished: &Manifest,
        weights_sha256: &str,
    ) -> Result<(), PipelineError> {
        if finished.format_version != FormatVersion::CURRENT {
            return Err(PipelineError::EarlierFormat {
                output: self.options.output.to_string(),
                pomona: finished.pomona.clone(),
            });
        }
        if finished.weights_sha256 != weights_sha256 {
            return Err(PipelineError::WeightsDiffer {
                output: self.options.output.to_string(),
                before: finished.weights_sha256.clone(),
                now: weights_sha256.to_string(),
            });
        }
        let now = self.feature_options();
        if finished.options != now {
            return Err(PipelineError::OptionsDiffer {
                output: self.options.output.to_string(),
                before: finished.options.to_string(),
                now: now.to_string(),
            });
        }
        Ok(output.check_rows(finished).await?)
    }

    /// Refuses more components than there can be, before anything is computed.
    pub(crate) fn check_components(&self, rows: u64) -> Result<(), PipelineError> {
        Ok(self.options.components.check(rows, FEATURE_LEN)?)
    }
}
