//! The peak rate at which a core multiplies and adds, to compare the rate of a network with.

use std::hint::black_box;
use std::time::Instant;

use super::BLOCK;
use super::tile::unroll;
use super::vector::Vector;

/// Sums that do not wait for one another: more than the latency of an instruction times the units
/// that execute it, and with both factors no more than AVX2 has registers.
const CHAINS: usize = 14;

/// Multiplications a round of a measurement, in each chain.
const ROUND: usize = 20_000;

/// Multiplies and adds in registers alone, `rounds` times in each chain.
///
/// # Safety
/// The processor has `V`'s instruction set.
#[inline(always)]
pub(super) unsafe fn chains<V: Vector>(rounds: usize) -> f32 {
    // SAFETY: the caller guarantees the instruction set; a vector has at most sixteen lanes.
    unsafe {
        let (factor, addend) = (V::splat(black_box(0.5)), V::splat(black_box(1.0)));
        let mut sums = [addend; CHAINS];
        for _ in 0..rounds {
            unroll!(chain < CHAINS => {
                sums[chain] = sums[chain].mul_add(factor, addend);
            });
        }
        let mut total = sums[0];
        unroll!(chain < CHAINS => {
            total = total.add(sums[chain]);
        });
        let mut lanes = [0.0; BLOCK];
        total.store(lanes.as_mut_ptr());
        lanes.iter().sum()
    }
}

/// Operations a second, a multiplication and an addition being two, of [`chains`] of vectors of
/// `lanes`: the best of some rounds, which other processes disturb least.
pub(super) fn operations(lanes: usize, chains: impl Fn(usize) -> f32) -> f64 {
    let seconds = (0..50)
        .map(|_| {
            let start = Instant::now();
            black_box(chains(ROUND));
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    (2 * CHAINS * ROUND * lanes) as f64 / seconds
}
