//! The arguments that choose the network's weights, its device and its precision.

use clap::Args;
use clap::builder::PossibleValuesParser;
use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use pomona_backbones::DeviceName;

use crate::session::set_given;

/// Each sets the option `pomona.NAME`, and leaves it as it is where it is not given.
#[derive(Debug, Clone, Default, Args)]
pub struct NetworkArguments {
    /// Weights of the network: imagenet (fetched once from the Hugging Face Hub), fruits (built in),
    /// or the path or URL of a MobileNetV2 safetensors file [default: imagenet]
    #[arg(long, value_name = "FILE", env = "POMONA_WEIGHTS")]
    pub weights: Option<String>,

    /// Device of the network: auto, cpu, cuda:0 or metal; auto is the first graphics processor that
    /// the program is compiled for and the machine has, else the CPU [default: auto]
    #[arg(long, value_name = "NAME")]
    pub device: Option<DeviceName>,

    /// Precision of the network; bf16 is faster where the processor has AMX or AVX512_BF16
    /// [default: f32]
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(["f32", "bf16"]))]
    pub precision: Option<String>,
}

impl NetworkArguments {
    /// Sets what was given.
    ///
    /// # Errors
    /// When the session has no such option, or the option no such value.
    pub fn apply(&self, options: &mut ConfigOptions) -> Result<()> {
        let given = [
            ("weights", self.weights.clone()),
            ("device", self.device.map(|device| device.to_string())),
            ("precision", self.precision.clone()),
        ];
        set_given(options, given)
    }
}
