//! Vectors as directions: their length known, or divided by it.

/// A vector that has a direction, with the square of its length.
pub(crate) struct Direction<'a> {
    vector: &'a [f32],
    square: f64,
}

impl Direction<'_> {
    /// The cosine of the angle between two vectors, in `f64`.
    pub(crate) fn cosine(&self, other: &Direction) -> f64 {
        let product = dot(self.vector, other.vector);
        // The root of the product, not the product of the roots: of a vector with itself it is
        // the square exactly, and the cosine 1.
        (product / (self.square * other.square).sqrt()).clamp(-1.0, 1.0)
    }
}

/// The direction of a vector, if it has one.
#[inline(always)]
pub(crate) fn direction(vector: Option<&[f32]>) -> Option<Direction<'_>> {
    let vector = vector?;
    // Squares of f32 neither overflow nor vanish in f64.
    let square = dot(vector, vector);
    (square.is_finite() && square > 0.0).then_some(Direction { vector, square })
}

/// Writes the vector divided by its length.
#[inline(always)]
pub(crate) fn write_unit(direction: &Direction, unit: &mut [f32]) {
    let scale = 1.0 / direction.square.sqrt();
    for (unit, value) in unit.iter_mut().zip(direction.vector) {
        *unit = (f64::from(*value) * scale) as f32;
    }
}

/// The sum of products in `f64`. Its order is fixed, so that it is the same on every processor.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0_f64; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    let rest: f64 = a_rest
        .iter()
        .zip(b_rest)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum();
    sums.iter().sum::<f64>() + rest
}
