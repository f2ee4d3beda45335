//! `efficientnet_b0`, and the names of its tensors: Candle reads torchvision's names, the files have
//! timm's.

use candle_transformers::models::efficientnet;

use crate::timm::{Timm, add_identity};

const WIDTH: usize = 1280;

/// Tan and Le 2019, arXiv:1905.11946, with TensorFlow's padding.
pub(crate) static EFFICIENTNET_B0: Timm = Timm {
    name: "efficientnet_b0",
    repository: "tf_efficientnet_b0.ns_jft_in1k",
    feature_len: WIDTH,
    input_size: 224,
    crop: 0.875,
    prepare: |tensors| add_identity(tensors, "classifier", WIDTH, (WIDTH, WIDTH)),
    build: |tensors| {
        let blocks = efficientnet::MBConvConfig::b0();
        let tensors = tensors.rename_f(timm_name);
        Ok(Box::new(efficientnet::EfficientNet::new(
            tensors, blocks, WIDTH,
        )?))
    },
};

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
