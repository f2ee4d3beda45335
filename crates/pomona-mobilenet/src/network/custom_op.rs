//! The network as a Candle operation.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor, bail};

use super::mobilenet::MobileNetV2;
use super::scratch::Scratch;

impl MobileNetV2 {
    /// Features of a `N x S x S x 3` u8 tensor on the CPU as a `N x feature_len` f32 tensor.
    ///
    /// Allocates a [`Scratch`] a call; [`features_into`](Self::features_into) does not.
    ///
    /// # Errors
    /// A tensor of another shape, type or device.
    pub fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        images.contiguous()?.apply_op1_no_bwd(&Forward(self))
    }
}

struct Forward<'a>(&'a MobileNetV2);

impl CustomOp1 for Forward<'_> {
    fn name(&self) -> &'static str {
        "mobilenet_v2"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let size = self.0.input_size();
        let (pictures, height, width, colors) = layout.shape().dims4()?;
        if (height, width, colors) != (size, size, 3) {
            bail!(
                "expected pictures of shape N x {size} x {size} x 3, got {:?}",
                layout.shape()
            );
        }
        let CpuStorage::U8(bytes) = storage else {
            bail!("expected pictures of type U8");
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("expected contiguous pictures");
        };
        let mut features = vec![0.0; pictures * self.0.feature_len()];
        self.0
            .features_into(&mut Scratch::new(self.0), &bytes[start..end], &mut features);
        let shape = Shape::from((pictures, self.0.feature_len()));
        Ok((CpuStorage::F32(features), shape))
    }
}
