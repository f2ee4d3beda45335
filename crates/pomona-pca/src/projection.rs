//! Rows to coordinates along the components.

use crate::kernels::{PackedComponents, project};
use crate::{Feature, PcaModel};

/// The components of a model, packed for speed: build it once, apply it to every batch.
#[derive(Clone, Debug)]
pub struct Projection {
    components: PackedComponents,
    /// What is subtracted from a row: the mean, or zeros. It is subtracted before the product, so that
    /// a mean far from zero costs the coordinates of `f64` rows no digits.
    mean: Vec<f64>,
}

impl Projection {
    pub(crate) fn new(model: &PcaModel, center: bool) -> Self {
        let (k, d) = (model.k(), model.dimension());
        Self {
            components: PackedComponents::new(model.components(), k, d),
            mean: if center {
                model.mean().to_vec()
            } else {
                vec![0.0; d]
            },
        }
    }

    /// Coordinates of a projected row, k.
    pub fn k(&self) -> usize {
        self.components.k()
    }

    /// Features in a row, d.
    pub fn dimension(&self) -> usize {
        self.components.dimension()
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.components.size() + self.mean.capacity() * size_of::<f64>()
    }

    /// Projects `rows`, n x d row-major, into `out`, n x k row-major, of the same type. Sums are taken in
    /// `f64`, and those of `f32` rows are rounded to `f32` at the end. A row that is not finite has
    /// coordinates that are not.
    ///
    /// # Panics
    ///
    /// If `rows` is not a whole number of rows, or `out` does not hold k numbers for each of them.
    pub fn apply<T: Feature>(&self, rows: &[T], out: &mut [T]) {
        project(&self.components, &self.mean, rows, out);
    }
}
