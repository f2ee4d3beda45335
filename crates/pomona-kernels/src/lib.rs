//! The CPU kernels: generic loops over a vector type, compiled once an instruction set.
//!
//! Activations are blocked by sixteen channels, `[channel / 16][pixel][16]`: a block is one AVX-512
//! register, neighbouring pixels of a plane are neighbours in memory, and the distance between
//! them is a constant, so that a tile of pixels is addressed from one pointer. Channel counts are
//! padded to whole blocks with zero weights, and no kernel has a masked tail.

#![expect(
    unsafe_code,
    reason = "vector instructions and tiles, behind checks of the processor and of every range"
)]

pub mod packing;

mod activation;
mod convolution;
mod depthwise;
mod halves;
mod isa;
mod layer_norm;
mod layers;
mod limit;
mod parts;
mod places;
mod pooled;
mod pooling;
mod product;
mod sets;
mod softmax;
mod stem;
mod tile;
#[cfg(target_arch = "x86_64")]
mod tiles;
mod vector;

pub use activation::Activation;
pub use convolution::{Base, Convolution, Run, Strides};
pub use depthwise::{Depthwise, PLANE_WEIGHTS, plane_weights};
pub use isa::{Isa, IsaError, Precision};
pub use layer_norm::LayerNorm;
pub use places::Places;
pub use pooling::{Average, MaxPool, Scale};
pub use product::{Product, Start};
pub use softmax::{MOST_ROWS, Softmax};
pub use stem::Stem;

/// Channels a block.
pub const BLOCK: usize = 16;

/// Channels a plane of operands in parts.
const PARTS_BLOCK: usize = 2 * BLOCK;

