//! Rows that wait to be folded into the moments a block at a time.

mod f32_rows;
mod f64_rows;
#[cfg(test)]
mod profile;

use f32_rows::F32Rows;
use f64_rows::F64Rows;

use crate::Feature;
use crate::kernels::{TILE_ROWS, TileGram};
use crate::mean::Mean;

/// Rows in a full block. More rows would write the triangle less often, but a block of 256 rows of
/// 1280 features is 2.6 MB of `f64` already and has to share the cache with the triangle.
const BLOCK: usize = 256;

/// Rows of the first allocation, small because a group of few rows should not hold a whole block.
const SMALLEST: usize = 16;

const _: () = assert!(BLOCK == TILE_ROWS);

/// Up to `BLOCK` rows.
///
/// Where there is a tile unit, rows of `f32` wait as they are, and a full block of them is folded in
/// by that unit. Everything else, a block of fewer rows or with a row of `f64` in it, is folded in by
/// the f64 kernel.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Empty as long as rows wait as `f32`.
    f64_rows: F64Rows,
    /// Empty as long as rows wait as `f64`.
    f32_rows: F32Rows,
    tiles: Option<TileGram>,
}

impl Pending {
    /// No rows, and no memory held.
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            tiles: TileGram::new(dimension),
            ..Self::without_tiles(dimension)
        }
    }

    /// As [`new`](Self::new), but always with the f64 kernel.
    pub(crate) fn without_tiles(dimension: usize) -> Self {
        Self {
            f64_rows: F64Rows::new(dimension),
            f32_rows: F32Rows::new(dimension),
            tiles: None,
        }
    }

    /// Rows that wait.
    pub(crate) fn rows(&self) -> usize {
        self.f64_rows.rows() + self.f32_rows.rows()
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        let tiles = self.tiles.as_ref().map_or(0, TileGram::size);
        self.f64_rows.size() + self.f32_rows.size() + tiles
    }

    /// Appends as many of the rows as fit and returns how many numbers were appended; fewer than
    /// passed means that the block is full.
    pub(crate) fn append<T: Feature>(&mut self, rows: &[T]) -> usize {
        if let Some(rows) = T::as_f32(rows)
            && self.tiles.is_some()
            && self.f64_rows.rows() == 0
        {
            self.f32_rows.append(rows)
        } else {
            self.widen();
            self.f64_rows.append(rows)
        }
    }

    /// Whether no more rows fit.
    pub(crate) fn is_full(&self) -> bool {
        self.rows() == BLOCK
    }

    /// Folds the rows into the moments of `count` other rows and clears the block.
    pub(crate) fn fold_into(&mut self, count: &mut u64, mean: &mut Mean, comoment: &mut [f64]) {
        if let Some(tiles) = &mut self.tiles
            && let Some(block) = self.f32_rows.block()
        {
            tiles.add(block, *count, mean, comoment);
            *count += BLOCK as u64;
            self.f32_rows.clear();
        } else {
            self.widen();
            self.f64_rows.fold_into(count, mean, comoment);
        }
    }

    /// Converts the rows that wait as `f32` to `f64`.
    fn widen(&mut self) {
        let rows = self.f32_rows.rows();
        if rows == 0 {
            return;
        }
        let mut row = vec![0.0_f32; self.f32_rows.dimension()];
        for at in 0..rows {
            self.f32_rows.read(at, &mut row);
            self.f64_rows.append(&row);
        }
        self.f32_rows.clear();
    }
}

