//! Pairs of rows whose product is large, out of all pairs.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Rows of a tile. Its products, 1 MB, stay in the second-level cache until they have been compared
/// with the threshold.
const TILE_ROWS: usize = 256;
/// Columns of a tile.
const TILE_COLUMNS: usize = 1024;
/// Products that are compared at once; most such groups contain no large product.
const STRIDE: usize = 32;

/// Calls `found` with each pair of rows (first, second) and its product, where the product is at
/// least `at_least`, the first row is of `firsts`, and the second comes after it.
///
/// `rows` is n x `dimension` row-major. All n (n - 1) / 2 pairs are compared when `firsts` covers all
/// rows; ranges that together cover them divide the work among threads. Rounded to `f32`.
///
/// # Panics
/// If `rows` is not a whole number of rows, or `firsts` ends beyond them.
pub fn alike_pairs(
    rows: &[f32],
    dimension: usize,
    firsts: Range<usize>,
    at_least: f32,
    mut found: impl FnMut(usize, usize, f32),
) {
    assert!(
        dimension > 0 && rows.len().is_multiple_of(dimension),
        "{} numbers are not whole rows of {dimension}",
        rows.len()
    );
    let n = rows.len() / dimension;
    assert!(firsts.end <= n, "{firsts:?} is not below {n}");
    let mut products = vec![0.0; TILE_ROWS * TILE_COLUMNS];
    for top in firsts.clone().step_by(TILE_ROWS) {
        let height = TILE_ROWS.min(firsts.end - top);
        let above = &rows[top * dimension..(top + height) * dimension];
        let above = MatRef::from_row_major_slice(above, height, dimension);
        for left in (top..n).step_by(TILE_COLUMNS) {
            let width = TILE_COLUMNS.min(n - left);
            let others = &rows[left * dimension..(left + width) * dimension];
            let others = MatRef::from_row_major_slice(others, width, dimension);
            let tile = &mut products[..height * width];
            matmul(
                MatMut::from_row_major_slice_mut(tile, height, width),
                Accum::Replace,
                above,
                others.transpose(),
                1.0,
                Par::Seq,
            );
            for (row, products) in tile.chunks(width).enumerate() {
                let first = top + row;
                // A row's pairs begin after it; its tile may begin before.
                let start = (first + 1).saturating_sub(left).min(width);
                look_through(&products[start..], at_least, |column, product| {
                    found(first, left + start + column, product);
                });
            }
        }
    }
}

/// Calls `found` with the place and value of each product that is large enough.
fn look_through(products: &[f32], at_least: f32, mut found: impl FnMut(usize, f32)) {
    for (number, some) in products.chunks(STRIDE).enumerate() {
        // No early exit, so that the compiler vectorises the comparison.
        let any = some
            .iter()
            .fold(false, |any, &product| any | (product >= at_least));
        if any {
            for (place, &product) in some.iter().enumerate() {
                if product >= at_least {
                    found(number * STRIDE + place, product);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a circle, in steps that come back near to one another.
    fn circle(n: usize) -> Vec<f32> {
        (0..n)
            .flat_map(|index| {
                let angle = index as f32 * 2.399_963;
                [angle.cos(), angle.sin()]
            })
            .collect()
    }

    #[test]
    fn every_pair_is_found_once_whatever_the_ranges() {
        // More than a tile in both directions, and no multiple of anything.
        let n = TILE_COLUMNS + TILE_ROWS + 77;
        let rows = circle(n);
        let product =
            |a: usize, b: usize| rows[2 * a] * rows[2 * b] + rows[2 * a + 1] * rows[2 * b + 1];
        let at_least = 0.9999;
        let mut expected = vec![];
        for a in 0..n {
            for b in a + 1..n {
                // Pairs so close to the threshold that rounding decides are left out on both sides.
                if product(a, b) >= at_least + 1e-6 {
                    expected.push((a, b));
                }
            }
        }
        assert!(expected.len() > 1000);
        for cuts in [vec![0, n], vec![0, 1, 300, 1100, n]] {
            let mut pairs = vec![];
            for range in cuts.windows(2) {
                alike_pairs(&rows, 2, range[0]..range[1], at_least, |a, b, value| {
                    assert!((value - product(a, b)).abs() < 1e-5);
                    if product(a, b) >= at_least + 1e-6 {
                        pairs.push((a, b));
                    }
                });
            }
            pairs.sort_unstable();
            assert_eq!(pairs, expected);
        }
    }

    #[test]
    fn few_rows_have_few_pairs() {
        let mut pairs = vec![];
        let mut found = |a, b, value| pairs.push((a, b, value));
        alike_pairs(&[], 3, 0..0, 0.5, &mut found);
        alike_pairs(&[1.0, 0.0], 2, 0..1, 0.5, &mut found);
        alike_pairs(&[1.0, 0.0, 1.0, 0.0], 2, 0..2, 0.5, &mut found);
        assert_eq!(pairs, [(0, 1, 1.0)]);
    }
}
