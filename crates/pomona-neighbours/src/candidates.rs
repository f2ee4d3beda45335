//! [`Candidates`]: the vectors that may be among the nearest of one query.

/// The vectors that may be among the `k` nearest of one query, by approximate cosines.
pub(crate) struct Candidates {
    k: usize,
    /// Twice the error of a cosine: a vector that is farther than this below the k-th best is not
    /// among the nearest.
    margin: f32,
    /// The smallest cosine that may still be among the nearest.
    threshold: f32,
    /// Number of candidates at which those that can no longer be among the nearest are dropped.
    limit: usize,
    held: Vec<(f32, u32)>,
}

impl Candidates {
    /// No candidates.
    pub(crate) fn new(k: usize, margin: f32) -> Self {
        Self {
            k,
            margin,
            threshold: match k {
                0 => f32::INFINITY,
                _ => f32::NEG_INFINITY,
            },
            limit: limit(k, 0),
            held: vec![],
        }
    }

    /// The threshold: cosines below it are not among the nearest.
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Adds a vector whose cosine reaches the threshold.
    pub(crate) fn push(&mut self, cosine: f32, position: u32) {
        self.held.push((cosine, position));
        if self.held.len() >= self.limit {
            self.narrow();
        }
    }

    /// The places of the candidates.
    pub(crate) fn positions(self) -> impl Iterator<Item = usize> {
        self.held.into_iter().map(|(_, position)| position as usize)
    }

    /// Raises the threshold by the k-th best cosine, and drops the candidates below it.
    fn narrow(&mut self) {
        let (_, kth, _) = self
            .held
            .select_nth_unstable_by(self.k - 1, |a, b| b.0.total_cmp(&a.0));
        self.threshold = kth.0 - self.margin;
        let threshold = self.threshold;
        self.held.retain(|(cosine, _)| *cosine >= threshold);
        self.limit = limit(self.k, self.held.len());
    }
}

/// Twice as many, so that the cost of dropping is amortised over the candidates added.
fn limit(k: usize, held: usize) -> usize {
    2 * k.max(held) + 64
}
