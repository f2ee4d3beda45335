//! The symmetric rank-k update: a block of rows, stored as column panels, into a packed triangle.
//!
//! ```text
//! block, one panel = 24 columns x all rows of the block    packed upper triangle
//!   panel 0      panel 1                                      row 0: c00 c01 c02 ... c0d
//!   r0: x0..x23  r0: x24..x47                                 row 1:     c11 c12 ... c1d
//!   r1: x0..x23  r1: x24..x47                                 ...
//! ```
//!
//! Both operands of a product are read from the same panels: a tile of C needs `MR` neighbouring
//! columns as broadcast values and `WIDTH` neighbouring columns as vectors, and each of them lies
//! within one panel because both numbers divide 24. So nothing is packed twice, and the
//! accumulated triangle is the state that is sent to other partitions: there is no square matrix.

use pulp::{Arch, Simd, WithSimd};

/// Columns in a panel of a block. A multiple of every tile height and width used below.
pub(crate) const PANEL: usize = 24;

/// Vectors across a tile. With eight rows that is 24 accumulators, which leaves room for the three
/// vectors and the broadcast value within 32 registers.
const VECTORS: usize = 3;

/// Panels that are multiplied with the columns to their left before the next ones are. A block of 27
/// has 1.3 MB, which does not quite stay in a second-level cache of 1 MB; with fewer, the rows of the
/// triangle are visited in pieces too short for the processor to read ahead, which costs more.
const GROUP: usize = 27;

/// Where row `i` of a packed upper triangle of order `d` begins; it holds columns `i..d`.
pub(crate) const fn row_start(d: usize, i: usize) -> usize {
    (i * (2 * d + 1 - i)) / 2
}

/// Adds `B^T B` to the packed upper triangle `packed` of order `d`, where `B` is the block of
/// `rows` rows whose panels lie `stride` numbers apart. Columns from `d` up to the end of the last
/// panel are read and ignored.
pub(crate) fn add_gram(block: &[f64], rows: usize, stride: usize, d: usize, packed: &mut [f64]) {
    assert!(rows * PANEL <= stride);
    assert!(d.div_ceil(PANEL) * stride <= block.len());
    assert_eq!(row_start(d, d), packed.len());
    Arch::new().dispatch(Gram {
        block,
        rows,
        stride,
        d,
        packed,
    });
}

struct Gram<'a> {
    block: &'a [f64],
    rows: usize,
    stride: usize,
    d: usize,
    packed: &'a mut [f64],
}

impl WithSimd for Gram<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const { assert!(PANEL.is_multiple_of(VECTORS * S::F64_LANES)) };
        if S::REGISTER_COUNT >= 32 {
            self.sweep::<S, 8>(simd);
        } else {
            self.sweep::<S, 4>(simd);
        }
    }
}

impl Gram<'_> {
    /// Visits every tile that touches the upper triangle, a group of panels at a time.
    #[inline(always)]
    fn sweep<S: Simd, const MR: usize>(self, simd: S) {
        let Self {
            block,
            rows,
            stride,
            d,
            packed,
        } = self;
        let width = VECTORS * S::F64_LANES;
        let mut group = 0;
        while group < d {
            let end = usize::min(group + GROUP * PANEL, d);
            for i in (0..end).step_by(MR) {
                // The first tile whose last column is not left of the diagonal.
                let first = usize::max(group, i - i % width);
                let a = (i / PANEL) * stride + i % PANEL;
                for j in (first..end).step_by(width) {
                    let b = (j / PANEL) * stride + j % PANEL;
                    let is_whole = j >= i + MR && j + width <= d;
                    if is_whole {
                        for r in i..i + MR {
                            prefetch(&packed[row_start(d, r) + j - r..][..width]);
                        }
                    }
                    // SAFETY: `a` and `b` are offsets of columns `i` and `j` of the first row, and
                    // the rows after it lie `PANEL` numbers apart; `i + MR` and `j + width` stay
                    // within their panels because both divide `PANEL`. `add_gram` has checked that
                    // `block` holds every panel with all its rows.
                    let tile = unsafe {
                        multiply::<S, MR>(simd, rows, block.as_ptr().add(a), block.as_ptr().add(b))
                    };
                    if is_whole {
                        for (r, row) in tile.iter().enumerate() {
                            let at = row_start(d, i + r) + j - (i + r);
                            let (target, _) = S::as_mut_simd_f64s(&mut packed[at..at + width]);
                            for (target, &value) in target.iter_mut().zip(row) {
                                *target = simd.add_f64s(*target, value);
                            }
                        }
                    } else {
                        add_corner::<S, MR>(&tile, i, j, d, packed);
                    }
                }
            }
            group = end;
        }
    }
}

