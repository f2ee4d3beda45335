//! [`NumberArray`]: arrays of other libraries, read where they lie by `__array_interface__`.

use std::slice;

use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::errors::usage;

/// Where NumPy and others say what an array is.
const INTERFACE: &str = "__array_interface__";

/// A C-contiguous array of `f32` or `f64`.
pub(crate) enum NumberArray {
    F32(Numbers<f32>),
    F64(Numbers<f64>),
}

/// The numbers of an array, which its owner keeps.
pub(crate) struct Numbers<T> {
    start: *const T,
    len: usize,
    shape: Vec<usize>,
    _owner: Py<PyAny>,
}

// SAFETY: the numbers are only read, and their owner is dropped by PyO3 where it may be.
unsafe impl<T: Send> Send for Numbers<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Numbers<T> {}

impl<T> Numbers<T> {
    /// Rows and columns, or the length of a vector.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All numbers, row by row.
    pub(crate) fn numbers(&self) -> &[T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: `read` has checked that the owner says that so many numbers of this type begin there, and that the
        // place is aligned. The owner lives as long as this. That nobody writes meanwhile is what callers of the
        // Python functions are asked for, as NumPy does.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }
}

/// Whether an object says where its array is.
pub(crate) fn has_interface(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.hasattr(INTERFACE)
}

impl NumberArray {
    /// The array of an object.
    ///
    /// # Errors
    /// `UsageError` when it is none, or is not C-contiguous, or not of `f32` or `f64` of this machine.
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if !has_interface(value)? {
            let kind = value.get_type().name()?;
            return Err(usage(format!(
                "a {kind} is no array: pass one of NumPy, numpy.asarray(x)"
            )));
        }
        let interface = value.getattr(INTERFACE)?;
        let shape: Vec<usize> = interface.get_item("shape")?.extract()?;
        let kind: String = interface.get_item("typestr")?.extract()?;
        let (start, _is_read_only): (usize, bool) = interface.get_item("data")?.extract()?;
        let size = match kind.as_str() {
            "<f4" | "=f4" => size_of::<f32>(),
            "<f8" | "=f8" => size_of::<f64>(),
            _ => {
                return Err(usage(format!(
                    "an array of {kind}: pass one of float32 or float64, x.astype('float32')"
                )));
            }
        };
        let len = shape
            .iter()
            .try_fold(1_usize, |all, &side| all.checked_mul(side));
        let len = len.ok_or_else(|| usage("the array is larger than memory"))?;
        let strides = interface.call_method1("get", ("strides",))?;
        if !strides.is_none() && len > 0 {
            let strides: Vec<isize> = strides.extract()?;
            if !is_contiguous(&shape, &strides, size) {
                return Err(usage(
                    "the array is not contiguous, row by row: pass numpy.ascontiguousarray(x)",
                ));
            }
        }
        if len > 0 && (start == 0 || !start.is_multiple_of(size)) {
            return Err(usage("the array is not aligned: pass a copy, x.copy()"));
        }
        let owner = value.clone().unbind();
        Ok(match size {
            4 => Self::F32(Numbers {
                start: start as *const f32,
                len,
                shape,
                _owner: owner,
            }),
            _ => Self::F64(Numbers {
                start: start as *const f64,
                len,
                shape,
                _owner: owner,
            }),
        })
    }

    /// Rows and columns.
    ///
    /// # Errors
    /// `UsageError` when the array has not two dimensions.
    pub(crate) fn rows(&self) -> PyResult<(usize, usize)> {
        let shape = match self {
            Self::F32(numbers) => numbers.shape(),
            Self::F64(numbers) => numbers.shape(),
        };
        match shape {
            &[rows, columns] => Ok((rows, columns)),
            other => Err(usage(format!(
                "an array of {} dimensions: rows are [n, d], x.reshape(1, -1) makes one of a vector",
                other.len()
            ))),
        }
    }
}

/// Whether strides in bytes are those of rows one after the other. A side of length 1 has any stride.
fn is_contiguous(shape: &[usize], strides: &[isize], size: usize) -> bool {
    let mut expected = size as isize;
    let mut sides = shape.iter().zip(strides).rev();
    sides.all(|(&side, &stride)| {
        let fits = side == 1 || stride == expected;
        expected = expected.saturating_mul(side as isize);
        fits
    })
}
