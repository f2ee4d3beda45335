//! Agreement with exact arithmetic on rows of `f64`, near zero and up to 1e9 times their spread away
//! from it, for any split and any merge.

use std::path::Path;

use pomona_pca::{Components, Moments, PcaModel};
use serde::Deserialize;

mod generator;

use generator::Generator;

/// One data set's recipe; the fields are those of `DATASETS` in `exact_reference.py`.
struct Recipe {
    name: &'static str,
    rows: usize,
    features: usize,
    factors: usize,
    decay: f64,
    scale: f64,
    offset: f64,
    drift: f64,
}

const RECIPES: [Recipe; 6] = [
    Recipe::new("near", (300, 24), 24, 0.8, 1.0, 0.0, 0.0),
    Recipe::new("far", (320, 12), 12, 0.7, 1.0, 1e9, 0.0),
    Recipe::new("drifting", (700, 8), 8, 0.7, 1.0, 1e9, 0.01),
    Recipe::new("few", (30, 64), 64, 0.9, 1.0, 1e7, 0.0),
    Recipe::new("large", (90, 8), 8, 0.7, 1e39, 1e46, 0.0),
    Recipe::new("small", (90, 8), 8, 0.7, 1e-140, 1e-133, 0.0),
];

/// What the script wrote.
#[derive(Deserialize)]
struct Reference {
    n_samples: u64,
    dimension: usize,
    checksum: String,
    mean: Vec<f64>,
    explained_variance: Vec<f64>,
    components: Vec<Vec<f64>>,
}

impl Recipe {
    const fn new(
        name: &'static str,
        (rows, features): (usize, usize),
        factors: usize,
        decay: f64,
        scale: f64,
        offset: f64,
        drift: f64,
    ) -> Self {
        Self {
            name,
            rows,
            features,
            factors,
            decay,
            scale,
            offset,
            drift,
        }
    }

    /// The rows, row-major.
    fn rows(&self) -> Vec<f64> {
        let mut generator = Generator((self.name.len() + self.rows * self.features) as u64);
        let amplitude: Vec<f64> = std::iter::successors(Some(1.0), |a| Some(a * self.decay))
            .take(self.factors)
            .collect();
        let mixing: Vec<f64> = (0..self.factors * self.features)
            .map(|_| generator.uniform())
            .collect();
        let mut rows = Vec::with_capacity(self.rows * self.features);
        for i in 0..self.rows {
            let latent: Vec<f64> = amplitude.iter().map(|a| generator.uniform() * a).collect();
            for j in 0..self.features {
                let mut value = 0.0;
                for (f, latent) in latent.iter().enumerate() {
                    value += latent * mixing[f * self.features + j];
                }
                value = value * self.scale + self.drift * i as f64;
                let offset = if j % 2 == 0 {
                    self.offset
                } else {
                    -self.offset
                };
                rows.push(value + offset);
            }
        }
        rows
    }

    fn reference(&self) -> Reference {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/data/exact_{}.json", self.name));
        let text = std::fs::read_to_string(&path).expect("the reference is part of the repository");
        serde_json::from_str(&text).expect("the reference is what the script writes")
    }
}

fn checksum(rows: &[f64]) -> String {
    let hash = rows.iter().fold(0_u64, |hash, value| {
        hash.wrapping_mul(31).wrapping_add(value.to_bits())
    });
    format!("{hash:016x}")
}

fn moments(rows: &[f64], d: usize) -> Moments {
    let mut moments = Moments::new(d);
    moments.update(rows).expect("finite rows");
    moments
}

/// Variances to 1e-9 of each or 1e-14 of the largest, and components to 1e-7.
fn assert_agrees(moments: &Moments, reference: &Reference, what: &str) {
    let model = moments.solve(Components::Count(4)).expect("enough rows");
    assert_eq!(model.n_samples(), reference.n_samples, "{what}");
    assert_eq!(model.dimension(), reference.dimension, "{what}");
    let spread = reference.explained_variance[0].sqrt();
    for (j, (ours, exact)) in model.mean().iter().zip(&reference.mean).enumerate() {
        assert!(
            (ours - exact).abs() <= f64::EPSILON * (2.0 * exact.abs() + 16.0 * spread),
            "{what}: mean {j}: {ours:e} and {exact:e}"
        );
    }
    let floor = 1e-14 * reference.explained_variance[0];
    let variances = model
        .explained_variance()
        .iter()
        .zip(&reference.explained_variance);
    for (i, (ours, exact)) in variances.enumerate() {
        assert!(
            (ours - exact).abs() <= 1e-9 * exact + floor,
            "{what}: variance {i}: {ours:e} and {exact:e}"
        );
    }
    assert_components(&model, reference, what);
}

