//! The CPU kernels: generic loops over a vector type, compiled once an instruction set.
//!
//! Activations are blocked by sixteen channels, `[channel / 16][pixel][16]`: a block is one AVX-512
//! register, neighbouring pixels of a plane are neighbours in memory, and the distance between
//! them is a constant, so that a tile of pixels is addressed from one pointer. Channel counts are
//! padded to whole blocks with zero weights, and no kernel has a masked tail.

pub(super) mod packing;

mod depthwise;
#[cfg(test)]
mod exact;
mod halves;
mod isa;
mod limit;
mod parts;
mod places;
mod pooled;
mod product;
mod stem;
mod tile;
#[cfg(target_arch = "x86_64")]
mod tiles;
mod vector;

pub use isa::{Isa, Precision};

pub(super) use depthwise::{Depthwise, PLANE_WEIGHTS};
pub(super) use places::Places;
pub(super) use product::{Product, Start};
pub(super) use stem::Stem;

/// Channels a block.
pub(super) const BLOCK: usize = 16;

/// Channels a plane of operands in parts.
const PARTS_BLOCK: usize = 2 * BLOCK;

/// The kernels of one instruction set.
///
/// Made only for a set that the processor has, which is what makes calling them safe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels {
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
            (Isa::Amx, Precision::F32) => Some(amx_f32::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Amx, Precision::Bf16) => Some(amx_bf16::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::F32) => Some(avx512::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::Bf16) if is_x86_feature_detected!("avx512bf16") => {
                Some(avx512_bf16::KERNELS)
            }
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::Bf16) => Some(avx512_halves::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, Precision::F32) => Some(avx2::KERNELS),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, Precision::Bf16) => Some(avx2_halves::KERNELS),
            (_, Precision::F32) => Some(portable::KERNELS),
            (_, Precision::Bf16) => Some(portable_halves::KERNELS),
        }
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
    /// first small convolutions are no slower in f32. In a bf16 network they also keep what all
    /// later layers see: rounding them as well takes the lowest cosine with the f32 features from
    /// 0.9995 to 0.995.
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

/// The kernels on a thread that is prepared for them.
pub(super) struct Session<'a> {
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

    /// The last 1x1 convolution of several images, averaged over pixels; see [`pooled`].
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

