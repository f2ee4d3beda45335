//! Agreement with scikit-learn's `PCA(svd_solver="covariance_eigh")`, for any split and any merge.

use pomona_pca::{Components, Moments, PcaModel};

mod generator;
mod synthetic;

use synthetic::{RECIPES, Recipe, Reference, checksum};

/// Where the rows are cut into seven uneven parts, as fractions; one of them is empty.
const CUTS: [f64; 8] = [0.0, 0.02, 0.13, 0.13, 0.45, 0.5, 0.91, 1.0];

fn moments(rows: &[f32], d: usize) -> Moments {
    let mut moments = Moments::new(d);
    moments.update(rows).expect("finite rows");
    moments
}

fn parts(rows: &[f32], d: usize) -> Vec<Moments> {
    let n = (rows.len() / d) as f64;
    CUTS.windows(2)
        .map(|cut| {
            moments(
                &rows[(cut[0] * n) as usize * d..(cut[1] * n) as usize * d],
                d,
            )
        })
        .collect()
}

/// Merges one after the other, in the order given.
fn chain(parts: &[Moments], order: &[usize]) -> Moments {
    let mut whole = parts[order[0]].clone();
    for &part in &order[1..] {
        whole.merge(&parts[part]).expect("the same dimension");
    }
    whole
}

/// Merges neighbours pairwise until one is left.
fn tree(mut parts: Vec<Moments>) -> Moments {
    while parts.len() > 1 {
        parts = parts
            .chunks(2)
            .map(|pair| {
                let mut merged = pair[0].clone();
                if let Some(other) = pair.get(1) {
                    merged.merge(other).expect("the same dimension");
                }
                merged
            })
            .collect();
    }
    parts.remove(0)
}

/// Explained variances to 1e-9 relative and components to 1e-7. Below 1e-5 of the largest variance
/// the rounding of the covariance itself, which is in proportion to the largest, takes over: that
/// is the absolute term, and what is left where scikit-learn has zeros.
fn assert_agrees(model: &PcaModel, reference: &Reference, what: &str) {
    let close = |ours: f64, theirs: f64, floor: f64| (ours - theirs).abs() <= 1e-9 * theirs + floor;
    assert_eq!(model.n_samples(), reference.n_samples, "{what}");
    assert_eq!(model.dimension(), reference.dimension, "{what}");
    for (j, (ours, theirs)) in model.mean().iter().zip(&reference.mean).enumerate() {
        assert!(
            (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0),
            "{what}: mean {j}"
        );
    }
    let floor = 1e-14 * reference.explained_variance[0];
    assert_eq!(
        model.explained_variance().len(),
        reference.explained_variance.len(),
        "{what}"
    );
    let variances = model
        .explained_variance()
        .iter()
        .zip(&reference.explained_variance);
    for (i, (&ours, &theirs)) in variances.enumerate() {
        assert!(
            close(ours, theirs, floor),
            "{what}: variance {i}: {ours:e} and {theirs:e}"
        );
    }
    let ratios = model
        .explained_variance_ratio()
        .iter()
        .zip(&reference.explained_variance_ratio);
    for (i, (&ours, &theirs)) in ratios.enumerate() {
        assert!(
            close(ours, theirs, 1e-14),
            "{what}: ratio {i}: {ours:e} and {theirs:e}"
        );
    }
    let components = model
        .components()
        .chunks(model.dimension())
        .zip(&reference.components);
    for (i, (ours, theirs)) in components.enumerate() {
        // The sign is scikit-learn's, so it is compared as well.
        for (j, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert!(
                (ours - theirs).abs() <= 1e-7,
                "{what}: component {i}, {j}: {ours} {theirs}"
            );
        }
    }
}

fn each(check: impl Fn(&Recipe, &[f32], &Reference)) {
    for recipe in &RECIPES {
        check(recipe, &recipe.rows(), &recipe.reference());
    }
}

#[test]
fn rows_are_those_of_the_script() {
    each(|recipe, rows, reference| {
        assert_eq!(checksum(rows), reference.checksum, "{}", recipe.name);
        assert_eq!(
            rows.len(),
            reference.n_samples as usize * reference.dimension
        );
    });
}

#[test]
fn in_one_piece() {
    each(|recipe, rows, reference| {
        let model = moments(rows, reference.dimension)
            .solve(Components::Count(5))
            .unwrap();
        assert_agrees(&model, reference, recipe.name);
    });
}

#[test]
fn by_the_row_and_from_f64() {
    each(|recipe, rows, reference| {
        let d = reference.dimension;
        let mut in_f32 = Moments::new(d);
        let mut in_f64 = Moments::new(d);
        for row in rows.chunks(d) {
            in_f32.update(row).unwrap();
            let row: Vec<f64> = row.iter().copied().map(f64::from).collect();
            in_f64.update(&row).unwrap();
        }
        let model = in_f32.solve(Components::Count(5)).unwrap();
        assert_agrees(&model, reference, recipe.name);
        let whole = moments(rows, d).into_parts();
        assert!(
            in_f32.into_parts() == whole,
            "{}: by the row is bit for bit the same",
            recipe.name
        );
        // Blocks of f32 may be multiplied as whole numbers, and those of f64 are not.
        let in_f64 = in_f64.into_parts();
        assert_eq!(in_f64.count, whole.count);
        let largest = |values: &[f64]| values.iter().fold(0.0, |l: f64, v| l.max(v.abs()));
        for (ours, theirs) in [
            (in_f64.mean, &whole.mean),
            (in_f64.comoment, &whole.comoment),
        ] {
            let apart: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
            assert!(
                largest(&apart) <= 5e-14 * largest(theirs),
                "{}: widened rows",
                recipe.name
            );
        }
    });
}

#[test]
fn in_seven_parts_merged_in_any_order() {
    each(|recipe, rows, reference| {
        let parts = parts(rows, reference.dimension);
        let orders = [
            [0, 1, 2, 3, 4, 5, 6],
            [6, 5, 4, 3, 2, 1, 0],
            [2, 4, 0, 6, 1, 3, 5],
            [5, 2, 6, 0, 3, 1, 4],
        ];
        for order in orders {
            let model = chain(&parts, &order).solve(Components::Count(5)).unwrap();
            assert_agrees(&model, reference, &format!("{} {order:?}", recipe.name));
        }
        let model = tree(parts).solve(Components::Count(5)).unwrap();
        assert_agrees(&model, reference, &format!("{} as a tree", recipe.name));
    });
}

#[test]
fn through_the_states_that_travel() {
    each(|recipe, rows, reference| {
        let travelled = parts(rows, reference.dimension)
            .into_iter()
            .map(|part| Moments::from_parts(part.into_parts()).expect("moments of rows"))
            .collect();
        let model = tree(travelled).solve(Components::Count(5)).unwrap();
        assert_agrees(&model, reference, recipe.name);
    });
}

#[test]
fn a_share_of_the_variance_keeps_as_many() {
    each(|recipe, rows, reference| {
        let moments = moments(rows, reference.dimension);
        for (share, &k) in &reference.k_of_fraction {
            let components = share.parse::<Components>().unwrap();
            let model = moments.solve(components).unwrap();
            assert_eq!(model.k(), k, "{}: {share}", recipe.name);
        }
    });
}
