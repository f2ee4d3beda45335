//! Exact nearest neighbours and near duplicates by cosine.
//!
//! [`nearest`] compares every query with every vector, in two steps. Blocked matrix products in
//! `f32` give every cosine to within a bound that follows from the length of the vectors; those
//! that the bound does not rule out, a few more than `k`, are computed again in `f64`,
//! and these numbers decide. The answer is therefore that of `f64` arithmetic for every pair, at
//! the price of `f32`, and the same on every processor and for every division into blocks.
//!
//! An index (a tree, a graph) would be faster for one query among millions of vectors. For the
//! neighbours of every vector of a collection the products are a few seconds' work, and in 50
//! dimensions or more an exact tree visits nearly everything anyway.
//!
//! [`alike_pairs`] finds the pairs of a collection whose cosine is large, out of all pairs, by products
//! of short vectors that bound the cosines of the rows ([`CosineBound`]).

mod alike;
mod candidates;
mod cosine_bound;
mod error;
mod search;
mod tile;
mod unit;

pub use alike::alike_pairs;
pub use cosine_bound::CosineBound;
pub use error::NeighboursError;
pub use search::{Neighbour, nearest};
