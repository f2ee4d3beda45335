//! `efficientnet_b0`, and the names of its tensors: Candle reads torchvision's names, the files have
//! timm's.

use candle_transformers::models::efficientnet;
use pomona_mobilenet::network::layers::{
    Activation, Builder, PackedNetwork, Padding, Parameters, Window,
};
use pomona_mobilenet::network::{Isa, WeightsError};

use crate::timm::{Timm, add_identity, normalization};

const NAME: &str = "efficientnet_b0";
const WIDTH: usize = 1280;
const INPUT_SIZE: usize = 224;
const EPSILON: f64 = 1e-3;

/// Blocks, channels, kernel and stride of each stage.
const STAGES: [[usize; 4]; 7] = [
    [1, 16, 3, 1],
    [2, 24, 3, 2],
    [2, 40, 5, 2],
    [3, 80, 3, 2],
    [3, 112, 5, 1],
    [4, 192, 5, 2],
    [1, 320, 3, 1],
];

/// Tan and Le 2019, arXiv:1905.11946, with TensorFlow's padding.
pub(crate) static EFFICIENTNET_B0: Timm = Timm {
    name: NAME,
    repository: "tf_efficientnet_b0.ns_jft_in1k",
    feature_len: WIDTH,
    input_size: INPUT_SIZE,
    crop: 0.875,
    pack,
    prepare: |tensors| add_identity(tensors, "classifier", WIDTH, (WIDTH, WIDTH)),
    build: |tensors| {
        let blocks = efficientnet::MBConvConfig::b0();
        let tensors = tensors.rename_f(timm_name);
        Ok(Box::new(efficientnet::EfficientNet::new(
            tensors, blocks, WIDTH,
        )?))
    },
};

fn pack(parameters: &Parameters, isa: Isa) -> Result<PackedNetwork, WeightsError> {
    let mut network = Builder::new(isa, INPUT_SIZE, normalization())?;
    let window = |stride: usize, activation: Activation| Window {
        stride,
        padding: Padding::Same,
        activation,
    };
    let layer = |convolution: &str, norm: &str, shape: [usize; 3]| {
        parameters.convolution(convolution, shape, norm, EPSILON)
    };
    let stem = layer("conv_stem", "bn1", [32, 3, 3])?;
    let mut value = network.image(&stem, window(2, Activation::Silu));
    let mut channels = 32;
    for (stage, [blocks, outputs, kernel, stride]) in STAGES.into_iter().enumerate() {
        // From here on the weights are larger than the tensors.
        if stage == 5 {
            network.group();
        }
        for block in 0..blocks {
            let name = |part: &str| format!("blocks.{stage}.{block}.{part}");
            let stride = if block == 0 { stride } else { 1 };
            let silu = window(stride, Activation::Silu);
            // The first stage has no expansion, and timm numbers what there is.
            let (expanded, inner, project) = if stage == 0 {
                let depthwise = layer(&name("conv_dw"), &name("bn1"), [channels, 1, kernel])?;
                let inner = network.depthwise(value, &depthwise, silu);
                let project = layer(&name("conv_pw"), &name("bn2"), [outputs, channels, 1])?;
                (channels, inner, project)
            } else {
                let expanded = 6 * channels;
                let expand = layer(&name("conv_pw"), &name("bn1"), [expanded, channels, 1])?;
                let depthwise = layer(&name("conv_dw"), &name("bn2"), [expanded, 1, kernel])?;
                let before = Activation::Silu;
                let inner = network.expansion(value, &expand, before, &depthwise, silu);
                let project = layer(&name("conv_pwl"), &name("bn3"), [outputs, expanded, 1])?;
                (expanded, inner, project)
            };
            let squeezed = channels / 4;
            let shape = [squeezed, expanded, 1, 1];
            let squeeze = parameters.affine(&name("se.conv_reduce"), &shape)?;
            let shape = [expanded, squeezed, 1, 1];
            let excite = parameters.affine(&name("se.conv_expand"), &shape)?;
            network.gate(inner, &squeeze, &excite);
            let residual = (stride == 1 && channels == outputs).then_some(value);
            let last = window(1, Activation::Identity);
            value = network.convolution(inner, &project, last, residual);
            channels = outputs;
        }
    }
    let head = layer("conv_head", "bn2", [WIDTH, channels, 1])?;
    let head = network.convolution(value, &head, window(1, Activation::Silu), None);
    let features = network.average(head);
    Ok(network.finish(NAME, features))
}

/// The name in timm's file of a tensor that Candle's EfficientNet reads.
fn timm_name(asked: &str) -> String {
    let parts: Vec<&str> = asked.split('.').collect();
    match parts.as_slice() {
        ["classifier", "1", rest] => format!("classifier.{rest}"),
        ["features", "0", "0", rest] => format!("conv_stem.{rest}"),
        ["features", "0", "1", rest] => format!("bn1.{rest}"),
        ["features", "8", "0", rest] => format!("conv_head.{rest}"),
        ["features", "8", "1", rest] => format!("bn2.{rest}"),
        ["features", stage, block, "block", layer, inner, rest] => {
            let Ok(stage) = stage.parse::<usize>() else {
                return asked.to_string();
            };
            // The first stage has blocks without an expansion.
            let layer = layer.parse().unwrap_or(0) + usize::from(stage == 1);
            let is_norm = *inner == "1";
            let name = match (layer, *inner) {
                (_, "fc1") => "se.conv_reduce",
                (_, "fc2") => "se.conv_expand",
                (0, _) if is_norm => "bn1",
                (0, _) => "conv_pw",
                (1, _) if is_norm && stage == 1 => "bn1",
                (1, _) if is_norm => "bn2",
                (1, _) => "conv_dw",
                (_, _) if is_norm && stage == 1 => "bn2",
                (_, _) if is_norm => "bn3",
                _ if stage == 1 => "conv_pw",
                _ => "conv_pwl",
            };
            format!("blocks.{}.{block}.{name}.{rest}", stage.wrapping_sub(1))
        }
        _ => asked.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::timm_name;

    #[test]
    fn blocks_are_named_as_in_timm() {
        for (asked, name) in [
            ("features.0.0.weight", "conv_stem.weight"),
            ("features.1.0.block.0.0.weight", "blocks.0.0.conv_dw.weight"),
            ("features.1.0.block.0.1.bias", "blocks.0.0.bn1.bias"),
            (
                "features.1.0.block.1.fc1.weight",
                "blocks.0.0.se.conv_reduce.weight",
            ),
            ("features.1.0.block.2.0.weight", "blocks.0.0.conv_pw.weight"),
            ("features.1.0.block.2.1.weight", "blocks.0.0.bn2.weight"),
            ("features.3.1.block.0.0.weight", "blocks.2.1.conv_pw.weight"),
            ("features.3.1.block.1.1.weight", "blocks.2.1.bn2.weight"),
            (
                "features.3.1.block.2.fc2.bias",
                "blocks.2.1.se.conv_expand.bias",
            ),
            (
                "features.7.0.block.3.0.weight",
                "blocks.6.0.conv_pwl.weight",
            ),
            ("features.8.1.running_var", "bn2.running_var"),
            ("classifier.1.weight", "classifier.weight"),
        ] {
            assert_eq!(timm_name(asked), name);
        }
    }
}
