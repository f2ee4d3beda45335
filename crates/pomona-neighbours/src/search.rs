//! [`nearest`]: the search, block by block.

use crate::NeighboursError;
use crate::candidates::Candidates;
use crate::tile::Tile;
use crate::unit::{Direction, direction, write_unit};

/// Queries of a block: each block of vectors is normalised once for all of them.
const QUERIES: usize = 256;

/// Vectors in a block: with as many queries as above their products take 512 KiB, which stay in
/// the second-level cache until they are compared.
const VECTORS: usize = 512;

/// A vector among the nearest to a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The vector's place among those searched, from 0.
    pub position: usize,
    /// The cosine, from -1 to 1.
    pub similarity: f64,
}

/// The `k` vectors of `among` that are nearest to each query by their cosine, the nearest first, vectors
/// of the same cosine (in `f64`) in the order of their positions. There are fewer where `among` has
/// fewer. Queries and vectors are of `f32` or `f64`.
///
/// `None`, a vector of zeros and a vector with a number that is not finite have no direction: the
/// result of such a query is `None`, and such a vector is a neighbour of no query.
///
/// Memory: about 2 MiB for each 256 queries at a time, and as much again for vectors of 1280; more
/// only where thousands of vectors are equally near.
///
/// # Errors
/// When the vectors differ in length, and when there are more than `u32::MAX`.
pub fn nearest<Q, A>(
    queries: &[Option<&[Q]>],
    among: &[Option<&[A]>],
    k: usize,
) -> Result<Vec<Option<Vec<Neighbour>>>, NeighboursError>
where
    Q: Copy + Into<f64>,
    A: Copy + Into<f64>,
{
    let dimension = dimension(queries, among)?;
    if u32::try_from(among.len()).is_err() {
        return Err(NeighboursError::TooMany(among.len()));
    }
    let mut found = Vec::with_capacity(queries.len());
    for queries in queries.chunks(QUERIES) {
        found.extend(nearest_of_block(queries, among, k, dimension));
    }
    Ok(found)
}

/// The neighbours of a block of queries.
fn nearest_of_block<Q, A>(
    queries: &[Option<&[Q]>],
    among: &[Option<&[A]>],
    k: usize,
    dimension: usize,
) -> Vec<Option<Vec<Neighbour>>>
where
    Q: Copy + Into<f64>,
    A: Copy + Into<f64>,
{
    let directions: Vec<Option<Direction<Q>>> =
        queries.iter().map(|query| direction(*query)).collect();
    let margin = 2.0 * error_bound(dimension);
    let mut candidates: Vec<Candidates> = directions
        .iter()
        .map(|direction| Candidates::new(if direction.is_some() { k } else { 0 }, margin))
        .collect();
    let mut tile = Tile::new(dimension, queries.len(), VECTORS);
    for (query, direction) in directions.iter().enumerate() {
        if let Some(direction) = direction {
            write_unit(direction, tile.query_mut(query));
        }
    }
    for (block, vectors) in among.chunks(VECTORS).enumerate() {
        let first = block * VECTORS;
        tile.multiply(vectors);
        tile.look_through(&mut candidates, |row| first + row);
    }
    candidates
        .into_iter()
        .zip(&directions)
        .map(|(candidates, query)| {
            let query = query.as_ref()?;
            Some(decide(query, candidates, among, k))
        })
        .collect()
}

/// The `k` nearest candidates, by cosines in `f64`.
fn decide<Q, A>(
    query: &Direction<Q>,
    candidates: Candidates,
    among: &[Option<&[A]>],
    k: usize,
) -> Vec<Neighbour>
where
    Q: Copy + Into<f64>,
    A: Copy + Into<f64>,
{
    let mut neighbours: Vec<Neighbour> = candidates
        .positions()
        .filter_map(|position| {
            let similarity = query.cosine(&direction(among[position])?);
            Some(Neighbour {
                position,
                similarity,
            })
        })
        .collect();
    neighbours.sort_by(|a, b| {
        let nearer = b.similarity.total_cmp(&a.similarity);
        nearer.then(a.position.cmp(&b.position))
    });
    neighbours.truncate(k);
    neighbours
}

/// How far a product of two unit vectors in `f32`, summed in any order, can be from their cosine.
///
/// A sum of d products errs by at most d u / (1 - d u) times the sum of their magnitudes
/// (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), which is at most 1
/// for unit vectors; rounding both vectors to `f32` adds 2 u, and the bound has a margin beyond that.
fn error_bound(dimension: usize) -> f32 {
    let units = (dimension + 8) as f32;
    let u = f32::EPSILON / 2.0;
    1.01 * units * u
}

/// The common length of the vectors; 0 if there are none.
fn dimension<Q, A>(
    queries: &[Option<&[Q]>],
    among: &[Option<&[A]>],
) -> Result<usize, NeighboursError> {
    let queries = queries.iter().flatten().map(|vector| vector.len());
    let among = among.iter().flatten().map(|vector| vector.len());
    let mut lengths = queries.chain(among);
    let expected = lengths.next().unwrap_or(0);
    match lengths.find(|length| *length != expected) {
        Some(found) => Err(NeighboursError::Length { expected, found }),
        None => Ok(expected),
    }
}
