//! [`PyMoments`] and `project`: principal components of arrays, without SQL.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pomona_pca::{Components, Moments, MomentsParts, PcaError, PcaModel};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyFloat, PyInt, PyTuple};

use crate::errors::{raise, usage};
use crate::number_array::NumberArray;
use crate::vectors::Vectors;

/// Count, mean and centred products of rows of d features.
#[pyclass(frozen, name = "Moments", module = "pomona._native")]
pub(crate) struct PyMoments(Mutex<Moments>);

impl PyMoments {
    fn lock(&self) -> MutexGuard<'_, Moments> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moments; the wait for another thread that adds rows holds no lock of the interpreter.
    fn with<T: Send>(&self, py: Python<'_>, act: impl FnOnce(&mut Moments) -> T + Send) -> T {
        py.detach(|| act(&mut self.lock()))
    }
}

#[pymethods]
impl PyMoments {
    #[new]
    fn new(dimension: usize) -> PyResult<Self> {
        if dimension == 0 {
            return Err(usage(PcaError::NoFeatures.to_string()));
        }
        Ok(Self(Mutex::new(Moments::new(dimension))))
    }

    #[getter]
    fn dimension(&self, py: Python<'_>) -> usize {
        self.with(py, |moments| moments.dimension())
    }

    #[getter]
    fn count(&self, py: Python<'_>) -> u64 {
        self.with(py, |moments| moments.count())
    }

    /// Adds rows `[n, d]`.
    fn partial(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<()> {
        let rows = NumberArray::read(rows)?;
        let (_, found) = rows.rows()?;
        let expected = self.dimension(py);
        if found != expected {
            let error = PcaError::DimensionMismatch { expected, found };
            return Err(usage(error.to_string()));
        }
        let added = self.with(py, |moments| {
            // All rows or none: what is refused leaves the moments as they were.
            match &rows {
                NumberArray::F32(rows) => moments.update(rows.numbers()),
                NumberArray::F64(rows) => moments.update(rows.numbers()),
            }
        });
        added.map_err(|error| raise(py, error))
    }

    /// Adds the rows that another has seen.
    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        // A copy first: the two may be one, or be merged crosswise by two threads.
        let theirs = other.with(py, |moments| moments.clone());
        let merged = self.with(py, |moments| moments.merge(&theirs));
        merged.map_err(|error| raise(py, error))
    }

    /// A copy.
    fn copy(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.with(py, |moments| moments.clone())))
    }

    /// The mean of each feature, `[d]`.
    fn mean(&self, py: Python<'_>) -> Vectors {
        vector(self.with(py, |moments| moments.mean().to_vec()))
    }

    /// The variance of each feature, `[d]`, divided by n - 1.
    fn variance(&self, py: Python<'_>) -> PyResult<Vectors> {
        let variances = self.with(py, |moments| {
            let (count, d) = (moments.count(), moments.dimension());
            if count < 2 {
                return Err(PcaError::TooFewSamples { count });
            }
            let products = moments.comoment();
            let mut start = 0;
            let squares = (0..d).map(|feature| {
                let square = products[start];
                start += d - feature;
                square / (count - 1) as f64
            });
            Ok(squares.collect::<Vec<f64>>())
        });
        variances.map(vector).map_err(|error| raise(py, error))
    }

    /// The principal components.
    fn solve<'py>(
        &self,
        py: Python<'py>,
        components: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let components = components_of(components)?;
        let moments = self.with(py, |moments| moments.clone());
        let model = py.detach(|| moments.solve(components));
        let model = model.map_err(|error| raise(py, error))?;
        let (k, d) = (model.k(), model.dimension());
        let made = PyDict::new(py);
        made.set_item("n_samples", model.n_samples())?;
        made.set_item("k", k)?;
        made.set_item("mean", vector(model.mean().to_vec()))?;
        let rows = Vectors::of_f64(model.components().to_vec(), vec![k, d]);
        made.set_item("components", rows)?;
        let variance = model.explained_variance().to_vec();
        made.set_item("explained_variance", vector(variance))?;
        let ratio = model.explained_variance_ratio().to_vec();
        made.set_item("explained_variance_ratio", vector(ratio))?;
        Ok(made)
    }

    /// What pickle keeps: the numbers, as bytes.
    fn __reduce__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let parts = slf.get().with(py, |moments| moments.clone().into_parts());
        let bytes = PyBytes::new(py, &written(&parts));
        let read = slf.get_type().getattr("_from_bytes")?;
        PyTuple::new(py, [read, PyTuple::new(py, [bytes])?.into_any()])
    }

    /// The moments of what pickle kept.
    #[staticmethod]
    fn _from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let parts = read(bytes).ok_or_else(|| usage("these bytes are no moments"))?;
        let moments = Moments::from_parts(parts).map_err(|error| raise(py, error))?;
        Ok(Self(Mutex::new(moments)))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (count, dimension) = (self.count(py), self.dimension(py));
        format!("<pomona.Moments of {count} rows of {dimension} features>")
    }
}

