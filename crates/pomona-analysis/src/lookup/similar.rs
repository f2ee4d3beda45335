//! [`similar`]: the images nearest to one.

use datafusion::prelude::SessionContext;
use pomona_functions::PomonaOptions;
use pomona_results::FinishedRun;
use pomona_session::Variables;
use pomona_weights::Source;

use super::image::{Image, find};
use super::{Lookup, Vectors, check_components};
use crate::AnalysisError;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    /// An image: the URL, path or last parts of the path of one in the results, or a file that
    /// is not there.
    pub image: String,
    /// What images are compared by.
    pub by: Vectors,
    /// How many images are asked for.
    pub count: u64,
}

/// The images nearest to one by their cosine, the image itself left out.
///
/// An image that is not in the results goes through the network: that of `pomona.weights`, or else
/// of the weights that the run was given, which must be the same bytes.
///
/// # Errors
/// When the image is not found, when several are meant, and when images are to be compared by
/// principal components and the results have none.
pub async fn similar(
    ctx: &SessionContext,
    results: &FinishedRun,
    asked: &Similar,
) -> Result<Lookup, AnalysisError> {
    if asked.by == Vectors::Pca {
        check_components(results)?;
    }
    let images = results.images(ctx).await?;
    let image = find(&asked.image, &images, &results.location().to_string())?;
    let mut variables = Variables::new();
    variables
        .define("by", asked.by.to_string())
        .define("count", asked.count.to_string())
        .define("output", results.written())
        .define(
            "vectors",
            format!("{}/{}", results.written(), asked.by.folder()),
        );
    match image {
        Image::Known(path) => {
            variables.define("image", path);
            Lookup::new("similar").with("similar", &variables)
        }
        Image::File(file) => {
            let manifest = results.manifest();
            let weights = weights(ctx, results)?;
            let vector = match asked.by {
                Vectors::Features => "mobilenet_v2(content)",
                Vectors::Pca => {
                    "pca_transform(mobilenet_v2(content), (SELECT model FROM pca_model))"
                }
            };
            variables
                .define("image", file)
                .define("vector", vector)
                .define("weights_sha256", &manifest.weights_sha256)
                .define("exif_orientation", &manifest.options.exif_orientation)
                .define("truncated", &manifest.options.truncated)
                .define("precision", &manifest.options.precision)
                .define("weights", weights);
            Lookup::new("similar_to_file").with("similar_to_file", &variables)
        }
    }
}

/// The weights that the session names, or else those that the run was given.
fn weights(ctx: &SessionContext, results: &FinishedRun) -> Result<String, AnalysisError> {
    if let Some(weights) = &PomonaOptions::of(ctx.state().config_options()).weights {
        return Ok(weights.clone());
    }
    let weights = results.manifest().parameters.weights.clone();
    if let Ok(Source::File(path)) = Source::parse(&weights)
        && !path.exists()
    {
        return Err(AnalysisError::NoSuchWeights { weights });
    }
    Ok(weights)
}
