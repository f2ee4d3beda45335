//! What can go wrong between the name of weights and their network.

use std::path::PathBuf;

use pomona_mobilenet::network::WeightsError;
use thiserror::Error;

/// Why weights cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a network, or there is no file.
    #[error(transparent)]
    Weights(#[from] WeightsError),

    /// A word that is neither a file nor a name.
    #[error(
        "there is no such file, and no weights of that name: the names are fruits and imagenet"
    )]
    Name,

    /// A URL that is none.
    #[error("'{url}' is not a URL: {reason}")]
    Url {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A web server does not give the file.
    #[error("{url} cannot be fetched: {reason}")]
    Http {
        /// The URL of the file.
        url: String,
        /// What happened.
        reason: String,
    },

    /// A file is larger than any weights.
    #[error("{what} is larger than {most} bytes, which no weights of a MobileNetV2 are")]
    TooLarge {
        /// What was read.
        what: String,
        /// The bound.
        most: u64,
    },

    /// A store does not give the object.
    #[error("{url} cannot be read: {reason}")]
    Object {
        /// The URL of the object.
        url: String,
        /// What the store says.
        reason: String,
    },

    /// The hub does not answer.
    #[error("the hub at {endpoint} cannot be reached to fetch {repository} ({reason})")]
    Unreachable {
        /// The hub's URL.
        endpoint: String,
        /// The repository that was wanted.
        repository: String,
        /// What happened.
        reason: String,
    },

    /// The hub must not be asked, and the cache has nothing.
    #[error(
        "{repository} is not in the cache at {}, and HF_HUB_OFFLINE forbids to fetch it",
        cache.display()
    )]
    Offline {
        /// The repository that was wanted.
        repository: String,
        /// The folder of the cache.
        cache: PathBuf,
    },

    /// The hub answers, and does not give the file.
    #[error("the hub at {endpoint} does not give {repository}: {reason}")]
    Hub {
        /// The hub's URL.
        endpoint: String,
        /// The repository that was wanted.
        repository: String,
        /// What the hub says.
        reason: String,
    },

    /// The weights named `imagenet` cannot be had.
    #[error(
        "{0}: --weights fruits are inside the program, and --weights FILE names a file; in SQL, \
         SET pomona.weights = 'fruits'"
    )]
    Imagenet(#[source] Box<Self>),

    /// The bytes are not those that the hub states.
    #[error(
        "the bytes of {file} have sha256 {found}, but the hub states {stated}: the download was \
         damaged and is thrown away; try again"
    )]
    Digest {
        /// The repository and the file in it.
        file: String,
        /// The sha256 that the hub states.
        stated: String,
        /// The sha256 of the bytes.
        found: String,
    },

    /// The network under the name `imagenet` is another.
    #[error(
        "{from} is not the network that goes by the name imagenet: its features of the test \
         image differ by {difference:.1e} from those of google/mobilenet_v2_1.0_224, and at most \
         {tolerance:.0e} is allowed; name the file with --weights FILE to use it all the same"
    )]
    Fingerprint {
        /// Where the network came from.
        from: String,
        /// The largest difference of a feature.
        difference: f32,
        /// What is allowed.
        tolerance: f32,
    },

    /// The network under the name `imagenet` has another shape.
    #[error(
        "{from} is not the network that goes by the name imagenet: {reason}; \
         name the file with --weights FILE to use it all the same"
    )]
    OtherNetwork {
        /// Where the network came from.
        from: String,
        /// What is different.
        reason: String,
    },

    /// A PyTorch file cannot be read.
    #[error("not a PyTorch file of tensors: {reason}")]
    Pickle {
        /// What the reader says.
        reason: String,
    },

    /// The system gives no thread, no runtime or no temporary file.
    #[error("{doing}: {source}")]
    System {
        /// What was to be done.
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

impl LoadError {
    /// The system's refusal while something was being done.
    pub(crate) fn system(doing: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}
