//! Activation functions of vectors, and the exponential that they are made of.

use super::BLOCK;
use super::tile::unroll;
use super::vector::Vector;

/// What follows a layer, value by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// The value, or 0 below it.
    Relu,
    /// [`Activation::Relu`] with 6 above it.
    Relu6,
    /// `x / (1 + e^-x)`, which is also called swish.
    Silu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x (1 + erf(x / √2)) / 2`: the exact definition, that of timm, and not its tanh form.
    Gelu,
}

/// An activation that the compiler knows.
pub(super) trait Apply<V: Vector> {
    /// Its value.
    ///
    /// # Safety
    /// The processor has `V`'s instruction set.
    unsafe fn apply(value: V) -> V;
}

/// [`Activation::Identity`].
pub(super) struct Identity;
/// [`Activation::Relu`].
pub(super) struct Relu;
/// [`Activation::Relu6`].
pub(super) struct Relu6;
/// [`Activation::Silu`].
pub(super) struct Silu;
/// [`Activation::Sigmoid`].
pub(super) struct Sigmoid;
/// [`Activation::Gelu`].
pub(super) struct Gelu;

impl<V: Vector> Apply<V> for Identity {
    #[inline(always)]
    unsafe fn apply(value: V) -> V {
        value
    }
}

impl<V: Vector> Apply<V> for Relu {
    #[inline(always)]
    unsafe fn apply(value: V) -> V {
        // SAFETY: passed on to the caller.
        unsafe { value.max(V::splat(0.0)) }
    }
}

impl<V: Vector> Apply<V> for Relu6 {
    #[inline(always)]
    unsafe fn apply(value: V) -> V {
        // SAFETY: passed on to the caller.
        unsafe { value.relu6() }
    }
}

impl<V: Vector> Apply<V> for Silu {
    #[inline(always)]
    unsafe fn apply(value: V) -> V {
        // SAFETY: passed on to the caller.
        unsafe { value.div(V::splat(1.0).add(exp(V::splat(0.0).sub(value)))) }
    }
}

impl<V: Vector> Apply<V> for Sigmoid {
    #[inline(always)]
    unsafe fn apply(value: V) -> V {
        // SAFETY: passed on to the caller.
        unsafe { V::splat(1.0).div(V::splat(1.0).add(exp(V::splat(0.0).sub(value)))) }
    }
}

impl<V: Vector> Apply<V> for Gelu {
    #[inline(always)]
    unsafe fn apply(value: V) -> V {
        // SAFETY: passed on to the caller.
        unsafe {
            let erf = erf(value.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2)));
            let half = value.mul(V::splat(0.5));
            erf.mul_add(half, half)
        }
    }
}

/// Applies an activation to `count` values, a multiple of sixteen.
///
/// # Safety
/// The processor has `V`'s instruction set, and `values` is valid for `count` values.
#[inline(always)]
pub(super) unsafe fn activate<V: Vector>(activation: Activation, values: *mut f32, count: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        match activation {
            Activation::Identity => {}
            Activation::Relu => each::<V, Relu>(values, count),
            Activation::Relu6 => each::<V, Relu6>(values, count),
            Activation::Silu => each::<V, Silu>(values, count),
            Activation::Sigmoid => each::<V, Sigmoid>(values, count),
            Activation::Gelu => each::<V, Gelu>(values, count),
        }
    }
}

#[inline(always)]
unsafe fn each<V: Vector, A: Apply<V>>(values: *mut f32, count: usize) {
    debug_assert!(count.is_multiple_of(BLOCK));
    for first in (0..count).step_by(V::LANES) {
        // SAFETY: a multiple of sixteen values is a whole number of vectors.
        unsafe {
            let at = values.add(first);
            A::apply(V::load(at)).store(at);
        }
    }
}

/// 1.5 x 2^23: added to a number below 2^22, it leaves the nearest whole number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// ln 2 in two parts, the first of nine bits, so that its product with an exponent is exact.
const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];

/// e^x, to 1.2e-7 of it from -87 to 88; below and above, its values at these ends.
///
/// Cephes' `expf`: `2^n e^r`, |r| at most ln 2 / 2, with a polynomial of degree 6 for `e^r`.
///
/// # Safety
/// The processor has `V`'s instruction set.
#[inline(always)]
pub(super) unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: passed on to the caller.
    unsafe {
        let x = x.min(V::splat(88.0)).max(V::splat(-87.0));
        let rounded = x.mul_add(V::splat(std::f32::consts::LOG2_E), V::splat(ROUND));
        let n = rounded.sub(V::splat(ROUND));
        let r = n.mul_add(V::splat(-LN_2[0]), x);
        let r = n.mul_add(V::splat(-LN_2[1]), r);
        let p = V::splat(1.987_569_1e-4);
        let p = p.mul_add(r, V::splat(1.398_199_9e-3));
        let p = p.mul_add(r, V::splat(8.333_452e-3));
        let p = p.mul_add(r, V::splat(4.166_579_6e-2));
        let p = p.mul_add(r, V::splat(1.666_666_5e-1));
        let p = p.mul_add(r, V::splat(0.5));
        let p = p.mul_add(r.mul(r), r.add(V::splat(1.0)));
        // The exponent's field is n + 127; what the shift drops belongs to the constant.
        p.mul(rounded.add(V::splat(127.0)).shift_left_23())
    }
}

/// erf(x) with an absolute error below 5e-7: a rational function of x on -4 to 4, where f32 has
/// reached 1, as Eigen and XLA have it.
///
/// # Safety
/// The processor has `V`'s instruction set.
#[inline(always)]
unsafe fn erf<V: Vector>(x: V) -> V {
    const NUMERATOR: [f32; 7] = [
        -2.726_142_4e-10,
        2.770_681_5e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_4e-2,
    ];
    const DENOMINATOR: [f32; 5] = [
        -1.456_607_2e-5,
        -2.133_740_6e-4,
        -1.682_827e-3,
        -7.373_329e-3,
        -1.426_474e-2,
    ];
    // SAFETY: passed on to the caller.
    unsafe {
        let x = x.min(V::splat(4.0)).max(V::splat(-4.0));
        let square = x.mul(x);
        x.mul(horner(&NUMERATOR, square))
            .div(horner(&DENOMINATOR, square))
    }
}

/// A polynomial, the coefficient of the highest power first.
///
/// # Safety
/// The processor has `V`'s instruction set.
#[inline(always)]
unsafe fn horner<V: Vector, const COUNT: usize>(coefficients: &[f32; COUNT], x: V) -> V {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut value = V::splat(coefficients[0]);
        unroll!(index < COUNT => {
            if index > 0 {
                value = value.mul_add(x, V::splat(coefficients[index]));
            }
        });
        value
    }
}
