//! Images that are almost alike, out of all pairs.
//!
//! Every two of the compared images are held against each other by short vectors whose products
//! bound the cosines of the features from above ([`CosineBound`]); the pairs with the largest bounds
//! are candidates, and their cosines are computed from the features themselves.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use pomona_neighbours::{CosineBound, alike_pairs};
use pomona_pca::PcaModel;
use pomona_report::{Duplicates, Pair};

use super::gather::Queries;
use super::images::{Album, Size};
use crate::AnalysisError;

/// The most images that are compared: 60,000 are 1.8 billion pairs and some seconds; more would
/// take long against what a run of them takes.
pub(super) const COMPARED: usize = 60_000;
/// The cosine from which on a pair is shown.
const THRESHOLD: f64 = 0.98;
/// The most components in a bound: each costs a multiplication a pair, and what they leave out
/// counts as one length.
const COMPONENTS: usize = 62;
/// The most candidates whose cosines are computed.
const CANDIDATES: usize = 2000;
/// The pairs that are shown.
const SHOWN: usize = 18;
/// What sums of `f32` may miss of a product of two unit vectors.
const ROUNDING: f32 = 1e-5;
/// Rows that a thread compares with all that come after them before it takes others.
const BLOCK: usize = 256;

/// A pair by its bound; the order of the rows decides between equals, so that reports do not differ.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    bound: f32,
    rows: (Reverse<usize>, Reverse<usize>),
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let bounds = self.bound.total_cmp(&other.bound);
        bounds.then_with(|| self.rows.cmp(&other.rows))
    }
}

/// The candidates with the largest bounds, of all pairs and of those of different labels.
#[derive(Debug, Default)]
struct Candidates {
    all: Largest,
    across: Largest,
}

/// The largest of all that were offered.
#[derive(Debug, Default)]
struct Largest {
    kept: BinaryHeap<Reverse<Candidate>>,
    is_full: bool,
}

impl Largest {
    fn offer(&mut self, candidate: Candidate) {
        if self.kept.len() < CANDIDATES {
            self.kept.push(Reverse(candidate));
            return;
        }
        self.is_full = true;
        let mut least = self.kept.peek_mut().expect("there is room for some");
        if candidate > least.0 {
            *least = Reverse(candidate);
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.is_full |= other.is_full;
        for Reverse(candidate) in other.kept {
            self.offer(candidate);
        }
        self
    }

    /// The rows of the pairs.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let kept = self.kept.iter();
        kept.map(|Reverse(candidate)| (candidate.rows.0.0, candidate.rows.1.0))
    }

    /// No pair that was left out has a larger cosine than this.
    fn bound_of_others(&self) -> f64 {
        match self.kept.peek() {
            Some(Reverse(least)) if self.is_full => f64::from(least.bound + ROUNDING),
            _ => f64::NEG_INFINITY,
        }
    }
}

/// The images that were compared.
struct Compared {
    paths: Vec<String>,
    labels: Vec<String>,
    /// A number for each label, for fast comparison.
    groups: Vec<usize>,
    vectors: Vec<f32>,
    dimension: usize,
}

/// Finds the pairs of the table `report_sample`, and puts their images into the album.
pub(super) async fn near_duplicates(
    queries: &Queries,
    model: &PcaModel,
    total: u64,
    album: &mut Album,
) -> Result<Duplicates, AnalysisError> {
    let compared = Arc::new(compared(queries, model).await?);
    let candidates =
        candidates(&compared, queries.ctx.state().config().target_partitions()).await?;
    let cosines = cosines(queries, &compared, &candidates).await?;
    let cosines = |candidates: &Largest| {
        let pairs = candidates.pairs().filter_map(|pair| {
            let cosine = cosines.get(&pair)?;
            Some((pair.0, pair.1, *cosine))
        });
        pairs.collect::<Vec<_>>()
    };
    let (all, across) = (cosines(&candidates.all), cosines(&candidates.across));

    let mut exact = true;
    let mut shown = |mut pairs: Vec<(usize, usize, f64)>, others: f64, album: &mut Album| {
        pairs.retain(|(_, _, cosine)| *cosine >= THRESHOLD);
        pairs.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        pairs.truncate(SHOWN);
        let last = pairs.last().filter(|_| pairs.len() == SHOWN);
        exact &= last.map_or(THRESHOLD, |pair| pair.2) >= others;
        let mut image =
            |row: usize| album.add(&compared.paths[row], &compared.labels[row], Size::Large);
        let pair = |&(first, second, cosine): &(usize, usize, f64)| Pair {
            first: image(first),
            second: image(second),
            cosine,
        };
        pairs.iter().map(pair).collect::<Vec<_>>()
    };
    let pairs = shown(all, candidates.all.bound_of_others(), album);
    let mut across_labels = shown(across, candidates.across.bound_of_others(), album);
    across_labels.retain(|pair| !pairs.contains(pair));
    Ok(Duplicates {
        pairs,
        across_labels,
        threshold: THRESHOLD,
        compared: compared.paths.len() as u64,
        total,
        exact,
    })
}

async fn compared(queries: &Queries, model: &PcaModel) -> Result<Compared, AnalysisError> {
    let rows = queries.run("report/compared").await?;
    let (along_mean, lengths) = (rows.numbers("along_mean")?, rows.numbers("squared_length")?);
    let coordinates = rows.vectors("pca")?;
    let bound = CosineBound::new(model.components(), model.mean(), COMPONENTS);
    let dimension = bound.dimension();
    let mut vectors = vec![0.0; rows.len() * dimension];
    let each = vectors
        .chunks_mut(dimension)
        .zip(coordinates.chunks(model.k()));
    for ((out, centred), (along_mean, length)) in each.zip(along_mean.into_iter().zip(lengths)) {
        bound.apply(centred, along_mean, length, out);
    }
    let labels = rows.text("label")?;
    let mut known = labels.clone();
    known.sort_unstable();
    known.dedup();
    let groups = labels
        .iter()
        .map(|label| known.partition_point(|known| known < label));
    Ok(Compared {
        paths: rows.text("path")?,
        groups: groups.collect(),
        labels,
        vectors,
        dimension,
    })
}

