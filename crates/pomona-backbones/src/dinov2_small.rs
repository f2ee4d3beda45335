//! `dinov2_small`.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use candle_transformers::models::dinov2;
use pomona_mobilenet::network::layers::{
    PackedNetwork, Parameters, TransformerBlock, TransformerWeights,
};
use pomona_mobilenet::network::{Isa, WeightsError};

use crate::timm::{Timm, add_identity, normalization};

const NAME: &str = "dinov2_small";
const WIDTH: usize = 384;
const HIDDEN: usize = 4 * WIDTH;
const HEADS: usize = 6;
const BLOCKS: usize = 12;
const INPUT_SIZE: usize = 518;
const PATCH: usize = 14;
const TOKENS: usize = 1 + (INPUT_SIZE / PATCH) * (INPUT_SIZE / PATCH);

/// The outputs that Candle's model has; its classifier reads the class token and, behind it, the
/// average of the others.
const OUTPUTS: usize = 1000;

/// Oquab et al. 2023, arXiv:2304.07193.
pub(crate) static DINOV2_SMALL: Timm = Timm {
    name: NAME,
    repository: "vit_small_patch14_dinov2.lvd142m",
    feature_len: WIDTH,
    input_size: INPUT_SIZE,
    crop: 1.0,
    pack,
    prepare: |tensors| {
        widen_residuals(tensors)?;
        add_identity(tensors, "head", WIDTH, (OUTPUTS, 2 * WIDTH))
    },
    build: |tensors| Ok(Box::new(dinov2::vit_small(tensors)?)),
};

fn pack(parameters: &Parameters, isa: Isa) -> Result<PackedNetwork, WeightsError> {
    let norm = |name: String| {
        let part = |part: &str| parameters.values(&format!("{name}.{part}"), &[WIDTH]);
        Ok::<_, WeightsError>([part("weight")?, part("bias")?])
    };
    let block = |index: usize| {
        let name = |part: &str| format!("blocks.{index}.{part}");
        let linear = |part: &str, shape: [usize; 2]| parameters.affine(&name(part), &shape);
        let scale = |part: &str| parameters.values(&name(part), &[WIDTH]);
        Ok::<_, WeightsError>(TransformerBlock {
            attention_norm: norm(name("norm1"))?,
            queries_keys_values: linear("attn.qkv", [3 * WIDTH, WIDTH])?,
            project: linear("attn.proj", [WIDTH, WIDTH])?.scaled(&scale("ls1.gamma")?),
            perceptron_norm: norm(name("norm2"))?,
            expand: linear("mlp.fc1", [HIDDEN, WIDTH])?,
            contract: linear("mlp.fc2", [WIDTH, HIDDEN])?.scaled(&scale("ls2.gamma")?),
        })
    };
    let weights = TransformerWeights {
        input_size: INPUT_SIZE,
        normalization: normalization(),
        patch: parameters.affine("patch_embed.proj", &[WIDTH, 3, PATCH, PATCH])?,
        class: parameters.values("cls_token", &[1, 1, WIDTH])?,
        positions: parameters.values("pos_embed", &[1, TOKENS, WIDTH])?,
        blocks: (0..BLOCKS).map(block).collect::<Result<_, _>>()?,
        norm: norm("norm".to_owned())?,
        heads: HEADS,
        epsilon: 1e-6,
    };
    weights.pack(NAME, isa)
}

/// Makes Candle's DINOv2 compute with the epsilon of the original.
///
/// Its layer norms have an epsilon of 1e-5, where Meta and timm have 1e-6. A norm of `s x` with an
/// epsilon of `s s e` is that of `x` with `e`, so everything that is added to the residual stream
/// is multiplied by `s`, the root of 10. Nothing else changes, because only norms read the stream.
fn widen_residuals(tensors: &mut HashMap<String, Tensor>) -> candle_core::Result<()> {
    let is_added = |name: &str| {
        matches!(name, "cls_token" | "pos_embed")
            || name.starts_with("patch_embed.proj.")
            || name.ends_with(".ls1.gamma")
            || name.ends_with(".ls2.gamma")
    };
    for (_, tensor) in tensors.iter_mut().filter(|(name, _)| is_added(name)) {
        *tensor = (tensor.to_dtype(DType::F32)? * 10_f64.sqrt())?;
    }
    Ok(())
}
