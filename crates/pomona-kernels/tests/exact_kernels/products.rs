//! Compares products and depthwise convolutions with plain loops.

use pomona_kernels::packing::{pack_depthwise, pad, padded};
use pomona_kernels::{
    Activation, BLOCK, Depthwise, Isa, Kernels, Places, Precision, Product, Start,
};

/// Channels a plane of operands in parts.
const PARTS_BLOCK: usize = 2 * BLOCK;

/// bf16 parts that dense operands are stored in.
fn parts(kernels: &Kernels) -> usize {
    kernels.part_planes(1)
}

/// A multiple of 1/8 from -1 to 7/8: exact in bf16, and so is every sum below.
fn value(index: usize) -> f32 {
    (index.wrapping_mul(2_654_435_761) >> 7 & 15) as f32 / 8.0 - 1.0
}

/// Planes of sixteen f32, or of thirty-two bf16 and zeros in the other parts.
fn operand(kernels: &Kernels, in_parts: bool, depth: usize, pixels: usize) -> Vec<f32> {
    let at = |channel: usize, pixel: usize| {
        if channel < depth {
            value(pixel * depth + channel)
        } else {
            0.0
        }
    };
    let mut planes = Vec::new();
    if !in_parts {
        for block in (0..depth).step_by(BLOCK) {
            for pixel in 0..pixels {
                planes.extend((block..block + BLOCK).map(|channel| at(channel, pixel)));
            }
        }
        // The last pixel's padding is not read.
        planes.truncate(planes.len() - (padded(depth) - depth));
        return planes;
    }
    for block in (0..depth).step_by(PARTS_BLOCK) {
        for pixel in 0..pixels {
            planes.extend((block..block + PARTS_BLOCK).step_by(2).map(|channel| {
                let half = |channel| at(channel, pixel).to_bits() >> 16;
                f32::from_bits(half(channel + 1) << 16 | half(channel))
            }));
        }
    }
    // Whole blocks of pixels are read, whatever they hold.
    let others = kernels.part_planes(depth) - depth.div_ceil(PARTS_BLOCK);
    let tail = pixels.next_multiple_of(32) - pixels;
    planes.resize(planes.len() + (others * pixels + tail) * BLOCK, 0.0);
    planes
}

#[test]
fn products_are_those_of_plain_loops() {
    for kernels in Kernels::all() {
        let session = kernels.session();
        for (pixels, depth, columns) in [
            (1, 8, 8),
            (5, 33, 40),
            (13, 16, 48),
            (14, 24, 32),
            (17, 32, 24),
            (31, 64, 80),
            (32, 96, 32),
            (49, 40, 64),
            (15, 100, 24),
            (33, 32, 16),
        ] {
            let weight = |column: usize, step: usize| value(column * 131 + step * 7 + 3);
            let bias: Vec<f32> = (0..columns).map(|column| value(column + 9)).collect();
            let in_parts = kernels.in_parts(depth, columns);
            let planes = padded(columns) / BLOCK;
            let mut places = Places::with_capacity(pixels);
            places.set((0..pixels).rev().map(|pixel| pixel * BLOCK), 1);
            let residual: Vec<f32> = (0..planes * pixels * BLOCK).map(value).collect();
            for expand in [true, false] {
                let mut output = vec![0.0; planes * pixels * BLOCK];
                session.product(Product {
                    in_parts,
                    input: &operand(&kernels, in_parts, depth, pixels),
                    input_plane: pixels * BLOCK,
                    depth,
                    pixels,
                    weights: &kernels.pack_product(in_parts, columns, depth, weight),
                    bias: &pad(&bias),
                    columns: padded(columns),
                    output: &mut output,
                    output_plane: pixels * BLOCK,
                    places: expand.then_some(&places),
                    start: if expand {
                        Start::Bias
                    } else {
                        Start::Residual(&residual)
                    },
                    relu6: expand,
                    out_parts: false,
                });
                for (pixel, column) in
                    (0..pixels).flat_map(|pixel| (0..columns).map(move |column| (pixel, column)))
                {
                    let products =
                        (0..depth).map(|step| value(pixel * depth + step) * weight(column, step));
                    let sum = products.sum::<f32>() + bias[column];
                    let row = if expand { pixels - 1 - pixel } else { pixel };
                    let place = (column / BLOCK * pixels + row) * BLOCK + column % BLOCK;
                    let expected = if expand {
                        sum.clamp(0.0, 6.0)
                    } else {
                        sum + residual[place]
                    };
                    assert_eq!(
                        output[place], expected,
                        "{kernels:?} {pixels} x {depth} x {columns}, pixel {pixel}, column {column}"
                    );
                }
            }
        }
    }
}

