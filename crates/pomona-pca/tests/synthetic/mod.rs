//! The synthetic rows of `sklearn_reference.py`, bit by bit, and the numbers it wrote about them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::generator::Generator;

/// One data set's recipe; the fields are those of `DATASETS` in the script.
pub(crate) struct Recipe {
    pub name: &'static str,
    rows: usize,
    features: usize,
    factors: usize,
    decay: f64,
    offset: f64,
    constant: usize,
    noise: f64,
}

/// The data sets of the script.
pub(crate) const RECIPES: [Recipe; 6] = [
    Recipe::new("tiny", (60, 7), 7, 0.7, 0.0, 0, 0.0),
    Recipe::new("decaying", (500, 64), 64, 0.93, 0.0, 0, 0.0),
    Recipe::new("wide", (300, 200), 40, 0.85, 0.0, 0, 0.05),
    Recipe::new("deficient", (20, 64), 64, 0.8, 0.0, 0, 0.0),
    Recipe::new("constant", (200, 64), 20, 0.75, 0.5, 9, 0.05),
    Recipe::new("offset", (400, 64), 64, 0.93, 1e4, 0, 0.0),
];

/// What scikit-learn found; the fields are those that `reference` in the script writes.
#[derive(Deserialize)]
pub(crate) struct Reference {
    pub n_samples: u64,
    pub dimension: usize,
    pub checksum: String,
    pub mean: Vec<f64>,
    pub explained_variance: Vec<f64>,
    pub explained_variance_ratio: Vec<f64>,
    pub components: Vec<Vec<f64>>,
    pub k_of_fraction: BTreeMap<String, usize>,
}

impl Recipe {
    const fn new(
        name: &'static str,
        (rows, features): (usize, usize),
        factors: usize,
        decay: f64,
        offset: f64,
        constant: usize,
        noise: f64,
    ) -> Self {
        Self {
            name,
            rows,
            features,
            factors,
            decay,
            offset,
            constant,
            noise,
        }
    }

    /// The rows, row-major.
    pub(crate) fn rows(&self) -> Vec<f32> {
        let mut generator = Generator((self.name.len() + self.rows * self.features) as u64);
        let amplitude: Vec<f64> = std::iter::successors(Some(1.0), |a| Some(a * self.decay))
            .take(self.factors)
            .collect();
        let mixing: Vec<f64> = (0..self.factors * self.features)
            .map(|_| generator.uniform())
            .collect();
        let mut rows = Vec::with_capacity(self.rows * self.features);
        for _ in 0..self.rows {
            let latent: Vec<f64> = amplitude.iter().map(|a| generator.uniform() * a).collect();
            for j in 0..self.features {
                let mut value = 0.0;
                for (f, latent) in latent.iter().enumerate() {
                    value += latent * mixing[f * self.features + j];
                }
                value += generator.uniform() * self.noise;
                let value = if j < self.constant {
                    self.offset
                } else {
                    value + self.offset
                };
                rows.push(value as f32);
            }
        }
        rows
    }

    /// The reference numbers.
    pub(crate) fn reference(&self) -> Reference {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(self.name)
            .with_extension("json");
        let text = std::fs::read_to_string(&path).expect("the reference is part of the repository");
        serde_json::from_str(&text).expect("the reference is what the script writes")
    }
}

/// The script's checksum of rows.
pub(crate) fn checksum(rows: &[f32]) -> String {
    let hash = rows.iter().fold(0_u64, |hash, value| {
        hash.wrapping_mul(31)
            .wrapping_add(u64::from(value.to_bits()))
    });
    format!("{hash:016x}")
}
