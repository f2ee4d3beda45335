//! `dinov2_small`.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use candle_transformers::models::dinov2;

use crate::timm::{Timm, add_identity};

const WIDTH: usize = 384;

/// The outputs that Candle's model has; its classifier reads the class token and, behind it, the
/// average of the others.
const OUTPUTS: usize = 1000;

/// Oquab et al. 2023, arXiv:2304.07193.
pub(crate) static DINOV2_SMALL: Timm = Timm {
    name: "dinov2_small",
    repository: "vit_small_patch14_dinov2.lvd142m",
    feature_len: WIDTH,
    input_size: 518,
    crop: 1.0,
    prepare: |tensors| {
        widen_residuals(tensors)?;
        add_identity(tensors, "head", WIDTH, (OUTPUTS, 2 * WIDTH))
    },
    build: |tensors| Ok(Box::new(dinov2::vit_small(tensors)?)),
};

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
