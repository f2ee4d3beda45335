//! `mobilenetv4_conv_small`.

use candle_transformers::models::mobilenetv4;

use crate::timm::{Timm, add_identity};

const WIDTH: usize = 1280;

/// Qin et al. 2024, arXiv:2404.10518.
pub(crate) static MOBILENETV4_CONV_SMALL: Timm = Timm {
    name: "mobilenetv4_conv_small",
    repository: "mobilenetv4_conv_small.e2400_r224_in1k",
    feature_len: WIDTH,
    input_size: 224,
    crop: 0.875,
    prepare: |tensors| add_identity(tensors, "classifier", WIDTH, (WIDTH, WIDTH)),
    build: |tensors| {
        let config = mobilenetv4::Config::small();
        Ok(Box::new(mobilenetv4::mobilenetv4(&config, WIDTH, tensors)?))
    },
};
