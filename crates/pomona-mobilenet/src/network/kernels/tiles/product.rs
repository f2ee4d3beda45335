//! 1x1 convolution on tiles, with all that follows it.

use std::arch::x86_64::*;

use super::super::BLOCK;
use super::super::product::{Product, Start};
use super::multiply::{narrow, store, units, wide};
use super::parts::Parts;
use super::{SIDE, Sums, TILE};

/// Checks that every access the kernels will make is inside its slice.
///
/// Tiles have sixteen pixels: the input must be readable, though not meaningful, up to a multiple
/// of sixteen pixels.
pub(in super::super) fn check(task: &Product<'_>, parts: usize) {
    if task.pixels == 0 {
        return;
    }
    check_operands(task, parts, task.pixels);
    let last = match task.places {
        None => (task.pixels - 1) * BLOCK,
        Some(places) => {
            let places = &places[..task.pixels];
            places.iter().copied().max().unwrap_or(0) as usize
        }
    };
    let planes = task.columns / BLOCK;
    let reach = (planes - 1) * task.output_plane + last + BLOCK;
    assert!(reach <= task.output.len());
    // The kernel has these two uses only: expansions, and projections.
    assert!(task.parts != task.relu6 && task.relu6 == task.places.is_some());
    if task.parts {
        let reach = Parts::reach(parts, task.output_plane, planes, task.pixels);
        assert!(planes * task.output_plane + reach <= task.output.len());
    }
    match task.start {
        Start::Bias => {}
        Start::Residual(residual) => assert!(task.places.is_none() && reach <= residual.len()),
        Start::Output => panic!("sums over some channels only are not kept in parts"),
    }
}

/// The part of [`check`] that concerns what is read.
pub(super) fn check_operands(task: &Product<'_>, parts: usize, pixels: usize) {
    let units = units(task.depth);
    let rows = pixels.next_multiple_of(SIDE);
    assert!(units > 0 && (parts * units - 1) * task.input_plane + rows * BLOCK <= task.input.len());
    assert!(task.columns > 0 && task.columns.is_multiple_of(SIDE));
    assert!(task.weights.len() >= task.columns / SIDE * units * parts * TILE);
    assert!(task.bias.len() >= task.columns);
}

/// Computes a product of operands in `PARTS` parts.
///
/// The tile unit multiplies for one block of pixels and columns while the vector unit finishes the
/// block before it: the sums of a block are stored only after the other's have been read.
///
/// # Safety
/// The tile unit is configured, the processor has AVX-512F, BW and BF16, and [`check`] has passed.
#[inline(always)]
pub(in super::super) unsafe fn product<const PARTS: usize>(task: &mut Product<'_>) {
    let mut sums = Sums([[0.0; TILE]; 4]);
    let mut before = None;
    let mut column = 0;
    // SAFETY: columns and pixels stay inside the checked ranges.
    unsafe {
        while column + 2 * SIDE <= task.columns {
            let mut pixel = 0;
            while pixel + SIDE < task.pixels {
                wide::<PARTS>(task, column, pixel);
                if let Some((column, pixel)) = before {
                    finish::<PARTS, 2>(task, &sums, column, pixel);
                }
                store(&mut sums);
                before = Some((column, pixel));
                pixel += 2 * SIDE;
            }
            if pixel < task.pixels {
                if let Some((column, pixel)) = before.take() {
                    finish::<PARTS, 2>(task, &sums, column, pixel);
                }
                let [first, second, ..] = &mut sums.0;
                narrow::<PARTS>(task, first, column, pixel);
                narrow::<PARTS>(task, second, column + SIDE, pixel);
                finish::<PARTS, 2>(task, &sums, column, pixel);
            }
            column += 2 * SIDE;
        }
        if let Some((column, pixel)) = before {
            finish::<PARTS, 2>(task, &sums, column, pixel);
        }
        if column < task.columns {
            for pixel in (0..task.pixels).step_by(2 * SIDE) {
                let [first, _, third, _] = &mut sums.0;
                narrow::<PARTS>(task, first, column, pixel);
                if pixel + SIDE < task.pixels {
                    narrow::<PARTS>(task, third, column, pixel + SIDE);
                }
                finish::<PARTS, 1>(task, &sums, column, pixel);
            }
        }
    }
}

/// Takes a block of sums, `COLUMNS` tiles wide, through residual and ReLU6 to the output, those
/// pixels that exist.
#[inline(always)]
unsafe fn finish<const PARTS: usize, const COLUMNS: usize>(
    task: &mut Product<'_>,
    sums: &Sums,
    column: usize,
    pixel: usize,
) {
    let rows = (2 * SIDE).min(task.pixels - pixel);
    let (stride, planes, plane) = (task.output_plane, task.columns / BLOCK, column / BLOCK);
    // SAFETY: `check` has compared the furthest place with the slices.
    unsafe {
        let output = task.output.as_mut_ptr();
        let to = output.add(plane * stride);
        if let Some(places) = task.places {
            let places = places.as_ptr().add(pixel);
            let (zero, six) = (_mm512_setzero_ps(), _mm512_set1_ps(6.0));
            for row in 0..rows {
                let to = to.add(*places.add(row) as usize);
                for tile in 0..COLUMNS {
                    let value = sums.row(row, tile);
                    let value = _mm512_min_ps(_mm512_max_ps(value, zero), six);
                    _mm512_storeu_ps(to.add(tile * stride), value);
                }
            }
            return;
        }
        let to = to.add(pixel * BLOCK);
        let parts = output.add(planes * stride + pixel * BLOCK);
        if let Start::Residual(residual) = task.start {
            let residual = residual.as_ptr().add(plane * stride + pixel * BLOCK);
            for tile in 0..COLUMNS {
                let parts = Parts::new(parts, stride, plane + tile, planes);
                for row in 0..rows {
                    let offset = tile * stride + row * BLOCK;
                    let residual = _mm512_loadu_ps(residual.add(offset));
                    let value = _mm512_add_ps(sums.row(row, tile), residual);
                    _mm512_storeu_ps(to.add(offset), value);
                    parts.store::<PARTS>(row, value);
                }
            }
        } else {
            for tile in 0..COLUMNS {
                let parts = Parts::new(parts, stride, plane + tile, planes);
                for row in 0..rows {
                    let value = sums.row(row, tile);
                    _mm512_storeu_ps(to.add(tile * stride + row * BLOCK), value);
                    parts.store::<PARTS>(row, value);
                }
            }
        }
    }
}
