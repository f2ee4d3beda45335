//! The handful of vector operations that the kernels are written in, one type an instruction set.

/// A vector of f32.
///
/// Generic kernels over this trait are inlined into one function an instruction set, which is
/// compiled with that set enabled; see [`super::Kernels`].
///
/// # Safety
/// Every method may only run on a processor with the type's instruction set; pointers must be
/// valid for `LANES` values. No alignment is needed.
pub(super) trait Vector: Copy {
    /// Values a vector.
    const LANES: usize;

    /// All lanes equal.
    unsafe fn splat(value: f32) -> Self;
    /// Reads `LANES` values.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes `LANES` values.
    unsafe fn store(self, to: *mut f32);
    /// `self * factor + addend`, rounded once where the processor can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * other`.
    unsafe fn mul(self, other: Self) -> Self;
    /// `self / other`.
    unsafe fn div(self, other: Self) -> Self;
    /// The larger of two numbers.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller of two numbers.
    unsafe fn min(self, other: Self) -> Self;
    /// The bits shifted left by 23, the width of a significand: the lowest nine become sign and exponent.
    unsafe fn shift_left_23(self) -> Self;
    /// Clamped to 0 and 6.
    unsafe fn relu6(self) -> Self;
}

/// Four lanes without intrinsics.
///
/// Every array operation here is one SSE2 or NEON instruction once the compiler has vectorised it:
/// aarch64 always has NEON, so this is also the NEON path.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 4]);

impl Vector for Portable {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees four values.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller guarantees four values.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            let (a, b, c) = (self.0[lane], factor.0[lane], addend.0[lane]);
            // Without the instruction, a fused multiply-add is a slow library call.
            if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                a.mul_add(b, c)
            } else {
                a * b + c
            }
        }))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * other.0[lane]))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] / other.0[lane]))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            let (a, b) = (self.0[lane], other.0[lane]);
            if a > b { a } else { b }
        }))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            let (a, b) = (self.0[lane], other.0[lane]);
            if a < b { a } else { b }
        }))
    }

    #[inline(always)]
    unsafe fn shift_left_23(self) -> Self {
        Self(self.0.map(|value| f32::from_bits(value.to_bits() << 23)))
    }

    #[inline(always)]
    unsafe fn relu6(self) -> Self {
        Self(self.0.map(|value| {
            let positive = if value > 0.0 { value } else { 0.0 };
            if positive < 6.0 { positive } else { 6.0 }
        }))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Avx512Bf16};

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Vectors of the two x86 instruction sets that are chosen at run time.

    use std::arch::x86_64::*;

    use super::super::BLOCK;
    use super::super::tile::{Tile, unroll};
    use super::Vector;

    /// Eight lanes of AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256);

    /// Sixteen lanes of AVX-512F.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(pub(in super::super) __m512);

    /// Sixteen lanes of AVX-512F on a processor that has AVX512_BF16 too.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512Bf16(__m512);

    impl Avx512Bf16 {
        /// Adds the products of a pair of bf16 channels of each pixel with those of the weights.
        ///
        /// # Safety
        /// As [`Vector`]; `pixels` is valid for a pair at every [`BLOCK`] of `ROWS` pixels, and
        /// each of `weights` for sixteen pairs.
        #[inline(always)]
        pub(crate) unsafe fn dot_step<const ROWS: usize, const VECTORS: usize>(
            tile: &mut Tile<Self, ROWS, VECTORS>,
            pixels: *const f32,
            weights: [*const f32; VECTORS],
        ) {
            // SAFETY: passed on to the caller; all bits are valid pairs of bf16.
            unsafe {
                let pairs = |values: __m512| std::mem::transmute::<__m512, __m512bh>(values);
                let mut loaded = [pairs(_mm512_setzero_ps()); VECTORS];
                unroll!(vector < VECTORS => {
                    loaded[vector] = pairs(_mm512_loadu_ps(weights[vector]));
                });
                unroll!(row < ROWS => {
                    let value = pairs(_mm512_set1_ps(*pixels.add(row * BLOCK)));
                    unroll!(vector < VECTORS => {
                        let sum = tile[row][vector].0;
                        tile[row][vector].0 = _mm512_dpbf16_ps(sum, value, loaded[vector]);
                    });
                });
            }
        }

        /// Stores each lane as the nearest bf16.
        ///
        /// # Safety
        /// As [`Vector`]; `to` is valid for sixteen values.
        #[inline(always)]
        pub(crate) unsafe fn store_nearest(self, to: *mut u16) {
            // SAFETY: passed on to the caller.
            unsafe {
                let halves = std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(self.0));
                _mm256_storeu_si256(to.cast(), halves);
            }
        }
    }

    macro_rules! vector {
        ($type:ident, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fma:ident,
         $add:ident, $sub:ident, $mul:ident, $div:ident, $max:ident, $min:ident, $zero:ident,
         $shift:ident, $to_bits:ident, $from_bits:ident) => {
            impl Vector for $type {
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $splat(value) })
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the caller guarantees the instruction set and the values.
                    Self(unsafe { $load(from) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the caller guarantees the instruction set and the values.
                    unsafe { $store(to, self.0) }
                }

                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $fma(self.0, factor.0, addend.0) })
                }

                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn sub(self, other: Self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $sub(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn mul(self, other: Self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $mul(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn div(self, other: Self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $div(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn max(self, other: Self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $max(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn min(self, other: Self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $min(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn shift_left_23(self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $from_bits($shift::<23>($to_bits(self.0))) })
                }

                #[inline(always)]
                unsafe fn relu6(self) -> Self {
                    // SAFETY: the caller guarantees the instruction set.
                    Self(unsafe { $min($max(self.0, $zero()), $splat(6.0)) })
                }
            }
        };
    }

    vector!(
        Avx2,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_div_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        _mm256_setzero_ps,
        _mm256_slli_epi32,
        _mm256_castps_si256,
        _mm256_castsi256_ps
    );
    vector!(
        Avx512Bf16,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        _mm512_setzero_ps,
        _mm512_slli_epi32,
        _mm512_castps_si512,
        _mm512_castsi512_ps
    );
    vector!(
        Avx512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        _mm512_setzero_ps,
        _mm512_slli_epi32,
        _mm512_castps_si512,
        _mm512_castsi512_ps
    );
}
