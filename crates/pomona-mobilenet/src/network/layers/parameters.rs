//! The named tensors of a file, as the layers need them.

use std::collections::HashMap;

use candle_core::{DType, Tensor};

use super::super::folding::{FoldedConvolution, Normalization};
use super::super::weights_error::WeightsError;
use super::affine::Affine;

/// The named tensors of a file, whatever floating-point type they have there.
#[derive(Debug)]
pub struct Parameters(HashMap<String, Tensor>);

impl Parameters {
    /// Of some tensors on the CPU.
    pub fn new(tensors: HashMap<String, Tensor>) -> Self {
        Self(tensors)
    }

    /// The values of a tensor in f32.
    ///
    /// # Errors
    /// When it is missing, has another shape or no floating-point type, or holds a value that is
    /// not finite.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.0.get(name);
        let tensor = tensor.ok_or_else(|| WeightsError::Missing(name.to_owned()))?;
        if tensor.dims() != shape {
            return Err(WeightsError::Shape {
                name: name.to_owned(),
                got: tensor.dims().to_vec(),
                expected: shape.to_vec(),
            });
        }
        if !tensor.dtype().is_float() {
            return Err(WeightsError::Dtype {
                name: name.to_owned(),
                got: format!("{:?}", tensor.dtype()),
            });
        }
        let values: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(WeightsError::NotFinite(name.to_owned())),
        }
    }

    /// A convolution without a bias, of `[outputs, inputs, size, size]` in `NAME.weight`, and the batch
    /// normalisation after it.
    ///
    /// # Errors
    /// As [`Parameters::values`], or a folded value that is not finite.
    pub fn convolution(
        &self,
        name: &str,
        [outputs, inputs, size]: [usize; 3],
        normalization: &str,
        epsilon: f64,
    ) -> Result<Affine, WeightsError> {
        let kernel = self.values(&format!("{name}.weight"), &[outputs, inputs, size, size])?;
        let part = |part: &str| self.values(&format!("{normalization}.{part}"), &[outputs]);
        let folded = FoldedConvolution::fold(
            kernel,
            &Normalization {
                gamma: part("weight")?,
                beta: part("bias")?,
                mean: part("running_mean")?,
                variance: part("running_var")?,
                epsilon,
            },
        );
        let folded = folded
            .ok_or_else(|| WeightsError::NotFinite(format!("{normalization}.running_var")))?;
        Ok(Affine::new(folded.kernel, folded.bias, inputs, size))
    }

    /// A layer with a bias, of `shape` in `NAME.weight`: `[outputs, inputs]`, or
    /// `[outputs, inputs, size, size]`.
    ///
    /// # Errors
    /// As [`Parameters::values`].
    ///
    /// # Panics
    /// If the shape is neither.
    pub fn affine(&self, name: &str, shape: &[usize]) -> Result<Affine, WeightsError> {
        let (outputs, inputs, size) = match *shape {
            [outputs, inputs] => (outputs, inputs, 1),
            [outputs, inputs, size, width] if size == width => (outputs, inputs, size),
            _ => panic!("{shape:?} is the shape of no layer"),
        };
        let kernel = self.values(&format!("{name}.weight"), shape)?;
        let bias = self.values(&format!("{name}.bias"), &[outputs])?;
        Ok(Affine::new(kernel, bias, inputs, size))
    }
}
