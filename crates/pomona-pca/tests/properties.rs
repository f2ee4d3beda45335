//! What holds for any rows: splits, merges, permutations and subtractions, and the geometry of a
//! model and its projection.

use pomona_pca::{Components, Moments, MomentsParts, PcaModel};
use proptest::prelude::*;

/// Rows of `d` features with different scales and offsets, so that variances are well apart.
#[derive(Clone, Debug)]
struct Rows {
    d: usize,
    values: Vec<f32>,
}

impl Rows {
    fn count(&self) -> usize {
        self.values.len() / self.d
    }

    fn moments(&self) -> Moments {
        self.slice(0, self.count())
    }

    fn slice(&self, from: usize, to: usize) -> Moments {
        let mut moments = Moments::new(self.d);
        moments
            .update(&self.values[from * self.d..to * self.d])
            .expect("finite rows");
        moments
    }
}

/// 2 to 600 rows, so that there are none, one or two full blocks, of 1 to 60 features, so that
/// there are up to three panels.
fn rows() -> impl Strategy<Value = Rows> {
    (1_usize..60, 2_usize..600, any::<u64>(), -100.0_f64..100.0).prop_map(
        |(d, n, mut state, offset)| {
            let mut uniform = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(99);
                (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
            };
            let values = (0..n * d)
                .map(|at| (offset + uniform() * 0.8_f64.powi((at % d) as i32)) as f32)
                .collect();
            Rows { d, values }
        },
    )
}

/// Rows and two places to cut them.
fn cut_rows() -> impl Strategy<Value = (Rows, usize, usize)> {
    rows().prop_flat_map(|rows| {
        let n = rows.count();
        (Just(rows), 0..=n, 0..=n).prop_map(|(rows, a, b)| (rows, a.min(b), a.max(b)))
    })
}

fn merged(mut left: Moments, right: &Moments) -> Moments {
    left.merge(right).expect("the same dimension");
    left
}

/// Equal counts, means to 1e-12 of their size and products to 1e-11 of the largest.
fn assert_close(mut left: Moments, mut right: Moments) -> Result<(), TestCaseError> {
    prop_assert_eq!(left.count(), right.count());
    for (a, b) in left.mean().iter().zip(right.mean()) {
        prop_assert!(
            (a - b).abs() <= 1e-12 * b.abs().max(1.0),
            "mean {} and {}",
            a,
            b
        );
    }
    let largest = right
        .comoment()
        .iter()
        .fold(0.0, |max: f64, value| max.max(value.abs()));
    for (a, b) in left.comoment().iter().zip(right.comoment()) {
        prop_assert!(
            (a - b).abs() <= 1e-11 * largest,
            "product {} and {} of {}",
            a,
            b,
            largest
        );
    }
    Ok(())
}

