//! [`Tile`]: the products of a block of queries with a block of vectors.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::Arch;

use crate::candidates::Candidates;
use crate::unit::{direction, write_unit};

/// Products that are compared with their thresholds at once.
const LANES: usize = 16;

/// Buffers for the products of a block of queries with one block of vectors after the other.
///
/// ```text
///                 queries, padded to LANES
///               ┌──────────────────────────┐
///   a vector    │ product of it with each  │  contiguous
///   the next    │ …                        │
///               └──────────────────────────┘
/// ```
pub(crate) struct Tile {
    arch: Arch,
    dimension: usize,
    /// Number of queries with padding: rows of zeros with an unreachable threshold.
    queries: usize,
    /// Unit vectors, a row a query; zeros for a query without a direction.
    query_units: Vec<f32>,
    vector_units: Vec<f32>,
    /// Whether each vector of the block has a direction.
    directed: Vec<bool>,
    products: Vec<f32>,
    thresholds: Vec<f32>,
}

impl Tile {
    /// Buffers for `queries`, which start as zeros, and blocks of at most `vectors`.
    pub(crate) fn new(dimension: usize, queries: usize, vectors: usize) -> Self {
        let queries = queries.next_multiple_of(LANES);
        Self {
            arch: Arch::new(),
            dimension,
            queries,
            query_units: vec![0.0; queries * dimension],
            vector_units: vec![0.0; vectors * dimension],
            directed: vec![],
            products: vec![0.0; queries * vectors],
            thresholds: vec![f32::INFINITY; queries],
        }
    }

    /// The place of a query's unit vector.
    pub(crate) fn query_mut(&mut self, query: usize) -> &mut [f32] {
        let start = query * self.dimension;
        &mut self.query_units[start..start + self.dimension]
    }

    /// Multiplies every query with every vector of a block.
    pub(crate) fn multiply<T: Copy + Into<f64>>(&mut self, vectors: &[Option<&[T]>]) {
        self.make_ready(vectors);
        let units = &self.vector_units[..vectors.len() * self.dimension];
        let products = &mut self.products[..vectors.len() * self.queries];
        matmul(
            MatMut::from_column_major_slice_mut(products, self.queries, vectors.len()),
            Accum::Replace,
            MatRef::from_row_major_slice(&self.query_units, self.queries, self.dimension),
            MatRef::from_column_major_slice(units, self.dimension, vectors.len()),
            1.0,
            Par::Seq,
        );
    }

    /// Adds the vectors of the block that reach a query's threshold to its candidates; `position` is
    /// the position of the block's first vector among all.
    pub(crate) fn look_through(
        &mut self,
        candidates: &mut [Candidates],
        position: impl Fn(usize) -> usize,
    ) {
        for (threshold, candidates) in self.thresholds.iter_mut().zip(&*candidates) {
            *threshold = candidates.threshold();
        }
        let arch = self.arch;
        arch.dispatch(|| {
            let rows = self.products.chunks_exact(self.queries);
            for (row, products) in rows.take(self.directed.len()).enumerate() {
                if !self.directed[row] {
                    continue;
                }
                let (products, _) = products.as_chunks::<LANES>();
                let (thresholds, _) = self.thresholds.as_chunks_mut::<LANES>();
                for (group, (products, thresholds)) in products.iter().zip(thresholds).enumerate() {
                    if !reached(products, thresholds) {
                        continue;
                    }
                    for lane in 0..LANES {
                        if products[lane] >= thresholds[lane] {
                            let query = &mut candidates[group * LANES + lane];
                            // The search refuses more vectors than a u32 counts.
                            query.push(products[lane], position(row) as u32);
                            thresholds[lane] = query.threshold();
                        }
                    }
                }
            }
        });
    }

    /// Writes the unit vectors of a block; zeros for a vector without a direction.
    fn make_ready<T: Copy + Into<f64>>(&mut self, vectors: &[Option<&[T]>]) {
        self.directed.clear();
        let arch = self.arch;
        arch.dispatch(|| {
            for (row, vector) in vectors.iter().enumerate() {
                let start = row * self.dimension;
                let unit = &mut self.vector_units[start..start + self.dimension];
                let direction = direction(*vector);
                match &direction {
                    Some(direction) => write_unit(direction, unit),
                    None => unit.fill(0.0),
                }
                self.directed.push(direction.is_some());
            }
        });
    }
}

/// Whether any product reaches its threshold, without a branch per product.
#[inline(always)]
fn reached(products: &[f32; LANES], thresholds: &[f32; LANES]) -> bool {
    let mut any = false;
    for lane in 0..LANES {
        any |= products[lane] >= thresholds[lane];
    }
    any
}
