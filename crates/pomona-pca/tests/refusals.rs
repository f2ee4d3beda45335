//! What is refused, and what the refusal says; and the corner cases that are not refused.

use pomona_pca::{Components, Moments, MomentsParts, PcaError, PcaModel};

fn moments(d: usize, rows: &[f32]) -> Moments {
    let mut moments = Moments::new(d);
    moments.update(rows).expect("finite rows");
    moments
}

#[test]
fn too_few_rows() {
    for rows in [&[][..], &[1.0, 2.0][..]] {
        let error = moments(2, rows).solve(Components::Count(1)).unwrap_err();
        assert_eq!(
            error,
            PcaError::TooFewSamples {
                count: rows.len() as u64 / 2
            }
        );
    }
}

#[test]
fn too_many_components_says_how_many_there_are() {
    let moments = moments(3, &[1.0, 2.0, 3.0, 4.0, 6.0, 5.0]);
    assert_eq!(
        moments.solve(Components::Count(3)).unwrap_err().to_string(),
        "3 components were asked for, but 2 rows of 3 features have at most 2: ask for 2 or fewer \
         ('at most 3' keeps as many as possible), or pass more rows"
    );
    assert_eq!(moments.solve(Components::Count(2)).unwrap().k(), 2);
    assert_eq!(moments.solve(Components::AtMost(3)).unwrap().k(), 2);
}

#[test]
fn a_number_that_is_not_finite_is_named_and_nothing_is_added() {
    let mut moments = moments(3, &[1.0, 2.0, 3.0]);
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = moments
            .update(&[1.0, 2.0, 3.0, 4.0, value, 6.0])
            .unwrap_err();
        let PcaError::NonFinite {
            row: 1,
            column: 1,
            value: found,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(found.to_bits(), f64::from(value).to_bits());
    }
    assert!(moments.update(&[0.0, 0.0, f64::NAN]).is_err());
    assert_eq!(moments.count(), 1);
    assert_eq!(moments.mean(), [1.0, 2.0, 3.0]);
}

#[test]
fn lengths_that_do_not_fit() {
    let mut three = Moments::new(3);
    assert_eq!(
        three.update(&[1.0; 4]),
        Err(PcaError::RaggedRows {
            length: 4,
            dimension: 3
        })
    );
    let two = Moments::new(2);
    let mismatch = PcaError::DimensionMismatch {
        expected: 3,
        found: 2,
    };
    assert_eq!(three.merge(&two), Err(mismatch.clone()));
    assert_eq!(three.subtract(&two), Err(mismatch));
    let mut none = Moments::new(0);
    assert_eq!(none.update::<f32>(&[]), Err(PcaError::NoFeatures));
    assert_eq!(none.update(&[1.0]), Err(PcaError::NoFeatures));
    assert_eq!(none.solve(Components::Count(1)), Err(PcaError::NoFeatures));
}

#[test]
fn states_that_no_rows_have() {
    let refused = |count, mean: &[f64], comoment: &[f64]| {
        Moments::from_parts(parts(count, mean, comoment)).is_err()
    };
    assert!(refused(2, &[], &[]));
    assert!(refused(2, &[0.0, 0.0], &[1.0, 0.0]));
    assert!(refused(2, &[f64::NAN], &[1.0]));
    assert!(refused(2, &[0.0], &[f64::INFINITY]));
    assert!(refused(2, &[0.0, 0.0], &[1.0, 0.0, -1.0]));
    assert!(refused(0, &[1.0], &[0.0]));
    assert!(refused(1, &[1.0], &[1.0]));
    assert!(!refused(0, &[0.0], &[0.0]));
    assert!(!refused(1, &[1.0], &[0.0]));
    assert!(!refused(2, &[0.0, 0.0], &[1.0, -0.5, 1.0]));
    for mean_low in [vec![], vec![0.0; 2], vec![f64::NAN]] {
        let parts = MomentsParts {
            mean_low,
            ..parts(2, &[1.0], &[1.0])
        };
        assert!(Moments::from_parts(parts).is_err());
    }
}

fn parts(count: u64, mean: &[f64], comoment: &[f64]) -> MomentsParts {
    MomentsParts {
        count,
        mean: mean.to_vec(),
        mean_low: vec![0.0; mean.len()],
        comoment: comoment.to_vec(),
    }
}

#[test]
fn more_rows_cannot_be_taken_than_there_are() {
    let mut one = moments(1, &[1.0]);
    assert!(one.subtract(&moments(1, &[1.0, 2.0])).is_err());
    one.subtract(&moments(1, &[1.0])).unwrap();
    assert_eq!(one.into_parts(), parts(0, &[0.0], &[0.0]));
}