/// `MR` columns from `a` times `VECTORS` vectors of columns from `b`, over `rows` rows.
///
/// # Safety
///
/// For every row `k` below `rows`, `MR` numbers from `a + k * PANEL` and `VECTORS` vectors from
/// `b + k * PANEL` are readable.
#[inline(always)]
unsafe fn multiply<S: Simd, const MR: usize>(
    simd: S,
    rows: usize,
    mut a: *const f64,
    mut b: *const f64,
) -> [[S::f64s; VECTORS]; MR] {
    let mut tile = [[simd.splat_f64s(0.0); VECTORS]; MR];
    for _ in 0..rows {
        // SAFETY: the caller passes `rows` rows of `VECTORS` vectors that lie `PANEL` apart.
        let right: [S::f64s; VECTORS] = unsafe { b.cast::<[S::f64s; VECTORS]>().read_unaligned() };
        for (r, row) in tile.iter_mut().enumerate() {
            // SAFETY: the caller passes `rows` rows of `MR` numbers that lie `PANEL` apart.
            let left = simd.splat_f64s(unsafe { *a.add(r) });
            for (sum, &right) in row.iter_mut().zip(&right) {
                *sum = simd.mul_add_e_f64s(left, right, *sum);
            }
        }
        a = a.wrapping_add(PANEL);
        b = b.wrapping_add(PANEL);
    }
    tile
}

/// Prefetches the part of the triangle that a tile is added to after its multiplication: the triangle
/// is larger than the second-level cache, and waiting for it cost a tenth of the time.
#[inline(always)]
fn prefetch(numbers: &[f64]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        // One per cache line, and the last, which may lie on another line.
        for number in numbers.iter().step_by(8).chain(numbers.last()) {
            // SAFETY: any address may be prefetched, and every x86-64 processor can.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(number).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// Adds the part of a tile that lies on or above the diagonal and within the matrix.
#[inline(always)]
fn add_corner<S: Simd, const MR: usize>(
    tile: &[[S::f64s; VECTORS]; MR],
    i: usize,
    j: usize,
    d: usize,
    packed: &mut [f64],
) {
    for (r, row) in tile.iter().enumerate() {
        let i = i + r;
        if i >= d {
            break;
        }
        let values: &[f64] = pulp::bytemuck::cast_slice(row);
        for (c, value) in values.iter().enumerate() {
            let j = j + c;
            if j >= i && j < d {
                packed[row_start(d, i) + j - i] += value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::AlignedBuffer;
    use super::*;

    /// Compares the product of every vector width of this machine with the definition.
    #[test]
    fn every_width_gives_the_product() {
        for (rows, d) in [(1_usize, 1_usize), (3, 7), (9, 24), (5, 25), (33, 100)] {
            let stride = (rows + 1) * PANEL;
            let mut block = AlignedBuffer::zeroed(d.div_ceil(PANEL) * stride);
            let value = |k: usize, j: usize| ((k * 31 + j * 17) % 23) as f64 - 11.0;
            for k in 0..rows {
                for j in 0..d {
                    block[j / PANEL * stride + k * PANEL + j % PANEL] = value(k, j);
                }
            }
            // Small whole numbers: sums are exact in any order. The triangle starts from ones.
            let mut expected = Vec::new();
            for i in 0..d {
                for j in i..d {
                    expected.push(1.0 + (0..rows).map(|k| value(k, i) * value(k, j)).sum::<f64>());
                }
            }
            let run = |multiply: &dyn Fn(Gram<'_>)| {
                let mut packed = vec![1.0; expected.len()];
                multiply(Gram {
                    block: &block,
                    rows,
                    stride,
                    d,
                    packed: &mut packed,
                });
                assert!(packed == expected, "{rows} rows of {d}");
            };
            run(&|gram| Arch::new().dispatch(gram));
            run(&|gram| Simd::vectorize(pulp::Scalar, gram));
            #[cfg(target_arch = "x86_64")]
            {
                if let Some(simd) = pulp::x86::V2::try_new() {
                    run(&|gram| Simd::vectorize(simd, gram));
                }
                if let Some(simd) = pulp::x86::V3::try_new() {
                    run(&|gram| Simd::vectorize(simd, gram));
                }
            }
        }
    }
}
