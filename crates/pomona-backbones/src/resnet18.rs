//! `resnet18`.

use candle_transformers::models::resnet;

use crate::timm::Timm;

/// He et al. 2015, arXiv:1512.03385.
pub(crate) static RESNET18: Timm = Timm {
    name: "resnet18",
    repository: "resnet18.a1_in1k",
    feature_len: 512,
    input_size: 224,
    crop: 0.95,
    prepare: |_| Ok(()),
    build: |tensors| Ok(Box::new(resnet::resnet18_no_final_layer(tensors)?)),
};