/// Capacity to allocate for `rows` rows.
fn capacity(rows: usize) -> usize {
    rows.next_power_of_two().clamp(SMALLEST, BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Count, mean and packed comoment.
    type State = (u64, Mean, Vec<f64>);

    fn folded(mut pending: Pending, d: usize, rows: &[f32]) -> State {
        let mut state = (0, Mean::new(d), vec![0.0; d * (d + 1) / 2]);
        let mut rows = rows;
        while !rows.is_empty() {
            let taken = pending.append(rows);
            rows = &rows[taken..];
            if pending.is_full() || rows.is_empty() {
                pending.fold_into(&mut state.0, &mut state.1, &mut state.2);
            }
        }
        state
    }

    /// The largest difference of two comoments, in relation to the lengths of the two columns, and
    /// of two means, in relation to the spread or the mean, whichever is larger.
    fn difference(d: usize, left: &State, right: &State) -> (f64, f64) {
        assert_eq!(left.0, right.0);
        let start = |i: usize| i * (2 * d + 1 - i) / 2;
        let length: Vec<f64> = (0..d).map(|i| right.2[start(i)].sqrt()).collect();
        let (mut products, mut means) = (0.0_f64, 0.0_f64);
        for i in 0..d {
            for j in i..d {
                let at = start(i) + j - i;
                let apart = (left.2[at] - right.2[at]).abs();
                let scale = length[i] * length[j];
                products = products.max(if apart > 0.0 { apart / scale } else { 0.0 });
            }
            let mean = right.1.high()[i].abs();
            let scale = f64::max(length[i] / (right.0 as f64).sqrt(), mean);
            let apart = left.1.distance(&right.1)[i].abs();
            means = means.max(if apart > 0.0 { apart / scale } else { 0.0 });
        }
        (products, means)
    }

    fn uniform(state: &mut u64) -> f32 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// Compares the kernels on rows whose number in row `i`, column `j` is `value(i, j, u)`, with `u`
    /// random between 0 and 1.
    fn compare(name: &str, bounds: (f64, f64), value: impl Fn(usize, usize, f32) -> f32) {
        for (n, d) in [(256, 32), (256, 33), (600, 47), (1300, 100), (520, 700)] {
            if Pending::new(d).tiles.is_none() {
                println!("skipped: no tile unit");
                return;
            }
            let mut state = (n + d) as u64;
            let rows: Vec<f32> = (0..n * d)
                .map(|at| value(at / d, at % d, uniform(&mut state)))
                .collect();
            let tiles = folded(Pending::new(d), d, &rows);
            let plain = folded(Pending::without_tiles(d), d, &rows);
            let (products, means) = difference(d, &tiles, &plain);
            println!("{name}, {n} x {d}: {products:e}, {means:e}");
            assert!(
                products <= bounds.0,
                "{name}, {n} x {d}: products {products:e}"
            );
            assert!(means <= bounds.1, "{name}, {n} x {d}: means {means:e}");
        }
    }

    /// The error of the f64 kernel itself, in either direction.
    const ROUNDING: (f64, f64) = (3e-14, 3e-15);

    #[test]
    fn the_kernels_agree_on_features() {
        compare("features", ROUNDING, |_, j, u| {
            let value = 6.0 * u.powi(1 + j as i32 % 5) - 0.4;
            value.clamp(0.0, 4.0)
        });
        compare("signed", ROUNDING, |i, j, u| {
            (u - 0.5) * (1 + (i * j) % 3) as f32
        });
    }

    #[test]
    fn the_kernels_agree_on_short_numbers() {
        compare("bytes", ROUNDING, |_, _, u| (u * 255.0).round());
        compare("one hot", ROUNDING, |i, j, u| {
            if i % 71 == j % 71 || u < 0.01 {
                1.0
            } else {
                0.0
            }
        });
        compare("constant", ROUNDING, |_, j, u| {
            if j % 2 == 0 { 0.1 * j as f32 } else { u }
        });
    }

    #[test]
    fn the_kernels_agree_far_from_zero() {
        compare("offset", (3e-14, 3e-15), |_, j, u| 1e4 * j as f32 + u);
        compare("drifting", (3e-14, 3e-15), |i, _, u| i as f32 + u);
        compare("largest", ROUNDING, |i, j, u| {
            if (i + j) % 2 == 0 {
                f32::MAX
            } else {
                f32::MIN * u
            }
        });
    }

    #[test]
    fn the_kernels_agree_on_subnormal_numbers_and_on_columns_apart() {
        compare("subnormal", ROUNDING, |_, _, u| {
            f32::from_bits((u * 1000.0) as u32)
        });
        compare("apart", ROUNDING, |_, j, u| {
            (u - 0.3) * 10.0_f32.powi(j as i32 % 60 - 30)
        });
    }

    /// Numbers of every size in one column: all but the largest lose digits, as the sum of their
    /// squares does in any case.
    #[test]
    fn the_kernels_agree_where_few_numbers_are_all_of_a_column() {
        compare("all sizes", (5e-12, 3e-15), |i, j, u| {
            (u - 0.5) * 10.0_f32.powi(((i * 7 + j) % 60) as i32 - 30)
        });
        compare("outlier", (5e-12, 3e-15), |i, j, u| {
            if i % 256 == (j * 5) % 256 { 1e6 } else { u }
        });
        compare("equal but for one", (2e-11, 3e-15), |i, j, _| {
            // The digits of the others are the same in every row and add up.
            if i % 256 == j % 256 {
                1.0
            } else {
                1.0 / (3.0 + 1000.0 * j as f32)
            }
        });
    }

    #[test]
    fn f64_rows_among_f32_rows_change_nothing() {
        let (d, n) = (40, 300);
        let mut state = 5;
        let rows: Vec<f32> = (0..d * n).map(|_| uniform(&mut state)).collect();
        let mixed = |f64_first: bool| {
            let mut pending = Pending::new(d);
            let mut found = (0, Mean::new(d), vec![0.0; d * (d + 1) / 2]);
            for (i, row) in rows.chunks(d).enumerate() {
                let taken = if (i < 100) == f64_first {
                    let row: Vec<f64> = row.iter().copied().map(f64::from).collect();
                    pending.append(&row)
                } else {
                    pending.append(row)
                };
                assert_eq!(taken, d);
                if pending.is_full() {
                    pending.fold_into(&mut found.0, &mut found.1, &mut found.2);
                }
            }
            pending.fold_into(&mut found.0, &mut found.1, &mut found.2);
            found
        };
        // A block with f64 rows in it is one of the f64 kernel.
        let plain = folded(Pending::without_tiles(d), d, &rows);
        assert!(mixed(true) == plain && mixed(false) == plain);
    }
}
