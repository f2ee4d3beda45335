//! Networks of Candle's models with timm's weights and timm's transform.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, bail};
use candle_nn::{Module, VarBuilder};
use pomona_mobilenet::network::{Backbone, Preprocessing, Resize};
use pomona_weights::{Repository, WeightsFile};

use crate::{BackboneError, BackboneFactory, Target, WeightsDeclaration};

/// The files of timm's repositories, the best first.
const FILES: &[&str] = &["model.safetensors", "pytorch_model.bin"];

/// timm's `IMAGENET_DEFAULT_MEAN` and `IMAGENET_DEFAULT_STD`.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// A model of Candle's.
pub(crate) type Model = Box<dyn Module + Send + Sync>;

/// A network of timm's that Candle has a model of.
pub(crate) struct Timm {
    pub name: &'static str,
    /// The name of its repository, of the owner `timm`.
    pub repository: &'static str,
    pub feature_len: usize,
    pub input_size: usize,
    /// timm's `crop_pct`.
    pub crop: f64,
    /// Changes and adds tensors before the model is built.
    pub prepare: fn(&mut HashMap<String, Tensor>) -> candle_core::Result<()>,
    /// Candle's model of these tensors, whose first outputs are the features.
    pub build: fn(VarBuilder<'static>) -> candle_core::Result<Model>,
}

impl BackboneFactory for Timm {
    fn name(&self) -> &'static str {
        self.name
    }

    fn feature_len(&self) -> usize {
        self.feature_len
    }

    fn weights(&self) -> WeightsDeclaration {
        WeightsDeclaration {
            option: "pomona.backbone_weights",
            sha256_option: "pomona.backbone_weights_sha256",
            repository: Some(Repository {
                owner: "timm",
                name: self.repository,
                files: FILES,
            }),
            naming: "timm",
        }
    }

    fn load(
        &self,
        file: &WeightsFile,
        target: &Target,
    ) -> Result<Arc<dyn Backbone>, BackboneError> {
        let bytes = file.safetensors()?;
        let refuse = |reason: String| BackboneError::Weights {
            backbone: self.name,
            naming: self.weights().naming,
            reason,
        };
        let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|error| refuse(error.to_string()))?;
        (self.prepare)(&mut tensors)?;
        let tensors = VarBuilder::from_tensors(tensors, DType::F32, &target.device);
        let model = (self.build)(tensors).map_err(|error| refuse(first_line(&error)))?;
        let channels = |values: [f32; 3]| {
            Tensor::from_slice(&values, (1, 3, 1, 1), &Device::Cpu)?.to_device(&target.device)
        };
        Ok(Arc::new(TimmNetwork {
            name: self.name,
            feature_len: self.feature_len,
            preprocessing: Preprocessing {
                input_size: self.input_size,
                resize: Resize::CenterCrop { crop: self.crop },
                mean: MEAN,
                deviation: DEVIATION,
            },
            device: target.device.clone(),
            largest: channels([255.0; 3])?,
            mean: channels(MEAN)?,
            deviation: channels(DEVIATION)?,
            model,
        }))
    }
}

/// A network that is ready to run.
struct TimmNetwork {
    name: &'static str,
    feature_len: usize,
    preprocessing: Preprocessing,
    device: Device,
    /// 255, the mean and the deviation of red, green and blue, `1 x 3 x 1 x 1`.
    largest: Tensor,
    mean: Tensor,
    deviation: Tensor,
    model: Model,
}

impl Debug for TimmNetwork {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimmNetwork")
            .field("name", &self.name)
            .field("device", &self.device.location())
            .finish_non_exhaustive()
    }
}

impl Backbone for TimmNetwork {
    fn name(&self) -> &'static str {
        self.name
    }

    fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    fn feature_len(&self) -> usize {
        self.feature_len
    }

    fn device(&self) -> &Device {
        &self.device
    }
}

impl Module for TimmNetwork {
    fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        let size = self.preprocessing.input_size;
        let (count, height, width, colors) = images.dims4()?;
        if (height, width, colors) != (size, size, 3) || images.dtype() != DType::U8 {
            bail!(
                "{}: expected images of shape N x {size} x {size} x 3 and type U8, got {:?} of {:?}",
                self.name,
                images.shape(),
                images.dtype()
            );
        }
        // On the CPU one at a time, because Candle's products of matrices round by their size:
        // each image has the same features in any batch.
        let at_once = if self.device.is_cpu() { 1 } else { count };
        let mut rows = Vec::with_capacity(count);
        for first in (0..count).step_by(at_once.max(1)) {
            let images = images.narrow(0, first, at_once)?;
            let output = self.model.forward(&self.normalize(&images)?)?;
            rows.push(
                output
                    .reshape((at_once, ()))?
                    .narrow(1, 0, self.feature_len)?,
            );
        }
        match rows.is_empty() {
            true => Tensor::zeros((0, self.feature_len), DType::F32, &self.device),
            false => Tensor::cat(&rows, 0),
        }
    }
}

impl TimmNetwork {
    /// `N x S x S x 3` bytes to `N x 3 x S x S` values: over 255, less the mean, over the deviation.
    fn normalize(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        images
            .permute((0, 3, 1, 2))?
            .to_dtype(DType::F32)?
            .contiguous()?
            .broadcast_div(&self.largest)?
            .broadcast_sub(&self.mean)?
            .broadcast_div(&self.deviation)
    }
}

/// Adds a classifier that returns its input, since Candle's models end in one: a row of the
/// identity for each of `width` outputs, zeros for the others, and no bias.
pub(crate) fn add_identity(
    tensors: &mut HashMap<String, Tensor>,
    name: &str,
    width: usize,
    (outputs, inputs): (usize, usize),
) -> candle_core::Result<()> {
    let mut matrix = vec![0_f32; outputs * inputs];
    for diagonal in 0..width {
        matrix[diagonal * inputs + diagonal] = 1.0;
    }
    let weight = Tensor::from_vec(matrix, (outputs, inputs), &Device::Cpu)?;
    let bias = Tensor::zeros(outputs, DType::F32, &Device::Cpu)?;
    tensors.insert(format!("{name}.weight"), weight);
    tensors.insert(format!("{name}.bias"), bias);
    Ok(())
}

/// Candle's message without its backtrace.
fn first_line(error: &candle_core::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_string()
}