fn vector(numbers: Vec<f64>) -> Vectors {
    let shape = vec![numbers.len()];
    Vectors::of_f64(numbers, shape)
}

/// A whole number, a share of the variance, or a text.
fn components_of(given: &Bound<'_, PyAny>) -> PyResult<Components> {
    let components = if given.is_instance_of::<PyInt>() {
        Components::try_from(given.extract::<i64>()?)
    } else if given.is_instance_of::<PyFloat>() {
        Components::try_from(given.extract::<f64>()?)
    } else {
        given.str()?.to_str()?.parse()
    };
    components.map_err(|error| usage(error.to_string()))
}

/// Count, d, mean, the low digits of the mean and products, in little-endian words of 8 bytes.
fn written(parts: &MomentsParts) -> Vec<u8> {
    let numbers = [&parts.mean, &parts.mean_low, &parts.comoment];
    let words = [parts.count, parts.mean.len() as u64].into_iter();
    let words = words.chain(numbers.into_iter().flatten().map(|number| number.to_bits()));
    words.flat_map(u64::to_le_bytes).collect()
}

fn read(bytes: &[u8]) -> Option<MomentsParts> {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: Vec<u64> = words.iter().copied().map(u64::from_le_bytes).collect();
    let (&[count, dimension], numbers) = words.split_first_chunk::<2>()?;
    let dimension = usize::try_from(dimension).ok()?;
    let numbers: Vec<f64> = numbers.iter().copied().map(f64::from_bits).collect();
    if !rest.is_empty() || numbers.len() / 2 < dimension {
        return None;
    }
    let (mean, numbers) = numbers.split_at(dimension);
    let (mean_low, comoment) = numbers.split_at(dimension);
    Some(MomentsParts {
        count,
        mean: mean.to_vec(),
        mean_low: mean_low.to_vec(),
        comoment: comoment.to_vec(),
    })
}

/// `(rows - mean) @ components.T`, with sums of f64.
#[pyfunction]
pub(crate) fn project(
    py: Python<'_>,
    rows: &Bound<'_, PyAny>,
    mean: &Bound<'_, PyAny>,
    components: &Bound<'_, PyAny>,
) -> PyResult<Vectors> {
    let (rows, mean, components) = (
        NumberArray::read(rows)?,
        NumberArray::read(mean)?,
        NumberArray::read(components)?,
    );
    let ((n, d), (k, width)) = (rows.rows()?, components.rows()?);
    let (NumberArray::F64(mean), NumberArray::F64(components)) = (&mean, &components) else {
        return Err(usage("mean and components are arrays of float64"));
    };
    for found in [width, mean.numbers().len()] {
        if found != d {
            let error = PcaError::DimensionMismatch {
                expected: found,
                found: d,
            };
            return Err(usage(error.to_string()));
        }
    }
    // Only the mean and the components project.
    let model = PcaModel::new(
        n as u64,
        mean.numbers().to_vec(),
        components.numbers().to_vec(),
        vec![0.0; d],
        vec![0.0; d],
    );
    let projection = model.map_err(|error| raise(py, error))?.projection(true);
    Ok(match &rows {
        NumberArray::F32(rows) => {
            let mut out = vec![0.0; n * k];
            py.detach(|| projection.apply(rows.numbers(), &mut out));
            Vectors::of_f32(out, vec![n, k])
        }
        NumberArray::F64(rows) => {
            let mut out = vec![0.0; n * k];
            py.detach(|| projection.apply(rows.numbers(), &mut out));
            Vectors::of_f64(out, vec![n, k])
        }
    })
}
