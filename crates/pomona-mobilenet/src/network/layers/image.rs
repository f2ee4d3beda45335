//! From the bytes of an image to the values that the first layer reads.

/// What the first layer reads of a byte: `(byte / 255 - mean) / deviation`, by colour.
#[derive(Debug, Clone)]
pub struct Normalization {
    /// The value of each byte, in the order of the colours.
    values: Vec<[f32; 256]>,
}

impl Normalization {
    /// With the mean and deviation of red, green and blue, which are from 0 to 1.
    pub fn new(mean: [f32; 3], deviation: [f32; 3]) -> Self {
        let of = |color: usize| {
            std::array::from_fn(|byte| (byte as f32 / 255.0 - mean[color]) / deviation[color])
        };
        Self {
            values: (0..3).map(of).collect(),
        }
    }

    /// Values of `size x size` pixels of three colours into rows with a border of `border` pixels of
    /// zeros.
    pub(super) fn run(&self, bytes: &[u8], size: usize, border: usize, values: &mut [f32]) {
        let [red, green, blue] = &self.values[..] else {
            unreachable!("there are three colours")
        };
        let row = (size + 2 * border) * 3;
        let values = &mut values[..(size + 2 * border) * row];
        values[..border * row].fill(0.0);
        values[(size + border) * row..].fill(0.0);
        let inner = values[border * row..].chunks_exact_mut(row);
        for (values, bytes) in inner.zip(bytes.chunks_exact(size * 3)) {
            values[..border * 3].fill(0.0);
            values[(size + border) * 3..].fill(0.0);
            let pixels = values[border * 3..].chunks_exact_mut(3);
            for (value, byte) in pixels.zip(bytes.chunks_exact(3)) {
                value[0] = red[usize::from(byte[0])];
                value[1] = green[usize::from(byte[1])];
                value[2] = blue[usize::from(byte[2])];
            }
        }
    }
}
