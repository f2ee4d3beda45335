//! The projection: rows less their mean times packed components, summed in `f64`.
//!
//! Components are packed in panels of up to 24, and within a panel the values of one feature lie
//! side by side, so that a tile of 8 rows by 24 components reads one broadcast value a row and
//! three vectors a feature. Features are processed 256 at a time: so many, converted to `f64` once, stay
//! in the first-level cache for all panels.

use pulp::{Arch, Simd, WithSimd};

use super::AlignedBuffer;
use crate::Feature;

/// Components in a full panel; the last panel holds the rest, rounded up to `STEP`.
const PANEL: usize = 24;
const STEP: usize = 8;
const VECTORS: usize = 3;

/// Features in a chunk, and the distance between the rows of a widened chunk: eight more, so that
/// the rows do not all fall on the same cache sets.
const CHUNK: usize = 256;
const CHUNK_STRIDE: usize = CHUNK + 8;

/// Rows in a tile where there are 32 vector registers.
const MOST_ROWS: usize = 8;

/// `k` components of `d` features in panels.
#[derive(Clone, Debug)]
pub(crate) struct PackedComponents {
    panels: AlignedBuffer,
    k: usize,
    d: usize,
}

impl PackedComponents {
    /// Packs `components`, `k` rows of `d` numbers.
    pub(crate) fn new(components: &[f64], k: usize, d: usize) -> Self {
        assert_eq!(components.len(), k * d);
        let padded = k.next_multiple_of(STEP);
        let mut panels = AlignedBuffer::zeroed(padded * d);
        for first in (0..k).step_by(PANEL) {
            let width = usize::min(PANEL, padded - first);
            let panel = &mut panels[first * d..][..width * d];
            for c in first..usize::min(first + width, k) {
                for (feature, &value) in components[c * d..][..d].iter().enumerate() {
                    panel[feature * width + c - first] = value;
                }
            }
        }
        Self { panels, k, d }
    }

    /// The number of components.
    pub(crate) fn k(&self) -> usize {
        self.k
    }

    /// The number of features.
    pub(crate) fn dimension(&self) -> usize {
        self.d
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        self.panels.size()
    }
}

/// `out = (rows - mean) components^T`, rounded to the type of the rows at the end. `rows` is n x d and
/// `out` n x k, both row-major; `mean` has d numbers.
pub(crate) fn project<T: Feature>(
    components: &PackedComponents,
    mean: &[f64],
    rows: &[T],
    out: &mut [T],
) {
    assert_eq!(mean.len(), components.d);
    assert_eq!(rows.len() / components.d * components.k, out.len());
    assert_eq!(rows.len() % components.d, 0);
    Arch::new().dispatch(Project {
        components,
        mean,
        rows,
        out,
    });
}

struct Project<'a, T> {
    components: &'a PackedComponents,
    mean: &'a [f64],
    rows: &'a [T],
    out: &'a mut [T],
}

impl<T: Feature> WithSimd for Project<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const { assert!(STEP.is_multiple_of(S::F64_LANES)) };
        if S::REGISTER_COUNT >= 32 {
            self.sweep::<S, MOST_ROWS>(simd);
        } else {
            self.sweep::<S, 4>(simd);
        }
    }
}

impl<T: Feature> Project<'_, T> {
    #[inline(always)]
    fn sweep<S: Simd, const MR: usize>(self, simd: S) {
        let PackedComponents { panels, k, d } = self.components;
        let (k, d) = (*k, *d);
        let padded = k.next_multiple_of(STEP);
        let mut chunk = AlignedBuffer::zeroed(MR * CHUNK_STRIDE);
        let mut sums = AlignedBuffer::zeroed(MR * padded);
        for (rows, out) in self.rows.chunks(MR * d).zip(self.out.chunks_mut(MR * k)) {
            sums.fill(0.0);
            for from in (0..d).step_by(CHUNK) {
                let length = usize::min(CHUNK, d - from);
                let mean = &self.mean[from..from + length];
                // Rows that a last, incomplete tile lacks keep what the tile before left in the
                // chunk: it is finite or not, and either way its sums are never read.
                for (row, wide) in rows.chunks(d).zip(chunk.chunks_mut(CHUNK_STRIDE)) {
                    let features = row[from..from + length].iter().zip(mean);
                    for (wide, (&value, mean)) in wide.iter_mut().zip(features) {
                        let value: f64 = value.into();
                        *wide = value - mean;
                    }
                }
                for first in (0..padded).step_by(PANEL) {
                    let width = usize::min(PANEL, padded - first);
                    let panel = &panels[first * d..][from * width..][..length * width];
                    let mut at = 0;
                    while at < width {
                        let vectors = usize::min(VECTORS, (width - at) / S::F64_LANES);
                        let sums = &mut sums[first + at..];
                        let panel = &panel[at..];
                        match vectors {
                            1 => tile::<S, MR, 1>(simd, length, &chunk, panel, width, sums, padded),
                            2 => tile::<S, MR, 2>(simd, length, &chunk, panel, width, sums, padded),
                            _ => tile::<S, MR, 3>(simd, length, &chunk, panel, width, sums, padded),
                        }
                        at += vectors * S::F64_LANES;
                    }
                }
            }
            for (out, sums) in out.chunks_mut(k).zip(sums.chunks(padded)) {
                for (out, &sum) in out.iter_mut().zip(sums) {
                    *out = T::round(sum);
                }
            }
        }
    }
}

