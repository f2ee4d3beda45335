//! Shapes to pixels: coloured regions of the plane, smooth at their edges.

/// Red, green and blue from 0 to 1.
pub(super) type Color = [f32; 3];

/// The colour at a point of the plane, whose middle is (0, 0) and whose edges are at 1; `None` for
/// the background.
pub(super) type Shape = Box<dyn Fn(f32, f32) -> Option<Color>>;

/// Samples a pixel and direction, for smooth edges.
const SAMPLES: usize = 4;

/// Draws a shape on white, with a random small rotation, shift and scale: `side * side * 3` bytes,
/// rows from the top.
pub(super) fn draw(side: usize, shape: &Shape, chance: &mut Random) -> Vec<u8> {
    let (sin, cos) = chance.between(-0.5, 0.5).sin_cos();
    let size = chance.between(0.85, 1.1);
    let (right, down) = (chance.between(-0.06, 0.06), chance.between(-0.06, 0.06));
    let fine = side * SAMPLES;
    let place = |step: usize| (2.0 * step as f32 + 1.0) / fine as f32 - 1.0;
    let mut pixels = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            let mut sum = [0.0; 3];
            for sample in 0..SAMPLES * SAMPLES {
                let u = (place(x * SAMPLES + sample % SAMPLES) - right) / size;
                let v = (place(y * SAMPLES + sample / SAMPLES) - down) / size;
                let color = shape(u * cos + v * sin, v * cos - u * sin);
                for (sum, value) in sum.iter_mut().zip(color.unwrap_or([1.0; 3])) {
                    *sum += value.clamp(0.0, 1.0);
                }
            }
            let samples = (SAMPLES * SAMPLES) as f32;
            pixels.extend(sum.map(|sum| (255.0 * sum / samples).round() as u8));
        }
    }
    pixels
}

/// Random numbers, the same for the same seed: Steele, Lea and Flood's SplitMix64
/// (doi:10.1145/2660193.2660195).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from `low` to `high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        low + (high - low) * ((mixed >> 40) as f32 / (1 << 24) as f32)
    }

    /// A colour near another.
    pub(super) fn near(&mut self, color: Color) -> Color {
        color.map(|value| value + self.between(-0.05, 0.05))
    }
}
