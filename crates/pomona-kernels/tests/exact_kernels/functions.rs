//! Compares the functions of layers (activations, softmax, norms and pools) with f64.

use pomona_kernels::{Activation, Average, BLOCK, LayerNorm, MaxPool, Scale, Softmax};

use super::layers::{every_kernels, value};

/// erf by its series, which is alternating: exact to 1e-9 where it is not 1.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.5 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..120 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn activations_are_those_of_f64() {
    let inputs: Vec<f32> = (-6400..6400).map(|step| step as f32 / 200.0).collect();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    for kernels in every_kernels() {
        let check = |activation: Activation, exact: &dyn Fn(f64) -> f64, bound: f64| {
            let mut values = inputs.clone();
            kernels.session().activate(activation, &mut values);
            for (input, got) in inputs.iter().zip(values) {
                let input = f64::from(*input);
                let error = (f64::from(got) - exact(input)).abs();
                assert!(
                    error <= bound * input.abs().max(1.0),
                    "{kernels:?}: {activation:?} of {input} is {got}"
                );
            }
        };
        check(Activation::Identity, &|x| x, 0.0);
        check(Activation::Relu, &|x| x.max(0.0), 0.0);
        check(Activation::Relu6, &|x| x.clamp(0.0, 6.0), 0.0);
        check(Activation::Sigmoid, &sigmoid, 2e-7);
        check(Activation::Silu, &|x| x * sigmoid(x), 2e-7);
        let gelu = |x: f64| x * (1.0 + erf(x / 2.0_f64.sqrt())) / 2.0;
        check(Activation::Gelu, &gelu, 5e-7);
        // Far from zero nothing overflows.
        let mut far = vec![0.0; BLOCK];
        (far[0], far[1]) = (-500.0, 500.0);
        kernels.session().activate(Activation::Silu, &mut far);
        assert!(far[0].abs() < 1e-30 && far[1] == 500.0, "{far:?}");
    }
}

#[test]
fn softmax_is_that_of_f64() {
    let (rows, columns, plane) = (5, 48, 7 * BLOCK);
    for kernels in every_kernels() {
        let score = |row: usize, column: usize| {
            if column >= 44 {
                // Padding.
                -1e30
            } else {
                value(row * 97 + column) * 30.0
            }
        };
        let mut scores = vec![f32::NAN; 2 * plane + rows * BLOCK];
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
            scores[column / BLOCK * plane + row * BLOCK + column % BLOCK] = score(row, column);
        }
        let mut sums = [0.0; 5];
        kernels.session().softmax(Softmax {
            scores: &mut scores,
            planes: 3,
            plane,
            rows,
            sums: &mut sums,
        });
        for (row, sum) in sums.iter().enumerate() {
            let exact: Vec<f64> = (0..columns)
                .map(|column| f64::from(score(row, column)))
                .collect();
            let largest = exact.iter().copied().fold(f64::MIN, f64::max);
            let total: f64 = exact.iter().map(|score| (score - largest).exp()).sum();
            for (column, exact) in exact.iter().enumerate() {
                let got = scores[column / BLOCK * plane + row * BLOCK + column % BLOCK] / sum;
                let exact = (exact - largest).exp() / total;
                assert!(
                    (f64::from(got) - exact).abs() < 3e-7,
                    "{kernels:?}: {row} {column} {got} {exact}"
                );
            }
        }
    }
}

#[test]
fn layer_norm_is_that_of_f64() {
    let (channels, pixels, planes) = (48, 3, [5 * BLOCK, 3 * BLOCK]);
    let at =
        |channel: usize, pixel: usize| 100.0 + value(channel * 31 + pixel) * (pixel + 1) as f32;
    let scale: Vec<f32> = (0..channels).map(value).collect();
    let shift: Vec<f32> = (0..channels).map(|channel| value(channel + 4)).collect();
    for kernels in every_kernels() {
        let place = |plane: usize, channel: usize, pixel: usize| {
            channel / BLOCK * plane + pixel * BLOCK + channel % BLOCK
        };
        let mut input = vec![f32::NAN; 2 * planes[0] + pixels * BLOCK];
        for (channel, pixel) in (0..channels).flat_map(|c| (0..pixels).map(move |p| (c, p))) {
            input[place(planes[0], channel, pixel)] = at(channel, pixel);
        }
        let mut output = vec![0.0; 2 * planes[1] + pixels * BLOCK];
        kernels.session().layer_norm(LayerNorm {
            input: &input,
            input_plane: planes[0],
            scale: &scale,
            shift: &shift,
            epsilon: 1e-6,
            pixels,
            output: &mut output,
            output_plane: planes[1],
        });
        for pixel in 0..pixels {
            let values: Vec<f64> = (0..channels)
                .map(|channel| f64::from(at(channel, pixel)))
                .collect();
            let mean = values.iter().sum::<f64>() / channels as f64;
            let squares = values.iter().map(|value| (value - mean).powi(2));
            let variance = squares.sum::<f64>() / channels as f64;
            for (channel, value) in values.iter().enumerate() {
                let normal = (value - mean) / (variance + 1e-6).sqrt();
                let exact = normal * f64::from(scale[channel]) + f64::from(shift[channel]);
                let got = output[place(planes[1], channel, pixel)];
                assert!(
                    (f64::from(got) - exact).abs() < 4e-5,
                    "{kernels:?}: {got} {exact}"
                );
            }
        }
    }
}

#[test]
fn pools_are_those_of_plain_loops() {
    for kernels in every_kernels() {
        let session = kernels.session();
        for pixels in [1, 3, 4, 49] {
            let input: Vec<f32> = (0..2 * pixels * BLOCK).map(value).collect();
            let mut output = vec![0.0; 5 * BLOCK];
            session.average(Average {
                input: &input,
                pixels,
                output: &mut output,
                output_plane: 4 * BLOCK,
            });
            let mut scaled = input.clone();
            session.scale(Scale {
                values: &mut scaled,
                pixels,
                factors: &output,
                factors_plane: 4 * BLOCK,
            });
            for (plane, lane) in [(0, 0), (0, 15), (1, 7)] {
                let at = |pixel: usize| (plane * pixels + pixel) * BLOCK + lane;
                let sum: f32 = (0..pixels).map(|pixel| input[at(pixel)]).sum();
                let average = output[plane * 4 * BLOCK + lane];
                assert!((average - sum / pixels as f32).abs() < 1e-6, "{kernels:?}");
                for pixel in 0..pixels {
                    assert_eq!(scaled[at(pixel)], input[at(pixel)] * average);
                }
            }
        }
        let (size, side, row) = (3, 7, 4 * BLOCK);
        let input: Vec<f32> = (0..side * side * BLOCK).map(value).collect();
        let mut output = vec![0.0; 2 * row + size * BLOCK];
        session.max_pool(MaxPool {
            input: &input,
            input_row: side * BLOCK,
            size,
            output: &mut output,
            output_row: row,
        });
        for (y, x, lane) in [(0, 0, 0), (1, 2, 9), (2, 2, 15)] {
            let taps = (0..9).map(|tap| {
                let (y, x) = (2 * y + tap / 3, 2 * x + tap % 3);
                input[(y * side + x) * BLOCK + lane]
            });
            let largest = taps.fold(f32::MIN, f32::max);
            assert_eq!(output[y * row + x * BLOCK + lane], largest, "{kernels:?}");
        }
    }
}
