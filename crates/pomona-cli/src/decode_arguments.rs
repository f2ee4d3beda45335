//! How images are decoded: the options of `pomona run` that set those of its session.

use clap::Args;
use clap::builder::PossibleValuesParser;
use datafusion::common::Result;
use datafusion::config::ConfigOptions;

use crate::bytes::parse_bytes;
use crate::session::set_given;

/// Each sets the option `pomona.NAME`, and leaves it as it is where it is not given.
#[derive(Debug, Clone, Args)]
pub(crate) struct DecodeArguments {
    /// Largest image to decode, in pixels [default: 178956970, as Pillow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_pixels: Option<u64>,

    /// Most memory for decoding one image [default: 512m]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_decode_bytes: Option<usize>,

    /// Time limit for decoding one image, in seconds; 0 is no limit [default: 60]
    #[arg(long, value_name = "SECONDS")]
    decode_timeout: Option<u64>,

    /// Ignore or apply the orientation that a camera recorded; Keras ignores it [default: ignore]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(["ignore", "apply"]))]
    exif_orientation: Option<String>,

    /// Fail at an image whose data ends early, or pad it as Pillow does with LOAD_TRUNCATED_IMAGES
    /// [default: error]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(["error", "pad"]))]
    truncated: Option<String>,
}

impl DecodeArguments {
    /// Sets what was given.
    ///
    /// # Errors
    /// When the session has no such option.
    pub(crate) fn apply(&self, options: &mut ConfigOptions) -> Result<()> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let given = [
            ("max_pixels", number(self.max_pixels)),
            (
                "max_decode_bytes",
                number(self.max_decode_bytes.map(|bytes| bytes as u64)),
            ),
            ("decode_timeout", number(self.decode_timeout)),
            ("exif_orientation", self.exif_orientation.clone()),
            ("truncated", self.truncated.clone()),
        ];
        set_given(options, given)
    }
}