#[test]
fn depthwise_convolutions_are_those_of_plain_loops() {
    for kernels in Kernels::all() {
        let session = kernels.session();
        for (width, height, stride) in [(1, 1, 1), (7, 3, 1), (8, 2, 2), (15, 2, 1), (6, 5, 2)] {
            let (rows_in, width_in) = ((height - 1) * stride + 3, (width - 1) * stride + 3);
            let channels = 2 * BLOCK;
            let kernel: Vec<f32> = (0..channels * 9).map(value).collect();
            let bias: Vec<f32> = (0..channels).map(|channel| value(channel + 1)).collect();
            let input: Vec<f32> = (0..channels * rows_in * width_in).map(value).collect();
            let rows: Vec<u32> = (0..rows_in)
                .map(|row| (row * width_in * BLOCK) as u32)
                .collect();
            let plane = rows_in * width_in * BLOCK;
            let mut output = vec![0.0; channels * height * width];
            session.depthwise(Depthwise {
                input: &input,
                input_plane: plane,
                rows: &rows,
                weights: &pack_depthwise(&kernel, &bias),
                output: &mut output,
                output_plane: height * width * BLOCK,
                planes: 0..2,
                output_planes: 2,
                in_parts: false,
                columns: width,
                stride,
                size: 3,
                activation: Activation::Relu6,
            });
            for (index, got) in output.iter().enumerate() {
                let (pixel, channel) = (index / BLOCK % (height * width), index % BLOCK);
                let block = index / (BLOCK * height * width);
                let taps = (0..9).map(|tap| {
                    let row = pixel / width * stride + tap / 3;
                    let column = pixel % width * stride + tap % 3;
                    let from = block * plane + (row * width_in + column) * BLOCK + channel;
                    input[from] * kernel[(block * BLOCK + channel) * 9 + tap]
                });
                let sum = taps.sum::<f32>() + bias[block * BLOCK + channel];
                assert_eq!(
                    *got,
                    sum.clamp(0.0, 6.0),
                    "{kernels:?} {width} {height} {stride}"
                );
            }
        }
    }
}

/// What `halves.rs` says: values that are rounded at every step have the same bits with
/// every instruction set, and where they are stored as bf16 too.
#[test]
fn bf16_products_have_the_bits_of_the_portable_ones() {
    // Significands of all eight bits, over some binades, of either sign.
    let noise = |index: usize| {
        let bits = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let magnitude = (1.0 + (bits % 128) as f32 / 128.0) * 2f32.powi((bits >> 7 & 7) as i32 - 4);
        if bits >> 10 & 1 == 1 {
            -magnitude
        } else {
            magnitude
        }
    };
    let pair = |index: usize| {
        let half = |value: f32| value.to_bits() >> 16;
        f32::from_bits(half(noise(2 * index + 1)) << 16 | half(noise(2 * index)))
    };
    let (pixels, depth, columns) = (33, 96, 48);
    let planes = columns / BLOCK;
    let output_plane = pixels * BLOCK;
    let input: Vec<f32> = (0..(3 * pixels + 31) * BLOCK).map(pair).collect();
    let bias: Vec<f32> = (0..columns).map(noise).collect();
    let residual: Vec<f32> = (0..planes * output_plane).map(|i| noise(i + 7)).collect();
    let run = |kernels: &Kernels| {
        // Two planes of sixteen columns in one of parts, and one that is half empty.
        let mut output = vec![f32::NAN; (planes + planes.div_ceil(2)) * output_plane];
        let weight = |column, step| noise(column * depth + step + 3);
        kernels.session().product(Product {
            in_parts: true,
            input: &input,
            input_plane: pixels * BLOCK,
            depth,
            pixels,
            weights: &kernels.pack_product(true, columns, depth, weight),
            bias: &bias,
            columns,
            output: &mut output,
            output_plane,
            places: None,
            start: Start::Residual(&residual),
            relu6: false,
            out_parts: true,
        });
        output.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let portable = run(&Kernels::new(Isa::Portable, Precision::Bf16).unwrap());
    for kernels in Kernels::all() {
        // Tiles add up in another order.
        if parts(&kernels) == 1 && kernels.isa() != Isa::Amx {
            assert!(run(&kernels) == portable, "{kernels:?}");
        }
    }
}
