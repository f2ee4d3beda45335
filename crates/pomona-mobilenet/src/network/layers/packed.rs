//! [`PackedNetwork`]: a network as one operation of Candle's.

use std::fmt::{self, Debug, Formatter};

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor, bail};
use candle_nn::Module;
use pomona_kernels::Isa;

use super::buffers::with_buffers;
use super::forward::Forward;
use super::plan::Plan;
use super::planes::GROUP;
use super::transformer::Transformer;

/// A network with its weights packed for the CPU, from images to features.
///
/// A [`Module`] whose `forward` maps `N x S x S x 3` u8 images on the CPU to `N x feature_len` f32, on
/// the thread that calls it. An image has the same features in any batch. Immutable: threads share
/// one.
pub struct PackedNetwork {
    name: &'static str,
    body: Body,
}

/// The kinds of networks.
enum Body {
    Convolutional(Box<Plan>),
    Transformer(Box<Transformer>),
}

impl Debug for PackedNetwork {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedNetwork")
            .field("name", &self.name)
            .field("isa", &self.isa())
            .finish_non_exhaustive()
    }
}

impl PackedNetwork {
    pub(super) fn convolutional(name: &'static str, plan: Plan) -> Self {
        let body = Body::Convolutional(Box::new(plan));
        Self { name, body }
    }

    pub(super) fn transformer(name: &'static str, transformer: Transformer) -> Self {
        let body = Body::Transformer(Box::new(transformer));
        Self { name, body }
    }

    /// Side of the square input in pixels.
    pub fn input_size(&self) -> usize {
        match &self.body {
            Body::Convolutional(plan) => plan.input_size,
            Body::Transformer(transformer) => transformer.input_size(),
        }
    }

    /// Length of a feature vector.
    pub fn feature_len(&self) -> usize {
        match &self.body {
            Body::Convolutional(plan) => plan.feature_len(),
            Body::Transformer(transformer) => transformer.feature_len(),
        }
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        match &self.body {
            Body::Convolutional(plan) => plan.kernels.isa(),
            Body::Transformer(transformer) => transformer.kernels().isa(),
        }
    }

    /// Minimum size in bytes of the buffers that a thread keeps for this network.
    pub fn scratch_bytes(&self) -> usize {
        let floats: usize = self.sizes().iter().sum();
        floats * size_of::<f32>()
    }

    fn sizes(&self) -> &[usize] {
        match &self.body {
            Body::Convolutional(plan) => &plan.sizes,
            Body::Transformer(transformer) => transformer.sizes(),
        }
    }

    /// Features of `N x S x S x 3` bytes into `N x feature_len` floats, on the calling thread.
    fn run(&self, images: &[u8], features: &mut [f32]) {
        let image = self.input_size() * self.input_size() * 3;
        let length = self.feature_len();
        with_buffers(self.sizes(), |buffers| match &self.body {
            Body::Convolutional(plan) => {
                let forward = Forward {
                    plan,
                    session: plan.kernels.session(),
                };
                let groups = features.chunks_mut(GROUP * length);
                for (images, features) in images.chunks(GROUP * image).zip(groups) {
                    forward.run(buffers, images, features);
                }
            }
            Body::Transformer(transformer) => {
                let features = features.chunks_exact_mut(length);
                for (image, features) in images.chunks_exact(image).zip(features) {
                    transformer.run(buffers, image, features);
                }
            }
        });
    }
}

impl Module for PackedNetwork {
    /// Features of images; see [`PackedNetwork`].
    ///
    /// # Errors
    /// A tensor of another shape or type, or on another device.
    fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        let size = self.input_size();
        let (_, height, width, colors) = images.dims4()?;
        if (height, width, colors) != (size, size, 3) || images.dtype() != DType::U8 {
            bail!(
                "{}: expected images of shape N x {size} x {size} x 3 and type U8, got {:?} of {:?}",
                self.name,
                images.shape(),
                images.dtype()
            );
        }
        images.contiguous()?.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for PackedNetwork {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let CpuStorage::U8(bytes) = storage else {
            bail!("expected images of type U8");
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("expected contiguous images");
        };
        let images = layout.dims()[0];
        let mut features = vec![0.0; images * self.feature_len()];
        self.run(&bytes[start..end], &mut features);
        let shape = Shape::from((images, self.feature_len()));
        Ok((CpuStorage::F32(features), shape))
    }
}
