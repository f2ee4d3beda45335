//! The weights of a convolution or linear layer, with its bias.

/// A kernel and a bias, whatever was normalised after them folded in.
#[derive(Debug, Clone)]
pub struct Affine {
    /// Output channel, input channel of its group, kernel row, kernel column.
    pub(super) kernel: Vec<f32>,
    /// One an output channel.
    pub(super) bias: Vec<f32>,
    /// Input channels a group.
    pub(super) inputs: usize,
    /// Rows and columns of the kernel.
    pub(super) size: usize,
}

impl Affine {
    /// Of `outputs x inputs x size x size` values and `outputs` biases.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn new(kernel: Vec<f32>, bias: Vec<f32>, inputs: usize, size: usize) -> Self {
        assert_eq!(kernel.len(), bias.len() * inputs * size * size);
        Self {
            kernel,
            bias,
            inputs,
            size,
        }
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Multiplies each output with a number: a scale that follows the layer.
    ///
    /// # Panics
    /// If their number is not that of the outputs.
    #[must_use]
    pub fn scaled(mut self, factors: &[f32]) -> Self {
        assert_eq!(factors.len(), self.outputs());
        let taps = self.inputs * self.size * self.size;
        for (channel, factor) in factors.iter().enumerate() {
            for tap in &mut self.kernel[channel * taps..][..taps] {
                *tap *= factor;
            }
            self.bias[channel] *= factor;
        }
        self
    }

    /// The outputs of a range.
    pub(super) fn outputs_of(&self, range: std::ops::Range<usize>) -> Self {
        let taps = self.inputs * self.size * self.size;
        Self {
            kernel: self.kernel[range.start * taps..range.end * taps].to_vec(),
            bias: self.bias[range].to_vec(),
            inputs: self.inputs,
            size: self.size,
        }
    }

    /// The weight of a value under the tap of a kernel.
    pub(super) fn at(&self, output: usize, input: usize, tap: usize) -> f32 {
        let taps = self.size * self.size;
        self.kernel[(output * self.inputs + input) * taps + tap]
    }
}
