//! Rows to coordinates along the components.

use crate::PcaModel;
use crate::kernels::{PackedComponents, project};

/// The components of a model, packed for speed: build it once, apply it to every batch.
#[derive(Clone, Debug)]
pub struct Projection {
    components: PackedComponents,
    /// The coordinates of the mean, or zeros: `(x - mean) c` is computed as `x c - mean c`, which
    /// in `f64` loses nothing that an `f32` could hold.
    offset: Vec<f64>,
}

impl Projection {
    pub(crate) fn new(model: &PcaModel, center: bool) -> Self {
        let (k, d) = (model.k(), model.dimension());
        let offset = if center {
            let dot = |component: &[f64]| -> f64 {
                component
                    .iter()
                    .zip(model.mean())
                    .map(|(c, mean)| c * mean)
                    .sum()
            };
            model.components().chunks(d).map(dot).collect()
        } else {
            vec![0.0; k]
        };
        Self {
            components: PackedComponents::new(model.components(), k, d),
            offset,
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
        size_of::<Self>() + self.components.size() + self.offset.capacity() * size_of::<f64>()
    }

    /// Projects `rows`, n x d row-major, into `out`, n x k row-major. Sums are taken in `f64` and
    /// rounded to `f32` at the end. A row that is not finite gives coordinates that are not.
    ///
    /// # Panics
    ///
    /// If `rows` is not a whole number of rows, or `out` does not hold k numbers for each of them.
    pub fn apply(&self, rows: &[f32], out: &mut [f32]) {
        project(&self.components, &self.offset, rows, out);
    }
}
