//! The kernels of layers that MobileNetV2 does not have, and their calls with checks.

use super::activation::Activation;
use super::packing;
use super::{Average, Convolution, Kernels, LayerNorm, MaxPool, Scale, Session, Softmax};

/// The kernels of one instruction set, all in f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerKernels {
    pub convolution: unsafe fn(&mut Convolution<'_>),
    pub activate: unsafe fn(Activation, &mut [f32]),
    pub average: unsafe fn(&mut Average<'_>),
    pub scale: unsafe fn(&mut Scale<'_>),
    pub max_pool: unsafe fn(&mut MaxPool<'_>),
    pub layer_norm: unsafe fn(&mut LayerNorm<'_>),
    pub softmax: unsafe fn(&mut Softmax<'_>),
}

impl Kernels {
    /// Outputs a panel of packed weights.
    pub fn panel(&self) -> usize {
        self.panel
    }

    /// Packs `columns` outputs of `depth` weights each for [`Session::convolution`].
    pub fn pack_convolution(
        &self,
        columns: usize,
        depth: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        packing::pack(columns, depth, self.panel, weight)
    }
}

impl Session<'_> {
    /// A dense convolution.
    pub fn convolution(&self, mut task: Convolution<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.kernels.layers.convolution)(&mut task) }
    }

    /// An activation of some values, a multiple of sixteen, for tests: in networks it follows a layer.
    pub fn activate(&self, activation: Activation, values: &mut [f32]) {
        assert!(values.len().is_multiple_of(super::BLOCK));
        // SAFETY: the processor has the instruction set.
        unsafe { (self.kernels.layers.activate)(activation, values) }
    }

    /// The average over the pixels of planes.
    pub fn average(&self, mut task: Average<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.kernels.layers.average)(&mut task) }
    }

    /// The product of each channel with a number.
    pub fn scale(&self, mut task: Scale<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.kernels.layers.scale)(&mut task) }
    }

    /// The largest values of windows.
    pub fn max_pool(&self, mut task: MaxPool<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.kernels.layers.max_pool)(&mut task) }
    }

    /// Layer normalisation.
    pub fn layer_norm(&self, mut task: LayerNorm<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.kernels.layers.layer_norm)(&mut task) }
    }

    /// Exponentials of scores and their sums.
    pub fn softmax(&self, mut task: Softmax<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.kernels.layers.softmax)(&mut task) }
    }
}
