//! [`FinishedRun`]: the results of a finished run.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;
use pomona_images::Location;

use crate::layout::MANIFEST;
use crate::store_folder::StoreFolder;
use crate::{Manifest, ResultsError};

/// A folder with the results of a finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    location: Location,
    manifest: Manifest,
}

impl FinishedRun {
    /// Opens the results in a folder.
    ///
    /// # Errors
    /// When the folder holds no finished run, or one that cannot be read.
    pub async fn open(ctx: &SessionContext, location: Location) -> Result<Self, ResultsError> {
        let Some(json) = StoreFolder::open(ctx, &location)?.read(MANIFEST).await? else {
            return Err(ResultsError::NoRun {
                output: location.to_string(),
            });
        };
        let manifest =
            serde_json::from_slice(&json).map_err(|error| ResultsError::ResultsUnreadable {
                location: location.to_string(),
                reason: error.to_string(),
            })?;
        Ok(Self { location, manifest })
    }

    /// What the run was given and made.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder as it was named.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The URL of the folder, without a slash at its end.
    pub fn url(&self) -> String {
        self.location
            .url()
            .as_str()
            .trim_end_matches('/')
            .to_string()
    }

    /// The path of every image, and why it has no features where it has none.
    pub async fn images(
        &self,
        ctx: &SessionContext,
    ) -> Result<Vec<(String, Option<String>)>, ResultsError> {
        let features = self.location.below("features/");
        let frame = ctx.read_parquet(features, Default::default()).await?;
        let batches = frame.select_columns(&["path", "error"])?.collect().await?;
        let mut images = vec![];
        for batch in batches {
            let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
            let columns = [0, 1].map(text);
            let [paths, errors] = columns;
            let (paths, errors) = (
                paths.map_err(datafusion::error::DataFusionError::from)?,
                errors.map_err(datafusion::error::DataFusionError::from)?,
            );
            let rows = paths
                .as_string::<i32>()
                .iter()
                .zip(errors.as_string::<i32>());
            images.extend(
                rows.filter_map(|(path, error)| {
                    Some((path?.to_string(), error.map(str::to_string)))
                }),
            );
        }
        Ok(images)
    }
}
