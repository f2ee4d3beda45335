//! Networks with timm's weights and timm's transform: packed for the CPU, Candle's models elsewhere.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, bail};
use candle_nn::{Module, VarBuilder};
use pomona_mobilenet::network::layers::{Normalization, PackedNetwork, Parameters};
use pomona_mobilenet::network::{Backbone, Isa, Preprocessing, Resize, WeightsError};
use pomona_weights::{Repository, WeightsFile};

use crate::{BackboneError, BackboneFactory, Target, WeightsDeclaration};

/// The files of timm's repositories, the best first.
const FILES: &[&str] = &["model.safetensors", "pytorch_model.bin"];

/// timm's `IMAGENET_DEFAULT_MEAN` and `IMAGENET_DEFAULT_STD`.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// A model of Candle's.
pub(crate) type CandleModel = Box<dyn Module + Send + Sync>;

/// A network of timm's.
pub(crate) struct Timm {
    pub name: &'static str,
    /// The name of its repository, of the owner `timm`.
    pub repository: &'static str,
    pub feature_len: usize,
    pub input_size: usize,
    /// timm's `crop_pct`.
    pub crop: f64,
    /// The network for the CPU.
    pub pack: fn(&Parameters, Isa) -> Result<PackedNetwork, WeightsError>,
    /// Changes and adds tensors before Candle's model is built.
    pub prepare: fn(&mut HashMap<String, Tensor>) -> candle_core::Result<()>,
    /// Candle's model of these tensors, for other devices; its first outputs are the features.
    pub build: fn(VarBuilder<'static>) -> candle_core::Result<CandleModel>,
}

/// What the first layer of these networks reads of a byte.
pub(crate) fn normalization() -> Normalization {
    Normalization::new(MEAN, DEVIATION)
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
        let model = if target.device.is_cpu() {
            let isa = Isa::chosen().map_err(WeightsError::from)?;
            let packed = (self.pack)(&Parameters::new(tensors), isa);
            Model::Packed(packed.map_err(|error| refuse(error.to_string()))?)
        } else {
            (self.prepare)(&mut tensors)?;
            let tensors = VarBuilder::from_tensors(tensors, DType::F32, &target.device);
            let layers = (self.build)(tensors).map_err(|error| refuse(first_line(&error)))?;
            Model::Candle(Layers::new(layers, &target.device)?)
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
    model: Model,
}

/// What computes.
enum Model {
    /// The kernels, on the CPU.
    Packed(PackedNetwork),
    /// Candle's layers, on another device.
    Candle(Layers),
}

/// Candle's layers behind the normalisation of the images.
struct Layers {
    layers: CandleModel,
    /// 255, the mean and the deviation of red, green and blue, `1 x 3 x 1 x 1`.
    largest: Tensor,
    mean: Tensor,
    deviation: Tensor,
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
        let layers = match &self.model {
            Model::Packed(network) => return network.forward(images),
            Model::Candle(layers) => layers,
        };
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
        if count == 0 {
            return Tensor::zeros((0, self.feature_len), DType::F32, &self.device);
        }
        let output = layers.layers.forward(&layers.normalize(images)?)?;
        output.reshape((count, ()))?.narrow(1, 0, self.feature_len)
    }
}

impl Layers {
    fn new(layers: CandleModel, device: &Device) -> candle_core::Result<Self> {
        let channels = |values: [f32; 3]| {
            Tensor::from_slice(&values, (1, 3, 1, 1), &Device::Cpu)?.to_device(device)
        };
        Ok(Self {
            layers,
            largest: channels([255.0; 3])?,
            mean: channels(MEAN)?,
            deviation: channels(DEVIATION)?,
        })
    }

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