/// Compares all pairs on `threads` threads.
async fn candidates(compared: &Arc<Compared>, threads: usize) -> Result<Candidates, AnalysisError> {
    let tasks: Vec<_> = (0..threads.max(1))
        .map(|number| {
            let compared = Arc::clone(compared);
            SpawnedTask::spawn_blocking(move || compared.share(number, threads.max(1)))
        })
        .collect();
    let mut merged = Candidates::default();
    for task in tasks {
        let found = task
            .await
            .map_err(|stopped| DataFusionError::External(Box::new(stopped)))?;
        merged = Candidates {
            all: merged.all.merge(found.all),
            across: merged.across.merge(found.across),
        };
    }
    Ok(merged)
}

impl Compared {
    /// One of `threads` shares of all pairs. The first rows have the most rows after them, so the
    /// shares take blocks of rows in turn.
    fn share(&self, number: usize, threads: usize) -> Candidates {
        let mut candidates = Candidates::default();
        let n = self.paths.len();
        for start in (number * BLOCK..n).step_by(threads * BLOCK) {
            let rows = start..(start + BLOCK).min(n);
            let at_least = THRESHOLD as f32 - ROUNDING;
            alike_pairs(
                &self.vectors,
                self.dimension,
                rows,
                at_least,
                |a, b, bound| {
                    let candidate = Candidate {
                        bound,
                        rows: (Reverse(a), Reverse(b)),
                    };
                    candidates.all.offer(candidate);
                    if self.groups[a] != self.groups[b] {
                        candidates.across.offer(candidate);
                    }
                },
            );
        }
        candidates
    }
}

/// The cosines of the candidates' features, in one pass over these.
async fn cosines(
    queries: &Queries,
    compared: &Compared,
    candidates: &Candidates,
) -> Result<HashMap<(usize, usize), f64>, AnalysisError> {
    let rows: BTreeSet<_> = candidates
        .all
        .pairs()
        .chain(candidates.across.pairs())
        .collect();
    let rows = Vec::from_iter(rows);
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let field = |name, kind| Field::new(name, kind, false);
    let schema = Schema::new(vec![
        field("number", DataType::UInt64),
        field("first", DataType::Utf8),
        field("second", DataType::Utf8),
    ]);
    let paths = |row: fn(&(usize, usize)) -> usize| {
        let paths = rows.iter().map(|pair| compared.paths[row(pair)].as_str());
        Arc::new(StringArray::from_iter_values(paths))
    };
    let table = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(UInt64Array::from_iter_values(0..rows.len() as u64)),
            paths(|pair| pair.0),
            paths(|pair| pair.1),
        ],
    )
    .map_err(DataFusionError::from)?;
    queries.ctx.deregister_table("report_candidates")?;
    queries.ctx.register_batch("report_candidates", table)?;
    let cosines = queries.run("report/pairs").await;
    queries.ctx.deregister_table("report_candidates")?;
    let cosines = cosines?;
    let numbers = cosines.counts("number")?;
    Ok(numbers
        .into_iter()
        .zip(cosines.numbers("cosine")?)
        .map(|(number, cosine)| (rows[number as usize], cosine))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(bound: f32, first: usize) -> Candidate {
        Candidate {
            bound,
            rows: (Reverse(first), Reverse(first + 1)),
        }
    }

    #[test]
    fn the_largest_stay_whatever_the_order() {
        let offered = |order: &mut dyn Iterator<Item = usize>| {
            let mut largest = Largest::default();
            for number in order {
                // Many equals, of which the first rows stay.
                largest.offer(candidate((number / 7) as f32, number));
            }
            let mut kept: Vec<_> = largest.kept.iter().map(|kept| kept.0.rows.0.0).collect();
            kept.sort_unstable();
            (kept, largest.bound_of_others())
        };
        let n = 3 * CANDIDATES;
        let (forwards, bound) = offered(&mut (0..n));
        assert_eq!(forwards.len(), CANDIDATES);
        assert!(bound > 0.0);
        assert_eq!(offered(&mut (0..n).rev()), (forwards, bound));
        assert_eq!(offered(&mut (0..9)).1, f64::NEG_INFINITY);
    }

    #[test]
    fn shares_make_up_the_whole() {
        let n = 2 * BLOCK + 100;
        let angle = |row: usize| row as f32 * 2.399_963;
        let compared = Compared {
            paths: (0..n).map(|row| row.to_string()).collect(),
            labels: vec![],
            groups: (0..n).map(|row| row % 2).collect(),
            vectors: (0..n)
                .flat_map(|row| [angle(row).cos(), angle(row).sin()])
                .collect(),
            dimension: 2,
        };
        let rows = |candidates: Candidates| {
            let mut rows: Vec<_> = candidates.all.kept.into_iter().collect();
            rows.sort_unstable();
            rows
        };
        let whole = rows(compared.share(0, 1));
        assert_eq!(whole.len(), CANDIDATES);
        let (a, b) = (compared.share(0, 2), compared.share(1, 2));
        let both = Candidates {
            all: a.all.merge(b.all),
            across: a.across.merge(b.across),
        };
        assert!(
            both.across
                .kept
                .iter()
                .all(|pair| (pair.0.rows.0.0 + pair.0.rows.1.0) % 2 == 1)
        );
        assert_eq!(rows(both), whole);
    }
}
