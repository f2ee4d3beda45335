//! What can go wrong inside a function, and how it becomes a query's error.

use datafusion::error::DataFusionError;
use pomona_backbones::{BackboneError, DeviceError};
use pomona_mobilenet::ImageError;
use pomona_neighbours::NeighboursError;
use pomona_pca::PcaError;
use pomona_weights::LoadError;
use thiserror::Error;

/// The error of a Pomona function. Inside a query it is a [`DataFusionError::External`].
#[derive(Debug, Error)]
pub enum FunctionError {
    /// A function met an image that cannot be decoded.
    #[error(
        "row {row} of the batch is not a readable image: {source}. try_mobilenet_v2(content) and \
         the other functions that begin with try_ give NULL instead, image_error(content) the reason: SELECT path \
         FROM … WHERE image_error(content) IS NOT NULL names it"
    )]
    Image {
        /// The row within its batch, from 0.
        row: usize,
        /// Why the image cannot be decoded.
        source: ImageError,
    },

    /// Images cannot be decoded at the moment, which is not the image's fault.
    #[error("{0}")]
    Decoding(ImageError),

    /// A network by name has no repository of its own, and no file is named.
    #[error("{network} has no weights of its own: SET pomona.backbone_weights = 'FILE' names them")]
    NoBackboneWeights {
        /// The network.
        network: &'static str,
    },

    /// The weights cannot be loaded.
    #[error("weights '{location}': {source}")]
    Weights {
        /// What `pomona.weights` names.
        location: String,
        /// Why it cannot be loaded.
        source: LoadError,
    },

    /// The weights are not those that the session pins.
    #[error(
        "weights '{location}' have sha256 {found}, but {option} pins {expected}: \
         the file differs from the one this query was planned with"
    )]
    WeightsDiffer {
        /// What `pomona.weights` or `pomona.backbone_weights` names, or the repository.
        location: String,
        /// The option that pins them.
        option: &'static str,
        /// The sha256 that the session pins.
        expected: String,
        /// The sha256 of the file.
        found: String,
    },

    /// The network's output is not as long as the SQL type says.
    #[error(
        "weights '{location}' give {found} features an image; mobilenet_v2 returns {expected} \
         (width multiplier 1.0 or less)"
    )]
    FeatureLength {
        /// What `pomona.weights` names.
        location: String,
        /// The length that the SQL type has.
        expected: usize,
        /// The length that the network gives.
        found: usize,
    },

    /// The weights have no classifier.
    #[error(
        "weights '{location}' have no classifier, only features: classify_image needs weights \
         with one, such as fruits and imagenet"
    )]
    NoClassifier {
        /// What `pomona.weights` names.
        location: String,
    },

    /// The classes of the weights have no names.
    #[error(
        "weights '{location}' do not name their {classes} classes: give them names with \
         pomona weights convert IN OUT --labels FILE"
    )]
    NoLabels {
        /// What `pomona.weights` names.
        location: String,
        /// How many classes there are.
        classes: usize,
    },

    /// The device of the networks is not there.
    #[error("pomona.device: {0}")]
    Device(#[from] DeviceError),

    /// A network failed while it ran: its device failed, or had no memory.
    #[error("the network cannot run: {0}")]
    Forward(BackboneError),

    /// A network by name cannot be had.
    #[error("image_features: {0}")]
    Backbone(#[from] BackboneError),

    /// The weights of a network by name cannot be loaded.
    #[error(
        "image_features: weights '{location}': {source}; \
         SET pomona.backbone_weights = 'FILE' takes them from a file"
    )]
    BackboneWeights {
        /// The repository, or what `pomona.backbone_weights` names.
        location: String,
        /// Why they cannot be loaded.
        source: BackboneError,
    },

    /// A pin of the weights of a network by name cannot be read.
    #[error(
        "pomona.backbone_weights_sha256 has '{pin}': write NAME=SHA256, several separated by \
         commas, such as resnet18=…"
    )]
    BackbonePin {
        /// The part that cannot be read.
        pin: String,
    },

    /// A row of features is NULL inside, or rows differ in length.
    #[error("{function}: {reason}")]
    Features {
        /// The function that was called.
        function: &'static str,
        /// What is wrong with the features.
        reason: String,
    },

    /// The model struct is not one that `pca_fit` makes.
    #[error("pca_transform: the model is not one that pca_fit returns: {0}")]
    Model(String),

    /// The moments struct is not one that `pca_moments` makes.
    #[error("{function}: the moments are not those that pca_moments returns: {reason}")]
    Moments {
        /// The function that was called.
        function: &'static str,
        /// What is wrong with the moments.
        reason: String,
    },

    /// The struct is not a vector of Spark ML.
    #[error("vector_to_array: the struct is not a vector of Spark ML: {0}")]
    Vector(String),

    /// The vectors cannot be compared.
    #[error("nearest: {0}")]
    Neighbours(#[from] NeighboursError),

    /// The PCA itself failed.
    #[error("{function}: {source}")]
    Pca {
        /// The function that was called.
        function: &'static str,
        /// What the PCA says.
        source: PcaError,
    },
}

impl FunctionError {
    /// The error of a vector with a number that is not finite. Which row of the table it is is not known
    /// where it is found; its place in the vector is, and counts from 1 in SQL.
    pub(crate) fn not_finite(function: &'static str, at: usize, value: f64) -> Self {
        let at = at + 1;
        Self::Features {
            function,
            reason: format!(
                "features[{at}] of a row is {value}, and features must be finite: \
                 WHERE isnan(features[{at}] - features[{at}]) finds it"
            ),
        }
    }

    /// Says which function a PCA error came from.
    pub(crate) fn pca(function: &'static str) -> impl Fn(PcaError) -> Self {
        move |source| Self::Pca { function, source }
    }
}

impl From<FunctionError> for DataFusionError {
    fn from(error: FunctionError) -> Self {
        Self::External(Box::new(error))
    }
}
