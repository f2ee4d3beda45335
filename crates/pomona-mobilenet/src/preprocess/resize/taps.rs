//! Which source pixels make an output pixel, and in what proportion.
//!
//! The arithmetic is that of `precompute_coeffs` and `normalize_coeffs_8bpc` in Pillow's
//! `Resample.c`, operation by operation: doubles, in the same order, rounded the same way.

use super::Kernel;
use super::long::LONGEST_TABLE;

/// Fraction bits of a coefficient: 32 less 8 for the pixel and 2 for the sum.
pub(super) const PRECISION: u32 = 22;

/// Half of the last place, which every sum starts with, so that the shift rounds.
pub(super) const HALF: i32 = 1 << (PRECISION - 1);

/// Taps are kept in groups of this many, the last filled with zeros.
pub(super) const GROUP: usize = 4;

/// Outputs are filled to a multiple of this, so that kernels may compute whole vectors.
const BLOCK: usize = 16;

/// The taps of one pass: from a source length to a target length.
#[derive(Debug)]
pub(super) struct Taps {
    lengths: (usize, usize),
    /// Groups of taps an output has.
    pub(super) groups: usize,
    /// The first source pixel of each output, and 0 for those that fill the block.
    pub(super) starts: Vec<usize>,
    /// `groups * GROUP` coefficients an output.
    pub(super) coefficients: Vec<i32>,
    /// The digits of each group, as the kernel wants them: `[group][output]`.
    pub(super) digits: Vec<[u32; 4]>,
}

impl Taps {
    /// Taps of nothing, to be prepared.
    pub(super) fn none() -> Self {
        Self {
            lengths: (0, 0),
            groups: 0,
            starts: Vec::new(),
            coefficients: Vec::new(),
            digits: Vec::new(),
        }
    }

    /// Computes the taps from `source` to `target` pixels, unless they are the ones at hand.
    pub(super) fn prepare(&mut self, source: usize, target: usize, kernel: Kernel) {
        if self.lengths == (source, target) {
            return;
        }
        self.lengths = (source, target);
        if self.is_long() {
            *self = Self {
                lengths: self.lengths,
                ..Self::none()
            };
            return;
        }
        let windows: Vec<Window> = (0..target)
            .map(|i| Window::new(i, source, target))
            .collect();
        let widest = windows.iter().map(|w| w.weights.len()).max().unwrap_or(1);
        self.groups = widest.div_ceil(GROUP);
        let taps = self.groups * GROUP;
        let filled = target.next_multiple_of(BLOCK);

        self.starts.clear();
        self.starts.resize(filled, 0);
        self.coefficients.clear();
        self.coefficients.resize(filled * taps, 0);
        let rows = self.coefficients.chunks_exact_mut(taps);
        for ((window, start), row) in windows.iter().zip(&mut self.starts).zip(rows) {
            // A window near the end moves left as far as it takes for all its taps, zeros
            // included, to lie inside the source.
            *start = window.start.min(source.saturating_sub(taps));
            row[window.start - *start..][..window.weights.len()].copy_from_slice(&window.weights);
        }

        self.digits.clear();
        self.digits.reserve(self.groups * filled);
        for group in 0..self.groups {
            for row in self.coefficients.chunks_exact(taps) {
                let (quads, _) = row.as_chunks::<GROUP>();
                self.digits.push(kernel.digits(quads[group]));
            }
        }
    }

    /// Whether the source is too long for a table, and each window is computed when it is used.
    pub(super) fn is_long(&self) -> bool {
        self.lengths.0 > LONGEST_TABLE
    }

    /// Outputs, those that fill the last block included.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn filled(&self) -> usize {
        self.starts.len()
    }

    /// Outputs that are wanted.
    pub(super) fn target(&self) -> usize {
        self.lengths.1
    }

    /// Pixels of the source.
    pub(super) fn source(&self) -> usize {
        self.lengths.0
    }

    /// The coefficients of an output.
    pub(super) fn of(&self, output: usize) -> &[i32] {
        let taps = self.groups * GROUP;
        &self.coefficients[output * taps..][..taps]
    }
}

/// The source pixels of one output and their fixed-point weights.
pub(super) struct Window {
    pub(super) start: usize,
    pub(super) weights: Vec<i32>,
}

impl Window {
    pub(super) fn new(output: usize, source: usize, target: usize) -> Self {
        // Pillow takes the length through a `float`.
        let scale = f64::from(source as f32) / target as f64;
        let filter_scale = scale.max(1.0);
        let support = 2.0 * filter_scale;
        let center = (output as f64 + 0.5) * scale;
        let step = 1.0 / filter_scale;
        // The casts truncate towards zero, as C's do, and negative starts become 0.
        let start = (center - support + 0.5) as usize;
        let end = ((center + support + 0.5) as usize).min(source);

        let mut weights: Vec<f64> = (start..end)
            .map(|x| bicubic((x as f64 - center + 0.5) * step))
            .collect();
        let mut sum = 0.0;
        for weight in &weights {
            sum += weight;
        }
        if sum != 0.0 {
            for weight in &mut weights {
                *weight /= sum;
            }
        }
        Self {
            start,
            weights: weights.into_iter().map(fixed).collect(),
        }
    }
}

/// Keys' cubic convolution with a = -0.5.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// To [`PRECISION`] fraction bits, halves away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION);
    if weight < 0.0 {
        (scaled - 0.5) as i32
    } else {
        (scaled + 0.5) as i32
    }
}
