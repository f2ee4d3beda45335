//! `resnet18`.

use candle_transformers::models::resnet;
use pomona_mobilenet::network::layers::{
    Activation, Builder, PackedNetwork, Padding, Parameters, Window,
};
use pomona_mobilenet::network::{Isa, WeightsError};

use crate::timm::{Timm, normalization};

const NAME: &str = "resnet18";
const INPUT_SIZE: usize = 224;
const EPSILON: f64 = 1e-5;

/// Channels of the four stages, of two blocks each.
const STAGES: [usize; 4] = [64, 128, 256, 512];

/// He et al. 2015, arXiv:1512.03385.
pub(crate) static RESNET18: Timm = Timm {
    name: NAME,
    repository: "resnet18.a1_in1k",
    feature_len: STAGES[3],
    input_size: INPUT_SIZE,
    crop: 0.95,
    pack,
    prepare: |_| Ok(()),
    build: |tensors| Ok(Box::new(resnet::resnet18_no_final_layer(tensors)?)),
};

fn pack(parameters: &Parameters, isa: Isa) -> Result<PackedNetwork, WeightsError> {
    let mut network = Builder::new(isa, INPUT_SIZE, normalization())?;
    let window = |stride: usize, activation: Activation| Window {
        stride,
        padding: Padding::Symmetric,
        activation,
    };
    let layer = |convolution: &str, norm: &str, shape: [usize; 3]| {
        parameters.convolution(convolution, shape, norm, EPSILON)
    };
    let stem = layer("conv1", "bn1", [64, 3, 7])?;
    let image = network.image(&stem, window(2, Activation::Relu));
    let mut value = network.max_pool(image);
    let mut channels = 64;
    for (stage, width) in STAGES.into_iter().enumerate() {
        // From here on the weights are larger than the tensors.
        if stage == 2 {
            network.group();
        }
        for block in 0..2 {
            let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
            let stride = if block == 0 && stage > 0 { 2 } else { 1 };
            let first = layer(&name("conv1"), &name("bn1"), [width, channels, 3])?;
            let second = layer(&name("conv2"), &name("bn2"), [width, width, 3])?;
            let inner = network.convolution(value, &first, window(stride, Activation::Relu), None);
            let shortcut = if stride == 1 {
                value
            } else {
                let shape = [width, channels, 1];
                let shorten = layer(&name("downsample.0"), &name("downsample.1"), shape)?;
                network.convolution(value, &shorten, window(stride, Activation::Identity), None)
            };
            let last = window(1, Activation::Relu);
            value = network.convolution(inner, &second, last, Some(shortcut));
            channels = width;
        }
    }
    let features = network.average(value);
    Ok(network.finish(NAME, features))
}
