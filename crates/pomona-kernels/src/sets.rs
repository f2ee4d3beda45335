//! The generic kernels, compiled once for each instruction set.

use super::Activation;
#[cfg(target_arch = "x86_64")]
use super::tiles;
use super::{Average, Convolution, Depthwise, Isa, Kernels, LayerNorm, MaxPool, Product};
use super::{Scale, Softmax, Stem};
use super::{activation, convolution, depthwise, halves, layer_norm, layers, limit, parts, pooled};
use super::{pooling, product, softmax, stem, vector};

macro_rules! kernels {
    ($module:ident, $isa:ident, $($feature:literal)?, rows: $rows:literal, wide: $wide:literal,
     narrow: $narrow:literal, panel: $panel:literal, depthwise: $width:literal) => {
        pub(super) mod $module {
            //! The kernels compiled for one instruction set.

            use super::product::Full;
            use super::layers::LayerKernels;
            use super::vector::{$isa as V, Vector};
            use super::Activation;
            use super::{Average, Convolution, Depthwise, Isa, Kernels, LayerNorm};
            use super::{MaxPool, Product, Scale, Softmax, Stem};

            pub(in super::super) const KERNELS: Kernels = Kernels {
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
                layers: LayerKernels {
                    convolution,
                    activate,
                    average,
                    scale,
                    max_pool,
                    layer_norm,
                    softmax,
                },
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

            $(#[target_feature(enable = $feature)])?
            unsafe fn convolution_16(task: &mut Convolution<'_>) {
                // SAFETY: passed on to the caller.
                unsafe {
                    super::convolution::convolution::<V, $rows, $wide, $narrow, 16>(task);
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn convolution_32(task: &mut Convolution<'_>) {
                // SAFETY: passed on to the caller.
                unsafe {
                    super::convolution::convolution::<V, $rows, $wide, $narrow, 32>(task);
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn convolution_6(task: &mut Convolution<'_>) {
                // SAFETY: passed on to the caller.
                unsafe {
                    super::convolution::convolution::<V, $rows, $wide, $narrow, 6>(task);
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn convolution_42(task: &mut Convolution<'_>) {
                // SAFETY: passed on to the caller.
                unsafe {
                    super::convolution::convolution::<V, $rows, $wide, $narrow, 42>(task);
                }
            }

            unsafe fn convolution(task: &mut Convolution<'_>) {
                // SAFETY: passed on to the caller.
                unsafe {
                    match task.step {
                        16 => convolution_16(task),
                        32 => convolution_32(task),
                        6 => convolution_6(task),
                        _ => convolution_42(task),
                    }
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn activate(activation: Activation, values: &mut [f32]) {
                // SAFETY: passed on to the caller.
                unsafe {
                    super::activation::activate::<V>(activation, values.as_mut_ptr(), values.len());
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn average(task: &mut Average<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::pooling::average::<V>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn scale(task: &mut Scale<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::pooling::scale::<V>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn max_pool(task: &mut MaxPool<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::pooling::max_pool::<V>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn layer_norm(task: &mut LayerNorm<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::layer_norm::layer_norm::<V>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn softmax(task: &mut Softmax<'_>) {
                // SAFETY: passed on to the caller.
                unsafe { super::softmax::softmax::<V>(task) }
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
        pub(super) mod $module {
            //! The kernels for operands in one bf16 part, compiled for one instruction set.

            use super::activation::Relu6;
            use super::depthwise::depthwise_into;
            use super::halves::{Bf16, Halves};
            use super::parts::Parts;
            use super::vector::$vector as V;
            use super::{$base, Depthwise, Kernels, Product};

            pub(in super::super) const KERNELS: Kernels = Kernels {
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
                    depthwise_into::<V, Halves, Relu6, 3, 10, $width>(task, |plane| {
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
        pub(super) mod $module {
            //! The kernels for operands in a number of bf16 parts.

            use super::activation::Relu6;
            use super::depthwise::{Sink, depthwise_into};
            use super::parts::Parts;
            use super::vector::Avx512;
            use super::{Depthwise, Isa, Kernels, Product, avx512};

            pub(in super::super) const KERNELS: Kernels = Kernels {
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
                    depthwise_into::<Avx512, InParts, Relu6, 3, 10, 7>(task, |plane| {
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
