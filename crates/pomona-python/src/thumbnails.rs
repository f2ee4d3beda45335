//! `thumbnail`: an image made small for a notebook.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// An image as a JPEG whose longer side has at most `side` pixels, with its width and height; `None` where it cannot
/// be decoded.
#[pyfunction]
pub(crate) fn thumbnail(
    py: Python<'_>,
    content: PyBackedBytes,
    side: u32,
) -> Option<(Py<PyBytes>, u32, u32)> {
    let small = py.detach(|| pomona_analysis::report::thumbnail(&content, side))?;
    let jpeg = PyBytes::new(py, &small.jpeg).unbind();
    Some((jpeg, small.width, small.height))
}