/// Every component the rows allow.
fn full_model(rows: &Rows) -> PcaModel {
    let k = rows.d.min(rows.count());
    rows.moments()
        .solve(Components::Count(k))
        .expect("enough rows")
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn moments_are_those_of_the_definition(rows in rows()) {
        let (d, n) = (rows.d, rows.count());
        let value = |i: usize, j: usize| f64::from(rows.values[i * d + j]);
        let mean: Vec<f64> =
            (0..d).map(|j| (0..n).map(|i| value(i, j)).sum::<f64>() / n as f64).collect();
        let mut comoment = Vec::new();
        for a in 0..d {
            for b in a..d {
                let product = |i| (value(i, a) - mean[a]) * (value(i, b) - mean[b]);
                comoment.push((0..n).map(product).sum::<f64>());
            }
        }
        let parts = MomentsParts { count: n as u64, mean_low: vec![0.0; d], mean, comoment };
        let defined = Moments::from_parts(parts).expect("moments of rows");
        assert_close(rows.moments(), defined)?;
    }

    #[test]
    fn a_split_changes_nothing((rows, a, b) in cut_rows()) {
        let n = rows.count();
        let parts = merged(merged(rows.slice(0, a), &rows.slice(a, b)), &rows.slice(b, n));
        assert_close(parts, rows.moments())?;
    }

    #[test]
    fn merge_is_associative_and_commutative((rows, a, b) in cut_rows()) {
        let (x, y, z) = (rows.slice(0, a), rows.slice(a, b), rows.slice(b, rows.count()));
        let left = merged(merged(x.clone(), &y), &z);
        let right = merged(x.clone(), &merged(y.clone(), &z));
        let turned = merged(z, &merged(y, &x));
        assert_close(left.clone(), right)?;
        assert_close(left, turned)?;
    }

    #[test]
    fn merging_nothing_changes_no_bit(rows in rows()) {
        let whole = rows.moments();
        let empty = Moments::new(rows.d);
        let expected = whole.clone().into_parts();
        prop_assert!(merged(whole.clone(), &empty).into_parts() == expected);
        prop_assert!(merged(empty, &whole).into_parts() == expected);
    }

    #[test]
    fn subtract_undoes_merge((rows, a, b) in cut_rows()) {
        let n = rows.count();
        let mut left = rows.moments();
        left.subtract(&rows.slice(a, b)).expect("rows that were added");
        let kept = merged(rows.slice(0, a), &rows.slice(b, n));
        // Cancellation is in proportion to what was there before, not to what is left.
        prop_assert_eq!(left.count(), kept.count());
        let (left, kept) = (left.into_parts(), kept.into_parts());
        let before = rows.moments().into_parts().comoment;
        let largest = before.iter().fold(0.0, |max: f64, value| max.max(value.abs()));
        let all = n as f64;
        for (a, b) in left.mean.iter().zip(&kept.mean) {
            prop_assert!((a - b).abs() <= 1e-13 * all * b.abs().max(1.0), "mean {} {}", a, b);
        }
        for (a, b) in left.comoment.iter().zip(&kept.comoment) {
            prop_assert!((a - b).abs() <= 1e-12 * all * largest, "product {} {}", a, b);
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows(), step in 1_usize..1000) {
        let (d, n) = (rows.d, rows.count());
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|i| i.wrapping_mul(step).wrapping_mul(2_654_435_761) % 10_007);
        let values = order.iter().flat_map(|&i| rows.values[i * d..][..d].to_vec()).collect();
        assert_close(Rows { d, values }.moments(), rows.moments())?;
    }

    #[test]
    fn a_model_is_orthonormal_and_keeps_the_trace(rows in rows()) {
        let model = full_model(&rows);
        let d = rows.d;
        let components: Vec<&[f64]> = model.components().chunks(d).collect();
        for (i, a) in components.iter().enumerate() {
            for (j, b) in components.iter().enumerate() {
                let expected = if i == j { 1.0 } else { 0.0 };
                prop_assert!((dot(a, b) - expected).abs() < 1e-12, "{} {}", i, j);
            }
            let largest = a.iter().fold(0.0_f64, |l, &v| if v.abs() > l.abs() { v } else { l });
            prop_assert!(largest > 0.0);
        }
        let variance = model.explained_variance();
        prop_assert!(variance.is_sorted_by(|a, b| a >= b) && variance[d - 1] >= 0.0);
        let MomentsParts { count, comoment, .. } = rows.moments().into_parts();
        let mut at = 0;
        let mut trace = 0.0;
        for i in 0..d {
            trace += comoment[at] / (count - 1) as f64;
            at += d - i;
        }
        prop_assert!((variance.iter().sum::<f64>() - trace).abs() <= 1e-12 * trace.max(1e-30));
        prop_assert!((model.explained_variance_ratio().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn projected_rows_have_the_explained_variances(rows in rows()) {
        let model = full_model(&rows);
        let (n, k) = (rows.count(), model.k());
        let mut out = vec![0.0; n * k];
        model.projection(true).apply(&rows.values, &mut out);
        let scale = model.explained_variance()[0];
        for c in 0..k {
            let column: Vec<f64> = out.iter().skip(c).step_by(k).map(|&x| f64::from(x)).collect();
            let mean = column.iter().sum::<f64>() / n as f64;
            let squares: f64 = column.iter().map(|x| (x - mean) * (x - mean)).sum();
            // Coordinates are rounded to f32.
            prop_assert!(mean.abs() < 1e-6 * scale.sqrt().max(1e-3));
            let variance = squares / (n - 1) as f64;
            prop_assert!((variance - model.explained_variance()[c]).abs() < 1e-6 * scale);
        }
    }

    #[test]
    fn without_centring_every_row_differs_by_the_same_vector(rows in rows()) {
        let model = full_model(&rows);
        let (n, d, k) = (rows.count(), rows.d, model.k());
        let mut centred = vec![0.0; n * k];
        let mut plain = vec![0.0; n * k];
        model.projection(true).apply(&rows.values, &mut centred);
        model.projection(false).apply(&rows.values, &mut plain);
        for (at, (centred, plain)) in centred.iter().zip(&plain).enumerate() {
            let component = &model.components()[at % k * d..][..d];
            let row: Vec<f64> =
                rows.values[at / k * d..][..d].iter().copied().map(f64::from).collect();
            let (along, shift) = (dot(&row, component), dot(model.mean(), component));
            // Both are the f64 result rounded once: half a unit in the last place of an f32.
            let near = |ours: f32, exact: f64| {
                (f64::from(ours) - exact).abs() <= 6.0e-8 * exact.abs() + 1e-10
            };
            prop_assert!(near(*plain, along), "{} {}", plain, along);
            prop_assert!(near(*centred, along - shift), "{} {}", centred, along - shift);
        }
    }
}