/// Adds to `MR` rows of `sums`, `stride` apart, the product of `MR` rows of the chunk with `NV`
/// vectors of a panel whose features lie `width` apart.
#[inline(always)]
fn tile<S: Simd, const MR: usize, const NV: usize>(
    simd: S,
    length: usize,
    chunk: &[f64],
    panel: &[f64],
    width: usize,
    sums: &mut [f64],
    stride: usize,
) {
    assert!(chunk.len() >= MR * CHUNK_STRIDE && length <= CHUNK);
    assert!(panel.len() >= (length - 1) * width + NV * S::F64_LANES);
    let mut tile = [[simd.splat_f64s(0.0); NV]; MR];
    let mut left = chunk.as_ptr();
    let mut right = panel.as_ptr();
    for _ in 0..length {
        // SAFETY: the assertion above leaves NV vectors readable at each of `length` features.
        let components: [S::f64s; NV] = unsafe { right.cast::<[S::f64s; NV]>().read_unaligned() };
        for (r, row) in tile.iter_mut().enumerate() {
            // SAFETY: the chunk holds MR rows of CHUNK_STRIDE numbers, and `length <= CHUNK`.
            let value = simd.splat_f64s(unsafe { *left.add(r * CHUNK_STRIDE) });
            for (sum, &component) in row.iter_mut().zip(&components) {
                *sum = simd.mul_add_e_f64s(value, component, *sum);
            }
        }
        left = left.wrapping_add(1);
        right = right.wrapping_add(width);
    }
    for (r, row) in tile.iter().enumerate() {
        let (target, _) = S::as_mut_simd_f64s(&mut sums[r * stride..][..NV * S::F64_LANES]);
        for (target, &value) in target.iter_mut().zip(row) {
            *target = simd.add_f64s(*target, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the products of every vector width of this machine with the definition: across chunks
    /// of features, panels of components, and an incomplete last tile.
    #[test]
    fn every_width_gives_the_product() {
        for (n, d, k) in [
            (1, 1, 1),
            (11, 600, 50),
            (8, 256, 24),
            (5, 257, 9),
            (0, 3, 2),
        ] {
            // Small whole numbers: sums are exact in any order.
            let value = |at: usize| (at * at % 19) as f64 - 9.0;
            let components: Vec<f64> = (0..k * d).map(|at| value(at + 5)).collect();
            let rows: Vec<f32> = (0..n * d).map(|at| value(at) as f32).collect();
            let mean: Vec<f64> = (0..d).map(|at| value(at + 3)).collect();
            let mut expected = Vec::new();
            for row in rows.chunks(d) {
                for component in components.chunks(d) {
                    let centred = row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean);
                    let products = centred.zip(component).map(|(x, c)| x * c);
                    expected.push(products.sum::<f64>() as f32);
                }
            }
            let packed = PackedComponents::new(&components, k, d);
            let run = |multiply: &dyn Fn(Project<'_, f32>)| {
                let mut out = vec![f32::NAN; n * k];
                multiply(Project {
                    components: &packed,
                    mean: &mean,
                    rows: &rows,
                    out: &mut out,
                });
                assert!(out == expected, "{n} rows of {d} to {k}");
            };
            run(&|project| Arch::new().dispatch(project));
            run(&|project| Simd::vectorize(pulp::Scalar, project));
            #[cfg(target_arch = "x86_64")]
            {
                if let Some(simd) = pulp::x86::V2::try_new() {
                    run(&|project| Simd::vectorize(simd, project));
                }
                if let Some(simd) = pulp::x86::V3::try_new() {
                    run(&|project| Simd::vectorize(simd, project));
                }
            }
        }
    }
}
