//! How long the neighbours of every vector take: `all_neighbours [VECTORS] [DIMENSION] [K]`.

use std::env;
use std::thread;
use std::time::Instant;

use pomona_neighbours::nearest;

fn main() {
    let mut arguments = env::args()
        .skip(1)
        .map(|text| text.parse().expect("a number"));
    let count: usize = arguments.next().unwrap_or(57_950);
    let dimension: usize = arguments.next().unwrap_or(50);
    let k: usize = arguments.next().unwrap_or(6);
    let mut state = 1_u64;
    let values: Vec<f32> = (0..count * dimension)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect();
    let rows: Vec<Option<&[f32]>> = values.chunks(dimension).map(Some).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);

    let start = Instant::now();
    thread::scope(|scope| {
        for queries in rows.chunks(count.div_ceil(threads)) {
            let rows = &rows;
            scope.spawn(move || {
                // As the SQL function is called: a batch at a time.
                for queries in queries.chunks(256) {
                    nearest(queries, rows, k).expect("vectors of one length");
                }
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let pairs = count as f64 * count as f64;
    println!(
        "{count} vectors of {dimension}, {k} neighbours, {threads} threads: {seconds:.2} s, {:.1} GFLOP/s",
        2.0 * pairs * dimension as f64 / seconds / 1e9
    );
}
