//! The network as a Candle module: one fused operation on the CPU, Candle's layers elsewhere.

use std::cell::RefCell;

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Shape, Tensor, bail};
use candle_nn::Module;

use super::mobilenet::MobileNetV2;

impl Module for MobileNetV2 {
    /// Features of `N x S x S x 3` u8 images, RGB, `S` being [`input_size`](Self::input_size), as
    /// `N x feature_len` f32 on the same device.
    ///
    /// On the CPU the whole network is one operation on the calling thread, which allocates its
    /// result and nothing else: buffers belong to the thread and serve every call. Images go
    /// through the later layers eight at a time, which share each panel of weights, so that a call
    /// with eight costs less than eight calls. On another device, that of
    /// [`with_device`](Self::with_device), Candle's own layers run.
    ///
    /// # Errors
    /// A tensor of another shape or type, or on a device that the network was not made for.
    fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        self.forward_observed(images, |_| ())
    }
}

impl MobileNetV2 {
    /// [`forward`](Module::forward) that calls `done` with the index of each part as it is
    /// complete, for profiles of the CPU: the blocks 0 to 16, the first with the convolution
    /// before it, and 17 for the last convolution. Blocks on large planes take one image at a time
    /// and the others up to eight. On another device `done` is not called.
    ///
    /// # Errors
    /// As [`forward`](Module::forward).
    pub fn forward_observed(
        &self,
        images: &Tensor,
        done: impl FnMut(usize),
    ) -> candle_core::Result<Tensor> {
        let size = self.input_size();
        let (_, height, width, colors) = images.dims4()?;
        if (height, width, colors) != (size, size, 3) || images.dtype() != DType::U8 {
            bail!(
                "expected images of shape N x {size} x {size} x 3 and type U8, got {:?} of {:?}",
                images.shape(),
                images.dtype()
            );
        }
        match (images.device(), self.layers()) {
            (Device::Cpu, _) => images.contiguous()?.apply_op1_no_bwd(&Fused {
                network: self,
                done: RefCell::new(done),
            }),
            (device, Some(layers)) if layers.device().same_device(device) => {
                layers.forward(images)?.to_dtype(DType::F32)
            }
            (device, layers) => bail!(
                "the images are on {:?}, the network is on {}: make it with \
                 MobileNetV2::with_device for that device",
                device.location(),
                match layers {
                    None => "the CPU alone".to_owned(),
                    Some(layers) => format!("the CPU and {:?}", layers.device().location()),
                }
            ),
        }
    }
}

/// The whole network as one operation over packed weights.
///
/// One operation a block is measurably slower: the rows of a block are still in the first-level
/// cache when its next step reads them, and a tensor between two blocks would have to be
/// allocated, and converted to and from the layout of the kernels.
struct Fused<'a, F> {
    network: &'a MobileNetV2,
    done: RefCell<F>,
}

impl<F: FnMut(usize)> CustomOp1 for Fused<'_, F> {
    fn name(&self) -> &'static str {
        "mobilenet_v2"
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
        let mut features = vec![0.0; images * self.network.feature_len()];
        let mut done = self.done.borrow_mut();
        self.network
            .run(&bytes[start..end], &mut features, &mut *done);
        let shape = Shape::from((images, self.network.feature_len()));
        Ok((CpuStorage::F32(features), shape))
    }
}
