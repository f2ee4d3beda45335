//! The session options below `pomona.`, which functions read at execution.

use datafusion::common::extensions_options;
use datafusion::config::{ConfigExtension, ConfigOptions};
use pomona_mobilenet::preprocess::DecodeLimits;

use crate::PrecisionOption;

extensions_options! {
    /// The options of Pomona's functions, set with `SET pomona.NAME = 'VALUE'`.
    ///
    /// They travel with the plan, so that every executor computes with the same values.
    pub struct PomonaOptions {
        /// The network's weights: 'fruits', which are part of the program, 'imagenet', which are fetched from the Hugging Face Hub, or the path or URL (file, http, https, s3) of a MobileNetV2 safetensors file
        pub weights: Option<String>, default = None
        /// The sha256 that the weights must have, in hexadecimal; the query fails if they differ
        pub weights_sha256: Option<String>, default = None
        /// The weights of the network that image_features names, instead of those of the hub: the path or URL of a safetensors file with timm's names
        pub backbone_weights: Option<String>, default = None
        /// What the network computes in: 'f32', or 'bf16' where the processor has AMX
        pub precision: PrecisionOption, default = PrecisionOption::default()
        /// The largest picture that is decoded, in pixels (width times height)
        pub max_pixels: u64, default = DecodeLimits::default().max_pixels
    }
}

impl ConfigExtension for PomonaOptions {
    const PREFIX: &'static str = "pomona";
}

impl PomonaOptions {
    /// The options of a session; the defaults where the session does not know them.
    pub fn of(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// What bounds the decoding of one picture.
    pub fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits {
            max_pixels: self.max_pixels,
        }
    }
}
