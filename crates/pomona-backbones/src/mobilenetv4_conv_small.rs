//! `mobilenetv4_conv_small`.

use candle_transformers::models::mobilenetv4;
use pomona_mobilenet::network::layers::{
    Activation, Affine, Builder, PackedNetwork, Padding, Parameters, Value, Window,
};
use pomona_mobilenet::network::{Isa, WeightsError};

use crate::timm::{Timm, add_identity, normalization};

const NAME: &str = "mobilenetv4_conv_small";
const WIDTH: usize = 1280;
const INPUT_SIZE: usize = 224;
const EPSILON: f64 = 1e-5;

/// Qin et al. 2024, arXiv:2404.10518.
pub(crate) static MOBILENETV4_CONV_SMALL: Timm = Timm {
    name: NAME,
    repository: "mobilenetv4_conv_small.e2400_r224_in1k",
    feature_len: WIDTH,
    input_size: INPUT_SIZE,
    crop: 0.875,
    pack,
    prepare: |tensors| add_identity(tensors, "classifier", WIDTH, (WIDTH, WIDTH)),
    build: |tensors| {
        let config = mobilenetv4::Config::small();
        Ok(Box::new(mobilenetv4::mobilenetv4(&config, WIDTH, tensors)?))
    },
};

/// A universal inverted bottleneck; a kernel of 0 is none.
struct Bottleneck {
    outputs: usize,
    /// The depthwise kernel before the expansion, and the one after it.
    start: usize,
    middle: usize,
    stride: usize,
    /// Channels after the expansion, over those before it.
    expand: usize,
}

const fn bottleneck(
    outputs: usize,
    [start, middle]: [usize; 2],
    stride: usize,
    expand: usize,
) -> Bottleneck {
    Bottleneck {
        outputs,
        start,
        middle,
        stride,
        expand,
    }
}

/// The stages of bottlenecks, the first of them the third of the network.
const STAGES: [[Bottleneck; 6]; 2] = [
    [
        bottleneck(96, [5, 5], 2, 3),
        bottleneck(96, [0, 3], 1, 2),
        bottleneck(96, [0, 3], 1, 2),
        bottleneck(96, [0, 3], 1, 2),
        bottleneck(96, [0, 3], 1, 2),
        bottleneck(96, [3, 0], 1, 4),
    ],
    [
        bottleneck(128, [3, 3], 2, 6),
        bottleneck(128, [5, 5], 1, 4),
        bottleneck(128, [0, 5], 1, 4),
        bottleneck(128, [0, 5], 1, 3),
        bottleneck(128, [0, 3], 1, 4),
        bottleneck(128, [0, 3], 1, 4),
    ],
];

fn window(stride: usize, activation: Activation) -> Window {
    Window {
        stride,
        padding: Padding::Symmetric,
        activation,
    }
}

fn pack(parameters: &Parameters, isa: Isa) -> Result<PackedNetwork, WeightsError> {
    let mut network = Builder::new(isa, INPUT_SIZE, normalization())?;
    let layer = |name: &str, norm: &str, shape: [usize; 3]| {
        parameters.convolution(name, shape, norm, EPSILON)
    };
    let stem = layer("conv_stem", "bn1", [32, 3, 3])?;
    let mut value = network.image(&stem, window(2, Activation::Relu));
    for (block, stride, shape) in [
        ("blocks.0.0", 2, [32, 32, 3]),
        ("blocks.0.1", 1, [32, 32, 1]),
        ("blocks.1.0", 2, [96, 32, 3]),
        ("blocks.1.1", 1, [64, 96, 1]),
    ] {
        let affine = layer(&format!("{block}.conv"), &format!("{block}.bn1"), shape)?;
        value = network.convolution(value, &affine, window(stride, Activation::Relu), None);
    }
    let mut channels = 64;
    for (stage, bottlenecks) in STAGES.iter().enumerate() {
        if stage == 1 {
            network.group();
        }
        for (block, bottleneck) in bottlenecks.iter().enumerate() {
            let part = |part: &str, shape: [usize; 3]| {
                let name = format!("blocks.{}.{block}.{part}", stage + 2);
                layer(&format!("{name}.conv"), &format!("{name}.bn"), shape)
            };
            value = add(&mut network, value, channels, bottleneck, part)?;
            channels = bottleneck.outputs;
        }
    }
    let last = layer("blocks.4.0.conv", "blocks.4.0.bn1", [960, channels, 1])?;
    let last = network.convolution(value, &last, window(1, Activation::Relu), None);
    let average = network.average(last);
    let head = layer("conv_head", "norm_head", [WIDTH, 960, 1])?;
    let features = network.convolution(average, &head, window(1, Activation::Relu), None);
    Ok(network.finish(NAME, features))
}

/// Adds a bottleneck whose parts `part` returns.
fn add(
    network: &mut Builder,
    input: Value,
    channels: usize,
    bottleneck: &Bottleneck,
    part: impl Fn(&str, [usize; 3]) -> Result<Affine, WeightsError>,
) -> Result<Value, WeightsError> {
    let Bottleneck {
        outputs,
        start,
        middle,
        stride,
        expand,
    } = *bottleneck;
    let mut value = input;
    if start > 0 {
        let affine = part("dw_start", [channels, 1, start])?;
        let stride = if middle > 0 { 1 } else { stride };
        value = network.depthwise(value, &affine, window(stride, Activation::Identity));
    }
    let expanded = channels * expand;
    let expansion = part("pw_exp", [expanded, channels, 1])?;
    if middle > 0 {
        let affine = part("dw_mid", [expanded, 1, middle])?;
        let relu = Activation::Relu;
        value = network.expansion(value, &expansion, relu, &affine, window(stride, relu));
    } else {
        value = network.convolution(value, &expansion, window(1, Activation::Relu), None);
    }
    let project = part("pw_proj", [outputs, expanded, 1])?;
    let residual = (stride == 1 && channels == outputs).then_some(input);
    Ok(network.convolution(value, &project, window(1, Activation::Identity), residual))
}
