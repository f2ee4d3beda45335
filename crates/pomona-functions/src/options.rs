//! The session options below `pomona.`, which functions read at execution.

use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use datafusion::common::{Result, extensions_options};
use datafusion::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use pomona_backbones::DeviceName;
use pomona_mobilenet::preprocess::{DecodeLimits, DecodeOptions};

use crate::{DeviceOption, ExifOrientationOption, PrecisionOption, TruncatedOption};

/// The weights that are taken where none are named.
pub const DEFAULT_WEIGHTS: &str = "imagenet";

extensions_options! {
    /// The values of [`PomonaOptions`].
    pub struct PomonaOptionValues {
        /// The network's weights, 'imagenet' unless others are named: 'fruits', which are part of the program, 'imagenet', which are fetched from the Hugging Face Hub, or the path or URL (file, http, https, s3) of a MobileNetV2 safetensors file
        pub weights: Option<String>, default = None
        /// The sha256 that the weights must have, in hexadecimal; the query fails if they differ
        pub weights_sha256: Option<String>, default = None
        /// The weights of the network that image_features names, instead of those of the hub: the path or URL of a safetensors file with timm's names
        pub backbone_weights: Option<String>, default = None
        /// The sha256 that the weights of networks by name must have, in hexadecimal: NAME=SHA256, several separated by commas; the query fails if they differ
        pub backbone_weights_sha256: Option<String>, default = None
        /// What the network computes in: 'f32', or 'bf16', which is faster where the processor has AMX or AVX512_BF16
        pub precision: PrecisionOption, default = PrecisionOption::default()
        /// Where networks run: 'auto', which is the first graphics processor that the program is compiled for and the machine has, else the CPU; 'cpu', 'cuda:0' or 'metal'
        pub device: DeviceOption, default = DeviceOption::default()
        /// What becomes of the orientation that a camera recorded in a JPEG, PNG or WebP: 'ignore', as Keras and Pillow ignore it on opening, or 'apply', as Pillow's exif_transpose; that of a TIFF is always applied
        pub exif_orientation: ExifOrientationOption, default = ExifOrientationOption::default()
        /// What becomes of an image whose data ends early: 'error', or 'pad', which fills what is missing as Pillow does with LOAD_TRUNCATED_IMAGES
        pub truncated: TruncatedOption, default = TruncatedOption::default()
        /// The largest image that is decoded, in pixels (width times height)
        pub max_pixels: u64, default = DecodeLimits::default().max_pixels
        /// The most memory that decoding one image may take, in bytes; it is reserved from the memory of the query, for which other images wait
        pub max_decode_bytes: u64, default = DecodeLimits::default().max_decode_bytes
        /// How long decoding one image may take, in seconds; 0 is no limit
        pub decode_timeout: u64, default = DecodeLimits::default().timeout.map_or(0, |limit| limit.as_secs())
        /// What the URLs of read_image may name: hosts such as 'images.example.com', '*.example.com' or '10.0.0.7:8080', buckets such as 's3://bucket', folders such as 'file:///data/', several separated by commas; '*' is every host with a public address, every bucket, and local files that are images by their names
        pub url_hosts: String, default = "*".to_string()
        /// How long a server has to answer a request of read_image with all bytes, in seconds
        pub url_timeout: u64, default = 30
        /// How many times read_image makes a request again that failed for a reason that may pass
        pub url_retries: u64, default = 2
        /// The most bytes that read_image takes from a URL
        pub url_max_bytes: u64, default = 50_000_000
        /// How many URLs read_image reads at once, a partition
        pub url_concurrency: u64, default = 32
        /// How long a query waits, in seconds, while its cluster has no executor
        pub executor_wait_seconds: u64, default = 120
    }
}

/// The options of Pomona's functions, set with `SET pomona.NAME = 'VALUE'`.
///
/// They travel with the plan, so that every executor computes with the same values.
#[derive(Debug, Clone, Default)]
pub struct PomonaOptions(PomonaOptionValues);

impl Deref for PomonaOptions {
    type Target = PomonaOptionValues;

    fn deref(&self) -> &PomonaOptionValues {
        &self.0
    }
}

impl DerefMut for PomonaOptions {
    fn deref_mut(&mut self) -> &mut PomonaOptionValues {
        &mut self.0
    }
}

impl ExtensionOptions for PomonaOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.0.set(key, value)
    }

    /// The entries under the names by which they are set: the macro leaves their prefix out, and
    /// what is sent to an executor under a name that nobody sets is lost without a word.
    fn entries(&self) -> Vec<ConfigEntry> {
        let mut entries = self.0.entries();
        for entry in &mut entries {
            entry.key = format!("{}.{}", Self::PREFIX, entry.key);
        }
        entries
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

    /// What names the weights of `mobilenet_v2`: the default is that of Keras,
    /// `weights='imagenet'`.
    pub fn weights_location(&self) -> &str {
        let named = self
            .weights
            .as_deref()
            .filter(|weights| !weights.is_empty());
        named.unwrap_or(DEFAULT_WEIGHTS)
    }

    /// These options for a network that is loaded for its weights' sha256 alone: on the CPU where this
    /// machine lacks the device, which is for the executors of a cluster then.
    pub fn for_this_machine(&self) -> Self {
        let mut options = self.clone();
        if self.device.0.open().is_err() {
            options.device = DeviceOption(DeviceName::Cpu);
        }
        options
    }

    /// Which of Pillow's behaviours decoding has.
    pub fn decode_options(&self) -> DecodeOptions {
        DecodeOptions {
            exif_orientation: self.exif_orientation.0,
            truncated: self.truncated.0,
        }
    }

    /// What bounds the decoding of one image.
    pub fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits {
            max_pixels: self.max_pixels,
            max_decode_bytes: self.max_decode_bytes,
            timeout: (self.decode_timeout > 0).then(|| Duration::from_secs(self.decode_timeout)),
            ..DecodeLimits::DEFAULT
        }
    }
}