macro_rules! kernels {
    ($module:ident, $isa:ident, $($feature:literal)?, rows: $rows:literal, wide: $wide:literal,
     narrow: $narrow:literal, panel: $panel:literal, depthwise: $width:literal) => {
        mod $module {
            //! The kernels compiled for one instruction set.

            use super::product::Full;
            use super::vector::{$isa as V, Vector};
            use super::{Depthwise, Isa, Kernels, Product, Stem};

            pub(super) const KERNELS: Kernels = Kernels {
                isa: Isa::$isa,
                panel: $panel,
                parts: 0,
                product,
                pooled,
                depthwise,
                stem,
                normalize,
                lanes: <V as Vector>::LANES,
                chains,
                parts_product: product,
                parts_pooled: pooled,
                parts_depthwise: depthwise,
            };

            $(#[target_feature(enable = $feature)])?
            unsafe fn product(task: &mut Product<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::product::product::<V, Full, $rows, $wide, $narrow>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pooled(task: &mut Product<'_>, images: usize) {
                // SAFETY: passed on to the caller.
                unsafe { super::pooled::pooled::<V, Full, $rows, $wide, $narrow>(task, images) }
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

            $(#[target_feature(enable = $feature)])?
            unsafe fn chains(rounds: usize) -> f32 {
                // SAFETY: passed on to the caller.
                unsafe { super::limit::chains::<V>(rounds) }
            }
        }
    };
}

// A tile of sums, the weights of one step and one broadcast value fill the registers: 14 x 2 + 2
// + 1 of 32, 6 x 2 + 2 + 1 of 16, 6 x 4 + 4 + 1 of NEON's 32. Rows of 14 pixels divide every
// plane of a 224-pixel image.
#[cfg(target_arch = "x86_64")]
kernels!(avx512, Avx512, "avx512f", rows: 14, wide: 2, narrow: 1, panel: 32, depthwise: 7);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, Avx2, "avx2,fma", rows: 6, wide: 2, narrow: 2, panel: 16, depthwise: 4);
kernels!(portable, Portable, , rows: 6, wide: 4, narrow: 4, panel: 16, depthwise: 4);

/// Kernels for operands in one bf16 part, on vectors; those of f32 are of the `base`.
macro_rules! half_kernels {
    ($module:ident, $vector:ident, $base:ident, $($feature:literal)?, rows: $rows:literal,
     wide: $wide:literal, narrow: $narrow:literal, depthwise: $width:literal) => {
        mod $module {
            //! The kernels for operands in one bf16 part, compiled for one instruction set.

            use super::depthwise::depthwise_into;
            use super::halves::{Bf16, Halves};
            use super::parts::Parts;
            use super::vector::$vector as V;
            use super::{$base, Depthwise, Kernels, Product};

            pub(super) const KERNELS: Kernels = Kernels {
                parts: 1,
                parts_product: product,
                parts_pooled: pooled,
                parts_depthwise: depthwise,
                ..$base::KERNELS
            };

            $(#[target_feature(enable = $feature)])?
            unsafe fn product(task: &mut Product<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::product::product::<V, Bf16, $rows, $wide, $narrow>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pooled(task: &mut Product<'_>, images: usize) {
                // SAFETY: passed on to the caller.
                unsafe { super::pooled::pooled::<V, Bf16, $rows, $wide, $narrow>(task, images) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise(task: &mut Depthwise<'_>) {
                // SAFETY: passed on to the caller, who has checked the reach of the parts.
                unsafe {
                    let (to, stride) = (task.output.as_mut_ptr(), task.output_plane);
                    let planes = task.output_planes;
                    depthwise_into::<V, Halves, $width>(task, |plane| {
                        Halves(Parts::new(to, stride, plane, planes))
                    });
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
half_kernels!(avx512_bf16, Avx512Bf16, avx512, "avx512f,avx512bf16", rows: 14, wide: 2, narrow: 1,
    depthwise: 7);
#[cfg(target_arch = "x86_64")]
half_kernels!(avx512_halves, Avx512, avx512, "avx512f", rows: 14, wide: 2, narrow: 1, depthwise: 7);
#[cfg(target_arch = "x86_64")]
half_kernels!(avx2_halves, Avx2, avx2, "avx2,fma", rows: 6, wide: 2, narrow: 2, depthwise: 4);
half_kernels!(portable_halves, Portable, portable, , rows: 6, wide: 4, narrow: 4, depthwise: 4);

/// Kernels on tiles: the first convolution is that of AVX-512, whose weights are packed alike.
#[cfg(target_arch = "x86_64")]
macro_rules! tile_kernels {
    ($module:ident, $parts:literal) => {
        mod $module {
            //! The kernels for operands in a number of bf16 parts.

            use super::depthwise::{Sink, depthwise_into};
            use super::parts::Parts;
            use super::vector::Avx512;
            use super::{Depthwise, Isa, Kernels, Product, avx512};

            pub(super) const KERNELS: Kernels = Kernels {
                isa: Isa::Amx,
                parts: $parts,
                parts_product: product,
                parts_pooled: pooled,
                parts_depthwise: depthwise,
                ..avx512::KERNELS
            };

            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
            unsafe fn product(task: &mut Product<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::tiles::product::<$parts>(task) }
            }

            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
            unsafe fn pooled(task: &mut Product<'_>, images: usize) {
                // SAFETY: passed on to the caller.
                unsafe { super::tiles::pooled::<$parts>(task, images) }
            }

            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
            unsafe fn depthwise(task: &mut Depthwise<'_>) {
                // SAFETY: passed on to the caller, who has checked the reach of the parts.
                unsafe {
                    let (to, stride) = (task.output.as_mut_ptr(), task.output_plane);
                    let planes = task.output_planes;
                    depthwise_into::<Avx512, InParts, 7>(task, |plane| {
                        InParts(Parts::new(to, stride, plane, planes))
                    });
                }
            }

            /// Stores in this many parts.
            #[derive(Clone, Copy)]
            struct InParts(Parts);

            impl Sink<Avx512> for InParts {
                #[inline(always)]
                unsafe fn store(self, pixel: usize, _lane: usize, value: Avx512) {
                    // SAFETY: passed on to the caller.
                    unsafe { self.0.store::<$parts>(pixel, value.0) }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
tile_kernels!(amx_f32, 3);
#[cfg(target_arch = "x86_64")]
tile_kernels!(amx_bf16, 1);
