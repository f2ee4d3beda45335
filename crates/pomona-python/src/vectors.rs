//! [`Vectors`]: numbers in rows, which NumPy reads without a copy.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::errors::usage;

/// Numbers of `f32` or `f64`, in one dimension or in rows.
#[pyclass(frozen, module = "pomona._native")]
pub(crate) struct Vectors {
    numbers: Numbers,
    shape: Vec<usize>,
    /// Whether nobody else has them, so that they may be changed.
    is_own: bool,
}

enum Numbers {
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
}

impl Vectors {
    /// Rows of `f32`.
    pub(crate) fn of_f32(numbers: Vec<f32>, shape: Vec<usize>) -> Self {
        Self {
            numbers: Numbers::F32(numbers.into()),
            shape,
            is_own: true,
        }
    }

    /// Rows of `f64`.
    pub(crate) fn of_f64(numbers: Vec<f64>, shape: Vec<usize>) -> Self {
        Self {
            numbers: Numbers::F64(numbers.into()),
            shape,
            is_own: true,
        }
    }

    /// A column of vectors of one length, or of numbers: those of one array without NULL as they lie, others copied
    /// once. A NULL is a row of NaN. `length` is that of the vectors where no row has one.
    ///
    /// # Errors
    /// The reason why the column is none.
    pub(crate) fn of_column(
        name: &str,
        kind: &DataType,
        columns: Vec<ArrayRef>,
        length: Option<usize>,
    ) -> Result<Self, String> {
        match kind {
            DataType::Float32 => Ok(Self::of_numbers_f32(columns)),
            DataType::Float64 => Ok(Self::of_numbers_f64(columns)),
            _ => match element(kind) {
                Some(DataType::Float32) => gather(name, columns, length, |array| {
                    array.as_primitive::<Float32Type>().values().clone()
                })
                .map(|(numbers, shape, is_own)| Self {
                    numbers: Numbers::F32(numbers),
                    shape,
                    is_own,
                }),
                Some(DataType::Float64) => gather(name, columns, length, |array| {
                    array.as_primitive::<Float64Type>().values().clone()
                })
                .map(|(numbers, shape, is_own)| Self {
                    numbers: Numbers::F64(numbers),
                    shape,
                    is_own,
                }),
                _ => Err(format!(
                    "the column {name} is {kind}, and an array is made of lists of Float32 or Float64, or of \
                     such numbers"
                )),
            },
        }
    }

    fn of_numbers_f32(columns: Vec<ArrayRef>) -> Self {
        let arrays = columns
            .iter()
            .map(|column| column.as_primitive::<Float32Type>());
        let numbers = arrays
            .flat_map(|array: &Float32Array| array.iter().map(|value| value.unwrap_or(f32::NAN)));
        let numbers: Vec<f32> = numbers.collect();
        let shape = vec![numbers.len()];
        Self::of_f32(numbers, shape)
    }

    fn of_numbers_f64(columns: Vec<ArrayRef>) -> Self {
        let arrays = columns
            .iter()
            .map(|column| column.as_primitive::<Float64Type>());
        let numbers = arrays
            .flat_map(|array: &Float64Array| array.iter().map(|value| value.unwrap_or(f64::NAN)));
        let numbers: Vec<f64> = numbers.collect();
        let shape = vec![numbers.len()];
        Self::of_f64(numbers, shape)
    }
}

