//! The CPU kernels: generic loops over a vector type, compiled once an instruction set.
//!
//! Activations are blocked by sixteen channels, `[channel / 16][pixel][16]`: a block is one AVX-512
//! register, neighbouring pixels of a plane are neighbours in memory, and the distance between
//! them is a constant, so that a tile of pixels is addressed from one pointer. Channel counts are
//! padded to whole blocks with zero weights, and no kernel has a masked tail.

pub(super) mod packing;

mod depthwise;
mod isa;
mod pooled;
mod product;
mod stem;
mod tile;
mod vector;

pub use isa::Isa;

pub(super) use depthwise::{Depthwise, PLANE_WEIGHTS};
pub(super) use product::{Product, Start};
pub(super) use stem::Stem;

/// Channels a block.
pub(super) const BLOCK: usize = 16;

/// The kernels of one instruction set.
///
/// Made only for a set that the processor has, which is what makes calling them safe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels {
    isa: Isa,
    panel: usize,
    product: unsafe fn(&mut Product<'_>),
    pooled: unsafe fn(&mut Product<'_>, usize),
    depthwise: unsafe fn(&mut Depthwise<'_>),
    stem: unsafe fn(&mut Stem<'_>),
    normalize: unsafe fn(&[u8], &mut [f32]),
}

impl Kernels {
    /// The kernels of an instruction set, if the processor has it.
    pub fn new(isa: Isa) -> Option<Self> {
        isa.is_available().then_some(match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::KERNELS,
            _ => portable::KERNELS,
        })
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Outputs a panel of packed weights.
    pub fn panel(&self) -> usize {
        self.panel
    }

    /// A 1x1 convolution.
    pub fn product(&self, mut task: Product<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.product)(&mut task) }
    }

    /// The last 1x1 convolution of several pictures, averaged over pixels; see [`pooled`].
    pub fn pooled(&self, mut task: Product<'_>, pictures: usize) {
        pooled::check(&task, pictures);
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.pooled)(&mut task, pictures) }
    }

    /// A depthwise convolution of one plane.
    pub fn depthwise(&self, mut task: Depthwise<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.depthwise)(&mut task) }
    }

    /// A row of the first convolution.
    pub fn stem(&self, mut task: Stem<'_>) {
        task.check();
        // SAFETY: the processor has the instruction set, and the ranges are checked.
        unsafe { (self.stem)(&mut task) }
    }

    /// Bytes of 0 to 255 to values of -1 to 1.
    pub fn normalize(&self, pixels: &[u8], row: &mut [f32]) {
        // SAFETY: the processor has the instruction set.
        unsafe { (self.normalize)(pixels, row) }
    }
}

macro_rules! kernels {
    ($module:ident, $isa:ident, $($feature:literal)?, rows: $rows:literal, wide: $wide:literal,
     narrow: $narrow:literal, panel: $panel:literal, depthwise: $width:literal) => {
        mod $module {
            //! The kernels compiled for one instruction set.

            use super::vector::$isa as V;
            use super::{Depthwise, Isa, Kernels, Product, Stem};

            pub(super) const KERNELS: Kernels = Kernels {
                isa: Isa::$isa,
                panel: $panel,
                product,
                pooled,
                depthwise,
                stem,
                normalize,
            };

            $(#[target_feature(enable = $feature)])?
            unsafe fn product(task: &mut Product<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::product::product::<V, $rows, $wide, $narrow>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pooled(task: &mut Product<'_>, pictures: usize) {
                // SAFETY: passed on to the caller.
                unsafe { super::pooled::pooled::<V, $rows, $wide, $narrow>(task, pictures) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise(task: &mut Depthwise<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::depthwise::depthwise::<V, $width>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn stem(task: &mut Stem<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::stem::stem::<V, $rows, $wide, $narrow>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn normalize(pixels: &[u8], row: &mut [f32]) {
                super::stem::normalize(pixels, row);
            }
        }
    };
}

// A tile of sums, the weights of one step and one broadcast value fill the registers: 14 x 2 + 2
// + 1 of 32, 6 x 2 + 2 + 1 of 16, 6 x 4 + 4 + 1 of NEON's 32. Rows of 14 pixels divide every
// plane of a 224-pixel picture.
#[cfg(target_arch = "x86_64")]
kernels!(avx512, Avx512, "avx512f", rows: 14, wide: 2, narrow: 1, panel: 32, depthwise: 7);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, Avx2, "avx2,fma", rows: 6, wide: 2, narrow: 2, panel: 16, depthwise: 4);
kernels!(portable, Portable, , rows: 6, wide: 4, narrow: 4, panel: 16, depthwise: 4);