#[test]
fn equal_rows_have_components_but_no_variance_to_keep() {
    let moments = moments(2, &[3.0, 4.0, 3.0, 4.0, 3.0, 4.0]);
    let model = moments.solve(Components::Count(2)).unwrap();
    assert_eq!(model.explained_variance(), [0.0, 0.0]);
    assert_eq!(model.explained_variance_ratio(), [0.0, 0.0]);
    let error = moments.solve(Components::Share(0.5)).unwrap_err();
    assert_eq!(error, PcaError::NoVariance { count: 3 });
}

#[test]
fn one_feature_is_its_own_component() {
    let model = moments(1, &[1.0, 2.0, 3.0])
        .solve(Components::Count(1))
        .unwrap();
    assert_eq!(model.components(), [1.0]);
    assert!((model.explained_variance()[0] - 1.0).abs() < 1e-15);
}

#[test]
fn features_of_any_size_are_solved() {
    for scale in [1e-150, 1e-30, 1.0, 1e30, 1e150] {
        let mut moments = Moments::new(2);
        moments
            .update(&[scale, scale, 2.0 * scale, 2.0 * scale])
            .unwrap();
        let model = moments.solve(Components::Count(1)).unwrap();
        let relative = model.explained_variance()[0] / scale / scale;
        assert!((relative - 1.0).abs() < 1e-12, "{scale:e}: {relative}");
    }
    let mut overflowing = Moments::new(1);
    overflowing.update(&[1e200, -1e200]).unwrap();
    assert!(overflowing.solve(Components::Count(1)).is_err());
}

#[test]
fn size_counts_the_triangle_once_there_is_one() {
    let d = 1280;
    let triangle = d * (d + 1) / 2 * size_of::<f64>();
    let mut moments = Moments::new(d);
    assert!(moments.size() < 3 * d * size_of::<f64>());
    moments.update(&vec![0.5; 3 * d]).unwrap();
    assert!(
        moments.size() < triangle / 4,
        "three rows wait and nothing else is held"
    );
    moments.comoment();
    assert!((triangle..triangle + triangle / 4).contains(&moments.size()));
}

#[test]
fn models_that_no_fit_gives() {
    let new = |mean: &[f64], components: &[f64], variance: &[f64], ratio: &[f64]| {
        PcaModel::new(
            9,
            mean.to_vec(),
            components.to_vec(),
            variance.to_vec(),
            ratio.to_vec(),
        )
    };
    let two = [0.0, 0.0];
    assert!(new(&two, &[1.0, 0.0], &[2.0, 1.0], &[0.7, 0.3]).is_ok());
    assert!(new(&[], &[], &[], &[]).is_err());
    assert!(new(&two, &[], &[2.0, 1.0], &[0.7, 0.3]).is_err());
    assert!(new(&two, &[1.0], &[2.0, 1.0], &[0.7, 0.3]).is_err());
    assert!(new(&two, &[1.0; 6], &[2.0, 1.0], &[0.7, 0.3]).is_err());
    assert!(new(&two, &[1.0, f64::NAN], &[2.0, 1.0], &[0.7, 0.3]).is_err());
    assert!(new(&two, &[1.0, 0.0], &[2.0], &[0.7, 0.3]).is_err());
    assert!(new(&two, &[1.0, 0.0], &[1.0, 2.0], &[0.7, 0.3]).is_err());
    assert!(new(&two, &[1.0, 0.0], &[2.0, 1.0], &[0.7, -0.3]).is_err());
    assert!(new(&two, &[1.0, 0.0], &[f64::INFINITY, 1.0], &[0.7, 0.3]).is_err());
}

#[test]
fn a_truncated_model_keeps_the_first_components_and_all_variances() {
    let rows: Vec<f32> = (0..40)
        .map(|at| ((at * at * 7 + at * 3) % 31) as f32)
        .collect();
    let moments = moments(4, &rows);
    let all = moments.solve(Components::Count(4)).unwrap();
    let two = moments.solve(Components::Count(2)).unwrap();
    assert_eq!(all.truncate(9), all);
    assert_eq!(all.truncate(0).k(), 1);
    let truncated = all.truncate(2);
    assert_eq!(truncated.k(), 2);
    assert_eq!(truncated.explained_variance(), two.explained_variance());
    for (a, b) in truncated.components().iter().zip(two.components()) {
        assert!((a - b).abs() < 1e-12);
    }
}
