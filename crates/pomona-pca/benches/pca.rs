//! Speed of each step for 1280 features: update, merge, solve and projection to 50 components.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pomona_pca::{Components, Moments};

const DIMENSION: usize = 1280;
const ROWS: usize = 2048;

/// Rows from a linear congruential generator, with a spectrum that decays.
fn rows() -> Vec<f32> {
    let mut state = 1_u64;
    (0..ROWS * DIMENSION)
        .map(|at| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let uniform = (state >> 40) as f32 / (1_u32 << 24) as f32;
            uniform / (1 + at % DIMENSION) as f32
        })
        .collect()
}

fn fitted(rows: &[f32]) -> Moments {
    let mut moments = Moments::new(DIMENSION);
    moments.update(rows).expect("finite rows");
    moments.mean();
    moments
}

fn steps(criterion: &mut Criterion) {
    let rows = rows();
    let moments = fitted(&rows);
    let mut group = criterion.benchmark_group("pca-1280");
    group.sample_size(20);

    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("update", |bencher| {
        let mut moments = fitted(&rows);
        bencher.iter(|| moments.update(black_box(&rows)));
    });
    group.bench_function("update by the row", |bencher| {
        let mut moments = fitted(&rows);
        bencher.iter(|| {
            for row in rows.chunks(DIMENSION) {
                moments.update(black_box(row)).expect("finite rows");
            }
        });
    });
    let projection = moments
        .solve(Components::Count(50))
        .expect("a model")
        .projection(true);
    let mut out = vec![0.0; ROWS * projection.k()];
    group.bench_function("project to 50", |bencher| {
        bencher.iter(|| projection.apply(black_box(&rows), &mut out));
    });

    group.throughput(Throughput::Elements(1));
    group.bench_function("merge", |bencher| {
        bencher.iter_batched_ref(
            || moments.clone(),
            |mine| mine.merge(black_box(&moments)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("solve for 50", |bencher| {
        bencher.iter(|| moments.solve(black_box(Components::Count(50))));
    });
    group.bench_function("solve for all", |bencher| {
        bencher.iter(|| moments.solve(black_box(Components::Count(DIMENSION))));
    });
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