/// The kernels of one instruction set.
///
/// Constructed only for a set that the processor has, so that calling them is safe.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    isa: Isa,
    /// Outputs a panel of packed weights.
    panel: usize,
    /// bf16 parts that dense operands are stored in; none if they are f32.
    parts: usize,
    /// Operands in f32.
    product: unsafe fn(&mut Product<'_>),
    pooled: unsafe fn(&mut Product<'_>, usize),
    depthwise: unsafe fn(&mut Depthwise<'_>),
    stem: unsafe fn(&mut Stem<'_>),
    normalize: unsafe fn(&[u8], &mut [f32]),
    /// Lanes of a vector, and multiplications in registers alone.
    lanes: usize,
    chains: unsafe fn(usize) -> f32,
    /// The layers of networks other than MobileNetV2.
    layers: layers::LayerKernels,
    /// Operands in parts; those of f32 where there are none.
    parts_product: unsafe fn(&mut Product<'_>),
    parts_pooled: unsafe fn(&mut Product<'_>, usize),
    parts_depthwise: unsafe fn(&mut Depthwise<'_>),
}

impl Kernels {
    /// The kernels of an instruction set and precision, if the processor has them.
    pub fn new(isa: Isa, precision: Precision) -> Option<Self> {
        if !isa.is_available() {
            return None;
        }
        match (isa, precision) {
            #[cfg(target_arch = "x86_64")]
            (Isa::Amx, Precision::F32) => Some(sets::amx_f32::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Amx, Precision::Bf16) => Some(sets::amx_bf16::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::F32) => Some(sets::avx512::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::Bf16) if is_x86_feature_detected!("avx512bf16") => {
                Some(sets::avx512_bf16::KERNELS)
            }
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::Bf16) => Some(sets::avx512_halves::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, Precision::F32) => Some(sets::avx2::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, Precision::Bf16) => Some(sets::avx2_halves::KERNELS),
            (_, Precision::F32) => Some(sets::portable::KERNELS),
            (_, Precision::Bf16) => Some(sets::portable_halves::KERNELS),
        }
    }

    /// All kernels that this processor has, of every instruction set and precision, and the emulation of bf16
    /// products where it has the instruction.
    pub fn all() -> Vec<Self> {
        let kernels = Isa::ALL
            .into_iter()
            .flat_map(|isa| [Precision::F32, Precision::Bf16].map(|precision| (isa, precision)))
            .filter_map(|(isa, precision)| Self::new(isa, precision));
        #[cfg(target_arch = "x86_64")]
        let kernels = kernels.chain(
            Isa::Avx512
                .is_available()
                .then_some(sets::avx512_halves::KERNELS),
        );
        kernels.collect()
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Operations of f32 a second that one core's multipliers do at best, measured now.
    pub fn limit(&self) -> f64 {
        // SAFETY: the processor has the instruction set.
        limit::operations(self.lanes, |rounds| unsafe { (self.chains)(rounds) })
    }

    /// Whether a 1x1 convolution should read its operand in parts.
    ///
    /// A tile multiplies 32 channels by 16 outputs whether they are there or not, so that the
    /// first small convolutions are no slower in f32. In a bf16 network they also determine the
    /// input of all later layers: rounding them as well lowers the smallest cosine with the f32
    /// features from 0.9995 to 0.995.
    ///
    /// What this leaves in f32 never feeds what it does not: a convolution to 16 channels or fewer
    /// comes before one from as many.
    pub fn in_parts(&self, depth: usize, columns: usize) -> bool {
        self.parts > 0 && depth >= 2 * BLOCK && columns > BLOCK
    }

    /// Planes, of 16 floats a pixel, of some channels in parts.
    pub fn part_planes(&self, channels: usize) -> usize {
        self.parts * channels.div_ceil(PARTS_BLOCK)
    }

    /// Packs `columns` outputs of `depth` weights each for [`Session::product`].
    pub fn pack_product(
        &self,
        in_parts: bool,
        columns: usize,
        depth: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        if in_parts {
            parts::pack(self.parts, columns, depth, weight)
        } else {
            packing::pack(columns, depth, self.panel, weight)
        }
    }

    /// Packs the outputs of the first convolution for [`Session::stem`].
    pub fn pack_stem(&self, columns: usize, weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        packing::pack(columns, 27, self.panel, weight)
    }

    /// Floats of packed weights before those of a column, a multiple of 32.
    pub fn weights_before(&self, in_parts: bool, column: usize, depth: usize) -> usize {
        if in_parts {
            column * self.parts * depth.next_multiple_of(PARTS_BLOCK) / 2
        } else {
            column * depth
        }
    }

    /// Prepares the calling thread for the kernels.
    pub fn session(&self) -> Session<'_> {
        #[cfg(target_arch = "x86_64")]
        if self.isa == Isa::Amx {
            // SAFETY: kernels on tiles are made only where the tile unit is available.
            unsafe { pomona_amx::configure() }
        }
        let kernels = self;
        Session { kernels }
    }
}

/// The kernels on a prepared thread.
pub struct Session<'a> {
    kernels: &'a Kernels,
}

impl Session<'_> {
    /// A 1x1 convolution.
    pub fn product(&self, mut task: Product<'_>) {
        if task.in_parts {
            parts::check(&task, self.kernels.parts);
            // SAFETY: the processor has the instruction set, and the ranges are checked.
            unsafe { (self.kernels.parts_product)(&mut task) }
        } else {
            task.check();
            // SAFETY: the processor has the instruction set, and the ranges are checked.
            unsafe { (self.kernels.product)(&mut task) }
        }
    }

    /// The last 1x1 convolution of several images, averaged over pixels.
    pub fn pooled(&self, mut task: Product<'_>, images: usize) {
        if task.in_parts {
            parts::check_pooled(&task, images, self.kernels.parts);
            // SAFETY: the processor has the instruction set, and the ranges are checked.
            unsafe { (self.kernels.parts_pooled)(&mut task, images) }
        } else {
            pooled::check(&task, images);
            // SAFETY: the processor has the instruction set, and the ranges are checked.
            unsafe { (self.kernels.pooled)(&mut task, images) }
        }
    }

    /// A depthwise convolution of some planes.
    pub fn depthwise(&self, mut task: Depthwise<'_>) {
        if task.in_parts {
            task.check(self.kernels.parts);
            // SAFETY: the processor has the instruction set, and the ranges are checked.
            unsafe { (self.kernels.parts_depthwise)(&mut task) }
        } else {
            task.check(0);
            // SAFETY: the processor has the instruction set, and the ranges are checked.
            unsafe { (self.kernels.depthwise)(&mut task) }
        }
    }

    /// A row of the first convolution.
    pub fn stem(&self, mut task: Stem<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.kernels.stem)(&mut task) }
    }

    /// Bytes of 0 to 255 to values of -1 to 1.
    pub fn normalize(&self, pixels: &[u8], row: &mut [f32]) {
        // SAFETY: the processor has the instruction set.
        unsafe { (self.kernels.normalize)(pixels, row) }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if self.kernels.isa == Isa::Amx {
            // SAFETY: the session has configured the tile unit.
            unsafe { pomona_amx::release() }
        }
    }
}