/// The type of a list's values.
fn element(kind: &DataType) -> Option<&DataType> {
    match kind {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

/// What is known of a number type here.
trait Number: arrow::datatypes::ArrowNativeType {
    const NAN: Self;
}

impl Number for f32 {
    const NAN: Self = f32::NAN;
}

impl Number for f64 {
    const NAN: Self = f64::NAN;
}

/// The numbers of lists, their shape, and whether they are a copy.
fn gather<T: Number>(
    name: &str,
    columns: Vec<ArrayRef>,
    length: Option<usize>,
    values: impl Fn(&ArrayRef) -> ScalarBuffer<T>,
) -> Result<(ScalarBuffer<T>, Vec<usize>, bool), String> {
    let columns: Vec<ArrayRef> = columns
        .into_iter()
        .filter(|column| !column.is_empty())
        .collect();
    let mut lists = vec![];
    for column in columns {
        lists.push(Lists::read(name, &column)?);
    }
    let known = lists.iter().find_map(|lists| lists.length);
    let length = known.or(length).unwrap_or(0);
    if let Some(other) = lists
        .iter()
        .find_map(|lists| lists.length.filter(|&other| other != length))
    {
        return Err(format!(
            "the vectors of {name} have {length} and {other} numbers, and an array has rows of one length"
        ));
    }
    let rows = lists.iter().map(|lists| lists.rows).sum();
    let shape = vec![rows, length];
    if let [only] = lists.as_slice()
        && only.is_whole
    {
        let all = values(&only.values);
        return Ok((all.slice(only.start, rows * length), shape, false));
    }
    let mut numbers: Vec<T> = Vec::with_capacity(rows * length);
    // Each is let go when it is copied.
    for lists in lists {
        let all = values(&lists.values);
        for start in &lists.starts {
            match start {
                Some(start) => numbers.extend_from_slice(&all[*start..start + length]),
                None => numbers.extend(std::iter::repeat_n(T::NAN, length)),
            }
        }
    }
    Ok((numbers.into(), shape, true))
}

/// Lists of one length in one array.
struct Lists {
    values: ArrayRef,
    rows: usize,
    /// Numbers in a list; `None` where all are NULL.
    length: Option<usize>,
    /// Where each list begins among the values; `None` for NULL.
    starts: Vec<Option<usize>>,
    start: usize,
    /// Whether the lists lie one after the other, and none is NULL.
    is_whole: bool,
}

impl Lists {
    fn read(name: &str, column: &ArrayRef) -> Result<Self, String> {
        let wide = match column.data_type() {
            DataType::LargeList(_) => Arc::clone(column),
            DataType::List(field) | DataType::FixedSizeList(field, _) => {
                // The values stay where they are.
                let wide = DataType::LargeList(Arc::clone(field));
                cast(column, &wide).map_err(|error| error.to_string())?
            }
            other => return Err(format!("the column {name} is {other}")),
        };
        let lists = wide.as_list::<i64>();
        let offsets = lists.value_offsets();
        let mut length = None;
        let mut starts = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            if lists.is_null(row) {
                starts.push(None);
                continue;
            }
            let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
            let this = end - start;
            if *length.get_or_insert(this) != this {
                let before = length.unwrap_or(0);
                return Err(format!(
                    "the vectors of {name} have {before} and {this} numbers, and an array has rows of one length"
                ));
            }
            starts.push(Some(start));
        }
        let values = Arc::clone(lists.values());
        let has_null = |start: &usize| values.slice(*start, length.unwrap_or(0)).null_count() > 0;
        if values.null_count() > 0 && starts.iter().flatten().any(has_null) {
            return Err(format!("a vector of {name} has a NULL inside"));
        }
        Ok(Self {
            rows: lists.len(),
            length,
            start: offsets[0] as usize,
            is_whole: lists.null_count() == 0,
            starts,
            values,
        })
    }
}

#[pymethods]
impl Vectors {
    /// What NumPy reads.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (kind, start) = match &self.numbers {
            Numbers::F32(numbers) => ("<f4", numbers.as_ptr() as usize),
            Numbers::F64(numbers) => ("<f8", numbers.as_ptr() as usize),
        };
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", self.shape(py)?)?;
        interface.set_item("typestr", kind)?;
        interface.set_item("data", (start, !self.is_own))?;
        Ok(interface)
    }

    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.shape)
    }

    #[getter]
    fn dtype(&self) -> &'static str {
        match &self.numbers {
            Numbers::F32(_) => "float32",
            Numbers::F64(_) => "float64",
        }
    }

    fn __len__(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Lists of Python's numbers.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match &self.numbers {
            Numbers::F32(numbers) => lists(py, numbers, &self.shape),
            Numbers::F64(numbers) => lists(py, numbers, &self.shape),
        }
    }

    fn __repr__(&self) -> String {
        format!("<pomona.Vectors {:?} {}>", self.shape, self.dtype())
    }
}

fn lists<'py, T: Copy + IntoPyObject<'py>>(
    py: Python<'py>,
    numbers: &[T],
    shape: &[usize],
) -> PyResult<Bound<'py, PyList>> {
    match shape {
        [_] => PyList::new(py, numbers.iter().copied()),
        &[rows, length] => {
            let all = PyList::empty(py);
            for row in 0..rows {
                let row = &numbers[row * length..(row + 1) * length];
                all.append(PyList::new(py, row.iter().copied())?)?;
            }
            Ok(all)
        }
        _ => Err(usage("these numbers are in no rows")),
    }
}