fn assert_components(model: &PcaModel, reference: &Reference, what: &str) {
    let components = model.components().chunks(model.dimension());
    for (i, (ours, exact)) in components.zip(&reference.components).enumerate() {
        for (j, (ours, exact)) in ours.iter().zip(exact).enumerate() {
            assert!(
                (ours - exact).abs() <= 1e-7,
                "{what}: component {i}, {j}: {ours} and {exact}"
            );
        }
    }
}

fn each(check: impl Fn(&Recipe, &[f64], &Reference)) {
    for recipe in &RECIPES {
        check(recipe, &recipe.rows(), &recipe.reference());
    }
}

#[test]
fn rows_are_those_of_the_script() {
    each(|recipe, rows, reference| {
        assert_eq!(checksum(rows), reference.checksum, "{}", recipe.name);
    });
}

#[test]
fn in_one_piece() {
    each(|recipe, rows, reference| {
        assert_agrees(&moments(rows, reference.dimension), reference, recipe.name);
    });
}

#[test]
fn in_parts_of_any_length_merged_in_any_order() {
    each(|recipe, rows, reference| {
        let d = reference.dimension;
        // One row a part is the longest chain of merges there can be.
        for length in [1, 7, 100] {
            let what = format!("{}, {length} rows a part", recipe.name);
            let parts: Vec<Moments> = rows
                .chunks(length * d)
                .map(|part| {
                    let part = moments(part, d).into_parts();
                    Moments::from_parts(part).expect("moments of rows")
                })
                .collect();
            let forwards = parts.iter().collect::<Vec<_>>();
            let backwards = parts.iter().rev().collect::<Vec<_>>();
            let mut scattered = forwards.clone();
            scattered.sort_by_key(|part| (*part).clone().mean()[0].to_bits() % 1009);
            for order in [forwards, backwards, scattered] {
                let mut whole = Moments::new(d);
                for part in order {
                    whole.merge(part).expect("the same dimension");
                }
                assert_agrees(&whole, reference, &what);
            }
            let mut tree = parts;
            while tree.len() > 1 {
                let pairs = tree.chunks(2).map(|pair| {
                    let mut merged = pair[0].clone();
                    if let Some(other) = pair.get(1) {
                        merged.merge(other).expect("the same dimension");
                    }
                    merged
                });
                tree = pairs.collect();
            }
            assert_agrees(&tree[0], reference, &format!("{what}, as a tree"));
        }
    });
}

#[test]
fn after_other_rows_were_taken_out_again() {
    each(|recipe, rows, reference| {
        let d = reference.dimension;
        // Rows like the others, and as many.
        let others: Vec<f64> = rows
            .iter()
            .map(|value| value * (1.0 + f64::EPSILON))
            .collect();
        let others = moments(&others, d);
        let mut whole = others.clone();
        whole.merge(&moments(rows, d)).expect("the same dimension");
        whole.subtract(&others).expect("rows that were added");
        assert_agrees(&whole, reference, recipe.name);
    });
}

#[test]
fn projected_rows_have_the_digits_of_f64() {
    each(|recipe, rows, reference| {
        let d = reference.dimension;
        let model = moments(rows, d).solve(Components::Count(4)).unwrap();
        let n = rows.len() / d;
        let mut out = vec![0.0; n * 4];
        model.projection(true).apply(rows, &mut out);
        for c in 0..4 {
            let column = || out.iter().skip(c).step_by(4);
            // The mean of the model is rounded to f64, so that all coordinates are off by the same.
            let mean = column().sum::<f64>() / n as f64;
            let scale = model.explained_variance()[0].sqrt();
            assert!(
                mean.abs() <= f64::EPSILON * reference.mean[0].abs() * d as f64 + 1e-14 * scale
            );
            let squares = column().map(|x| (x - mean) * (x - mean)).sum::<f64>();
            let variance = squares / (n - 1) as f64;
            let exact = reference.explained_variance[c];
            assert!(
                (variance - exact).abs() <= 1e-9 * exact,
                "{}: variance along {c}: {variance:e} and {exact:e}",
                recipe.name
            );
        }
    });
}
