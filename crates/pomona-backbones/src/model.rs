//! [`Model`]: a network with its weights.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};

use candle_core::{DType, Device, Tensor};
use candle_nn::{Module, VarBuilder};
use candle_transformers::models::{dinov2, efficientnet, mobilenetv4, resnet};
use pomona_weights::WeightsFile;

use crate::{Backbone, BackboneError, names};

/// The outputs that Candle's DINOv2 has; its classifier reads the class token and, behind it, the
/// average of the others.
const DINOV2_OUTPUTS: usize = 1000;

/// A network that is ready to run. Immutable: threads share it.
pub struct Model {
    backbone: Backbone,
    network: Box<dyn Module + Send + Sync>,
}

impl Debug for Model {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("backbone", &self.backbone)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// The network with the weights of a file, in f32 on the CPU, whatever type they have there.
    ///
    /// # Errors
    /// When the file is damaged, and when a tensor is missing or has another shape.
    pub fn new(backbone: Backbone, file: &WeightsFile) -> Result<Self, BackboneError> {
        let bytes = file.safetensors()?;
        let refuse = |reason: String| BackboneError::Weights { backbone, reason };
        let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|error| refuse(error.to_string()))?;
        if backbone == Backbone::Dinov2Small {
            widen_residuals(&mut tensors)?;
        }
        // Candle's models end in a classifier. One that returns what it reads gives the features.
        tensors.extend(identity(backbone)?);
        let tensors = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let network = network(backbone, tensors).map_err(|error| refuse(first_line(&error)))?;
        Ok(Self { backbone, network })
    }

    /// Which network it is.
    pub fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// The features of one prepared picture, as many as [`Backbone::feature_len`].
    ///
    /// Pictures go through one at a time, so that each gets the same features in any company.
    ///
    /// # Errors
    /// When the values are not those of a picture of the network's size, and when Candle fails.
    pub fn features(&self, values: &[f32]) -> Result<Vec<f32>, BackboneError> {
        let size = self.backbone.preparation().input_size;
        let input = Tensor::from_slice(values, (1, 3, size, size), &Device::Cpu)?;
        let output = self.network.forward(&input)?.flatten_all()?;
        let mut features = output.to_vec1::<f32>()?;
        features.truncate(self.backbone.feature_len());
        Ok(features)
    }
}

fn network(
    backbone: Backbone,
    tensors: VarBuilder<'static>,
) -> candle_core::Result<Box<dyn Module + Send + Sync>> {
    let width = backbone.feature_len();
    Ok(match backbone {
        Backbone::Resnet18 => Box::new(resnet::resnet18_no_final_layer(tensors)?),
        Backbone::EfficientnetB0 => Box::new(efficientnet::EfficientNet::new(
            tensors.rename_f(names::efficientnet),
            efficientnet::MBConvConfig::b0(),
            width,
        )?),
        Backbone::Mobilenetv4ConvSmall => Box::new(mobilenetv4::mobilenetv4(
            &mobilenetv4::Config::small(),
            width,
            tensors,
        )?),
        Backbone::Dinov2Small => Box::new(dinov2::vit_small(tensors)?),
    })
}

/// A classifier that returns its input: a row of the identity an output, and no bias.
fn identity(backbone: Backbone) -> candle_core::Result<HashMap<String, Tensor>> {
    let width = backbone.feature_len();
    let (name, outputs, inputs) = match backbone {
        Backbone::Resnet18 => return Ok(HashMap::new()),
        Backbone::EfficientnetB0 | Backbone::Mobilenetv4ConvSmall => ("classifier", width, width),
        Backbone::Dinov2Small => ("head", DINOV2_OUTPUTS, 2 * width),
    };
    let mut matrix = vec![0_f32; outputs * inputs];
    for diagonal in 0..width {
        matrix[diagonal * inputs + diagonal] = 1.0;
    }
    let weight = Tensor::from_vec(matrix, (outputs, inputs), &Device::Cpu)?;
    let bias = Tensor::zeros(outputs, DType::F32, &Device::Cpu)?;
    Ok(HashMap::from([
        (format!("{name}.weight"), weight),
        (format!("{name}.bias"), bias),
    ]))
}

/// Makes Candle's DINOv2 compute with the epsilon of the original.
///
/// Its layer norms have an epsilon of 1e-5, where Meta and timm have 1e-6. A norm of `s x` with an epsilon of `s s e` is that of `x` with `e`, so
/// everything that is added to the residual stream is multiplied by `s`, the root of 10. Nothing
/// else changes, because only norms read the stream.
fn widen_residuals(tensors: &mut HashMap<String, Tensor>) -> candle_core::Result<()> {
    for (name, tensor) in tensors {
        let is_added = name.starts_with("patch_embed.proj.")
            || name == "cls_token"
            || name == "pos_embed"
            || name.ends_with(".ls1.gamma")
            || name.ends_with(".ls2.gamma");
        if is_added {
            *tensor = (tensor.to_dtype(DType::F32)? * 10_f64.sqrt())?;
        }
    }
    Ok(())
}

/// What Candle says without the stack that it may add.
fn first_line(error: &candle_core::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_string()
}
