//! The random numbers of `exact_reference.py` and `sklearn_reference.py`, bit by bit.

/// Knuth's MMIX generator.
pub(crate) struct Generator(pub u64);

impl Generator {
    /// The next number, from -1 up to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
