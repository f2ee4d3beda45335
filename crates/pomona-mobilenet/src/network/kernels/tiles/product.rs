//! 1x1 convolution on tiles, with all that follows it.

use std::arch::x86_64::*;

use super::super::BLOCK;
use super::super::product::{Product, Start};
use super::multiply::{narrow, units, wide};
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
    if task.parts {
        assert!(task.places.is_none());
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
/// # Safety
/// The tile unit is configured, the processor has AVX-512F, BW and BF16, and [`check`] has passed.
#[inline(always)]
pub(in super::super) unsafe fn product<const PARTS: usize>(task: &mut Product<'_>) {
    let mut sums = Sums([[0.0; TILE]; 4]);
    let mut column = 0;
    // SAFETY: columns and pixels stay inside the checked ranges.
    unsafe {
        while column + 2 * SIDE <= task.columns {
            let mut pixel = 0;
            while pixel + SIDE < task.pixels {
                wide::<PARTS>(task, &mut sums, column, pixel);
                for (index, sums) in sums.0.iter().enumerate() {
                    let (column, pixel) = (column + index % 2 * SIDE, pixel + index / 2 * SIDE);
                    finish::<PARTS>(task, sums, column, pixel);
                }
                pixel += 2 * SIDE;
            }
            if pixel < task.pixels {
                for column in [column, column + SIDE] {
                    narrow::<PARTS>(task, &mut sums.0[0], column, pixel);
                    finish::<PARTS>(task, &sums.0[0], column, pixel);
                }
            }
            column += 2 * SIDE;
        }
        if column < task.columns {
            for pixel in (0..task.pixels).step_by(SIDE) {
                narrow::<PARTS>(task, &mut sums.0[0], column, pixel);
                finish::<PARTS>(task, &sums.0[0], column, pixel);
            }
        }
    }
}

/// Takes a tile of sums through residual and ReLU6 to the output, those pixels that exist.
#[inline(always)]
unsafe fn finish<const PARTS: usize>(
    task: &mut Product<'_>,
    sums: &[f32; TILE],
    column: usize,
    pixel: usize,
) {
    let rows = SIDE.min(task.pixels - pixel);
    let planes = task.columns / BLOCK;
    let plane = column / BLOCK;
    // SAFETY: `check` has compared the furthest place with the slices.
    unsafe {
        let sum = |row: usize| _mm512_loadu_ps(sums.as_ptr().add(row * SIDE));
        let output = task.output.as_mut_ptr();
        let to = output.add(plane * task.output_plane);
        let (zero, six) = (_mm512_setzero_ps(), _mm512_set1_ps(6.0));
        if let Some(places) = task.places {
            let places = places.as_ptr().add(pixel);
            for row in 0..rows {
                let value = _mm512_min_ps(_mm512_max_ps(sum(row), zero), six);
                _mm512_storeu_ps(to.add(*places.add(row) as usize), value);
            }
            return;
        }
        let offset = pixel * BLOCK;
        let residual = match task.start {
            Start::Residual(residual) => residual.as_ptr().add(plane * task.output_plane + offset),
            _ => std::ptr::null(),
        };
        let parts = output.add(planes * task.output_plane + offset);
        let parts = Parts::new(parts, task.output_plane, plane, planes);
        for row in 0..rows {
            let mut value = sum(row);
            if !residual.is_null() {
                value = _mm512_add_ps(value, _mm512_loadu_ps(residual.add(row * BLOCK)));
            }
            if task.relu6 {
                value = _mm512_min_ps(_mm512_max_ps(value, zero), six);
            }
            _mm512_storeu_ps(to.add(offset + row * BLOCK), value);
            if task.parts {
                parts.store::<PARTS>(row, value);
            }
        }
    }
}
