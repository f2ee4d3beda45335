//! Rows that wait to be folded into the moments a block at a time.

mod narrow;
mod wide;

use narrow::NarrowRows;
use wide::WideRows;

use crate::kernels::{TILE_ROWS, TileGram};

/// Rows in a full block. More rows would write the triangle less often, but a block of 256 rows of
/// 1280 features is 2.6 MB of `f64` already and has to share the cache with the triangle.
const BLOCK: usize = 256;

/// Rows of the first, smallest allocation: a group of few rows should not hold a whole block.
const SMALLEST: usize = 16;

const _: () = assert!(BLOCK == TILE_ROWS);

/// A number that a row is made of.
pub(crate) trait Feature: Copy + Into<f64> {
    /// The rows themselves, if they are of `f32`.
    fn narrow(rows: &[Self]) -> Option<&[f32]>;
}

impl Feature for f32 {
    fn narrow(rows: &[f32]) -> Option<&[f32]> {
        Some(rows)
    }
}

impl Feature for f64 {
    fn narrow(_: &[f64]) -> Option<&[f32]> {
        None
    }
}

/// Up to `BLOCK` rows.
///
/// Where there is a tile unit, rows of `f32` wait as they are, and a full block of them is folded in
/// by that unit. Everything else, a block of fewer rows or with a row of `f64` in it, is folded in by
/// the f64 kernel.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Empty as long as there are narrow rows.
    wide: WideRows,
    /// Empty as long as there are wide rows.
    narrow: NarrowRows,
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

    /// As [`new`](Self::new), on the f64 kernel whatever the machine has.
    pub(crate) fn without_tiles(dimension: usize) -> Self {
        Self {
            wide: WideRows::new(dimension),
            narrow: NarrowRows::new(dimension),
            tiles: None,
        }
    }

    /// Rows that wait.
    pub(crate) fn rows(&self) -> usize {
        self.wide.rows() + self.narrow.rows()
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        let tiles = self.tiles.as_ref().map_or(0, TileGram::size);
        self.wide.size() + self.narrow.size() + tiles
    }

    /// Appends as many of the rows as fit and returns how many numbers were taken; fewer than given
    /// means that the block is full.
    pub(crate) fn append<T: Feature>(&mut self, rows: &[T]) -> usize {
        if let Some(rows) = T::narrow(rows)
            && self.tiles.is_some()
            && self.wide.rows() == 0
        {
            self.narrow.append(rows)
        } else {
            self.widen();
            self.wide.append(rows)
        }
    }

    /// Whether no more rows fit.
    pub(crate) fn is_full(&self) -> bool {
        self.rows() == BLOCK
    }

    /// Folds the rows into the moments of `count` other rows and forgets them.
    pub(crate) fn fold_into(&mut self, count: &mut u64, mean: &mut [f64], comoment: &mut [f64]) {
        if let Some(tiles) = &mut self.tiles
            && let Some(block) = self.narrow.block()
        {
            tiles.add(block, *count, mean, comoment);
            *count += BLOCK as u64;
            self.narrow.clear();
        } else {
            self.widen();
            self.wide.fold_into(count, mean, comoment);
        }
    }

    /// Makes wide rows of narrow ones.
    fn widen(&mut self) {
        let rows = self.narrow.rows();
        if rows == 0 {
            return;
        }
        let mut row = vec![0.0_f32; self.narrow.dimension()];
        for at in 0..rows {
            self.narrow.read(at, &mut row);
            self.wide.append(&row);
        }
        self.narrow.clear();
    }
}

/// Rows to make room for when there are to be `rows`.
fn capacity(rows: usize) -> usize {
    rows.next_power_of_two().clamp(SMALLEST, BLOCK)
}
