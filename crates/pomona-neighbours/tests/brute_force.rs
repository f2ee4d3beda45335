//! The search against every pair in `f64`.

use pomona_neighbours::{NeighboursError, nearest};
use proptest::prelude::*;

/// Numbers that look random, the same at every call.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

fn rows(values: &[f32], dimension: usize) -> Vec<Option<&[f32]>> {
    values.chunks(dimension).map(Some).collect()
}

/// The same by comparing and sorting everything.
fn by_sorting(query: &[f32], among: &[Option<&[f32]>], k: usize) -> Vec<usize> {
    let cosine = |vector: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        dot(query, vector) / (dot(query, query).sqrt() * dot(vector, vector).sqrt())
    };
    let mut all: Vec<(f64, usize)> = among
        .iter()
        .enumerate()
        .filter_map(|(position, vector)| Some((cosine((*vector)?), position)))
        .filter(|(cosine, _)| cosine.is_finite())
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    all.into_iter()
        .take(k)
        .map(|(_, position)| position)
        .collect()
}

#[track_caller]
fn agrees(queries: &[Option<&[f32]>], among: &[Option<&[f32]>], k: usize) {
    let found = nearest(queries, among, k).unwrap();
    for (query, found) in queries.iter().zip(found) {
        let positions: Vec<usize> = found.unwrap().iter().map(|one| one.position).collect();
        assert_eq!(positions, by_sorting(query.unwrap(), among, k));
    }
}

#[test]
fn every_pair_is_compared() {
    for (dimension, count, k) in [(50, 1500, 6), (7, 700, 1), (1280, 530, 11), (1, 20, 3)] {
        let values = numbers(dimension * count, dimension as u64);
        let rows = rows(&values, dimension);
        agrees(&rows, &rows, k);
    }
}

#[test]
fn vectors_that_are_equal_in_f32_are_distinguished() {
    // Their cosines differ by 1e-11 or less, so that their products in f32 are the same or in disorder.
    let dimension = 64;
    let base = numbers(dimension, 3);
    let noise = numbers(dimension * 1200, 4);
    let values: Vec<f32> = noise
        .iter()
        .enumerate()
        .map(|(i, noise)| base[i % dimension] * (1.0 + 1e-5 * noise))
        .collect();
    let rows = rows(&values, dimension);
    agrees(&rows[..40], &rows, 5);
}

#[test]
fn the_same_vector_many_times_is_found_in_order() {
    let values = [1.0_f32, 2.0, 3.0].repeat(2000);
    let rows = rows(&values, 3);
    let found = nearest(&rows[..3], &rows, 4).unwrap();
    for found in found {
        let found = found.unwrap();
        let positions: Vec<usize> = found.iter().map(|one| one.position).collect();
        assert_eq!(positions, [0, 1, 2, 3]);
        assert_eq!(found[0].similarity, 1.0);
    }
}

#[test]
fn what_has_no_direction_has_no_neighbours_and_is_none() {
    let good = [1.0_f32, 0.0];
    let zero = [0.0_f32, 0.0];
    let infinite = [f32::INFINITY, 0.0];
    let nan = [f32::NAN, 0.0];
    let opposite = [-2.0_f32, 0.0];
    let among = [
        None,
        Some(&zero[..]),
        Some(&infinite),
        Some(&nan),
        Some(&opposite),
        Some(&good),
    ];
    let found = nearest(&among, &among, 9).unwrap();
    assert!(found[..4].iter().all(Option::is_none));
    let found = found[5].as_ref().unwrap();
    let pairs: Vec<(usize, f64)> = found
        .iter()
        .map(|one| (one.position, one.similarity))
        .collect();
    assert_eq!(pairs, [(5, 1.0), (4, -1.0)]);
}

#[test]
fn lengths_neither_overflow_nor_vanish() {
    let large = [f32::MAX, f32::MAX];
    let small = [f32::MIN_POSITIVE, f32::MIN_POSITIVE];
    let found = nearest(&[Some(&large)], &[Some(&small)], 1).unwrap();
    let similarity = found[0].as_ref().unwrap()[0].similarity;
    assert!((similarity - 1.0).abs() < 1e-15, "{similarity}");
}

#[test]
fn vectors_of_f64_are_compared_as_such() {
    // As f32 they are the same, or infinite.
    let query = [1e39, 2e39, 3e39];
    let values: Vec<[f64; 3]> = (0..50)
        .map(|i| [1.0, 2.0, 3.0 + 1e-8 * f64::from((i * 7) % 50)])
        .collect();
    let among: Vec<Option<&[f64]>> = values.iter().map(|vector| Some(&vector[..])).collect();
    let found = nearest(&[Some(&query)], &among, 50).unwrap();
    let found = found[0].as_ref().unwrap();
    let distances: Vec<i32> = found
        .iter()
        .map(|one| (one.position as i32 * 7) % 50)
        .collect();
    // Cosines of vectors so near to the query differ by the square of the difference, some 1e-16.
    assert!(
        distances[..10].iter().all(|&distance| distance < 20),
        "{distances:?}"
    );
    assert!(
        distances[40..].iter().all(|&distance| distance > 30),
        "{distances:?}"
    );
}

#[test]
fn nothing_asked_for_and_nothing_there() {
    let one = [1.0_f32];
    assert_eq!(nearest::<f32, f32>(&[], &[Some(&one)], 3).unwrap(), []);
    assert_eq!(
        nearest::<f32, f32>(&[Some(&one)], &[], 3).unwrap(),
        [Some(vec![])]
    );
    assert_eq!(
        nearest(&[Some(&one)], &[Some(&one)], 0).unwrap(),
        [Some(vec![])]
    );
}

#[test]
fn lengths_that_differ_are_refused() {
    let error = nearest(&[Some(&[1.0, 2.0])], &[Some(&[1.0])], 1).unwrap_err();
    assert_eq!(
        error,
        NeighboursError::Length {
            expected: 2,
            found: 1
        }
    );
}

proptest! {
    #[test]
    fn small_whole_numbers_have_many_ties(
        values in proptest::collection::vec(-2_i8..3, 3..900),
        k in 1_usize..8,
    ) {
        let values: Vec<f32> = values.chunks_exact(3).flatten().map(|v| f32::from(*v)).collect();
        let rows = rows(&values, 3);
        let found = nearest(&rows, &rows, k).unwrap();
        for (query, found) in rows.iter().zip(found) {
            let query = query.unwrap();
            prop_assert_eq!(found.is_none(), query.iter().all(|v| *v == 0.0));
            if let Some(found) = found {
                // Equal cosines may differ in their last bit by the order of their sums.
                let expected = by_sorting(query, &rows, k);
                prop_assert_eq!(found.len(), expected.len());
                for pair in found.windows(2) {
                    prop_assert!(pair[0].similarity >= pair[1].similarity);
                }
            }
        }
    }
}
