//! Values of Python as parameters of statements, and as settings.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::common::scalar::ScalarStructBuilder;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{ParamValues, ScalarValue};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyMemoryView,
    PyString, PyTuple,
};

use crate::arrow_stream::read_array;
use crate::errors::usage;
use crate::moment_values::{moment, numpy_moment};
use crate::number_array::{NumberArray, has_interface};

/// How deep lists may lie in one another.
const MOST_DEPTH: u8 = 4;

/// The values of a statement's parameters.
pub(crate) struct Parameters(ParamValues);

impl Parameters {
    /// Reads a sequence, a mapping, or nothing.
    ///
    /// # Errors
    /// When a value has a type that no column has.
    pub(crate) fn read(given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(given) = given else {
            return Ok(Self(Vec::<ScalarValue>::new().into()));
        };
        if let Ok(mapping) = given.cast::<PyMapping>()
            && !given.is_instance_of::<PyList>()
            && !given.is_instance_of::<PyTuple>()
        {
            let mut values = HashMap::new();
            for item in mapping.items()?.iter() {
                let (name, value): (String, Bound<'_, PyAny>) = item.extract()?;
                let name = name.trim_start_matches('$').to_string();
                values.insert(name, scalar(&value, MOST_DEPTH)?);
            }
            return Ok(Self(values.into()));
        }
        if given.is_instance_of::<PyString>() || given.is_instance_of::<PyBytes>() {
            return Err(usage(
                "parameters are a list of values, [\"Apple%\"], or a mapping of names to values",
            ));
        }
        let values = given.try_iter()?.map(|value| scalar(&value?, MOST_DEPTH));
        let values: Vec<ScalarValue> = values.collect::<PyResult<_>>()?;
        Ok(Self(values.into()))
    }

    pub(crate) fn into_values(self) -> ParamValues {
        self.0
    }
}

/// A value as a setting has it: text; `true` and `false` as SQL writes them.
pub(crate) fn setting_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(flag.is_true().to_string());
    }
    if let Ok(list) = value.cast::<PyList>() {
        let texts = list.iter().map(|item| setting_text(&item));
        return Ok(texts.collect::<PyResult<Vec<_>>>()?.join(","));
    }
    Ok(value.str()?.to_string())
}

fn scalar(value: &Bound<'_, PyAny>, depth: u8) -> PyResult<ScalarValue> {
    if value.is_none() {
        return Ok(ScalarValue::Null);
    }
    // A bool is an int in Python.
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if value.is_instance_of::<PyInt>() {
        return integer(value);
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(value.extract::<f64>()?.into());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.into());
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(ScalarValue::Binary(Some(bytes.as_bytes().to_vec())));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(ScalarValue::Binary(Some(bytes.to_vec())));
    }
    if value.is_instance_of::<PyMemoryView>() {
        let bytes: Vec<u8> = value.call_method0("tobytes")?.extract()?;
        return Ok(ScalarValue::Binary(Some(bytes)));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return list(value, depth);
    }
    if let Ok(fields) = value.cast::<PyDict>() {
        return structure(fields, depth);
    }
    if value.hasattr("__arrow_c_array__")? {
        let array = read_array(value)?;
        if array.len() != 1 {
            let text = format!(
                "an Arrow array of {} elements is no single value",
                array.len()
            );
            return Err(usage(text));
        }
        return ScalarValue::try_from_array(&array, 0).map_err(|error| usage(error.to_string()));
    }
    if let Some(moment) = moment(value)? {
        return Ok(moment);
    }
    if has_interface(value)? {
        return array(value, depth);
    }
    let kind = value.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "a parameter is None, a bool, a number, text, bytes, a date or time, a list or a dictionary of these \
         or an array, and not a {kind}"
    )))
}

fn integer(value: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    if let Ok(number) = value.extract::<i64>() {
        return Ok(number.into());
    }
    match value.extract::<u64>() {
        Ok(number) => Ok(number.into()),
        Err(_) => Err(usage(format!("{value} has more than 64 bits"))),
    }
}

fn list(values: &Bound<'_, PyAny>, depth: u8) -> PyResult<ScalarValue> {
    if depth == 0 {
        return Err(usage(format!("lists are at most {MOST_DEPTH} deep")));
    }
    let scalars = values.try_iter()?.map(|value| scalar(&value?, depth - 1));
    let mut scalars: Vec<ScalarValue> = scalars.collect::<PyResult<_>>()?;
    // Whole numbers among others: [1, 0.5].
    let has_float = scalars
        .iter()
        .any(|value| matches!(value, ScalarValue::Float64(_)));
    if has_float {
        for value in &mut scalars {
            if let ScalarValue::Int64(Some(number)) = value {
                *value = (*number as f64).into();
            }
        }
    }
    let mut kinds = scalars.iter().map(ScalarValue::data_type);
    let known = kinds.find(|kind| !is_unknown(kind));
    let kind = known.or_else(|| scalars.first().map(ScalarValue::data_type));
    let kind = kind.unwrap_or(DataType::Null);
    for value in &mut scalars {
        let found = value.data_type();
        if found == kind {
            continue;
        }
        if !is_unknown(&found) {
            let text =
                format!("a list has values of one type, and this one has {kind} and {found}");
            return Err(usage(text));
        }
        let same = value.cast_to(&kind);
        *value = same.map_err(|error| usage(error.to_string()))?;
    }
    Ok(ScalarValue::List(ScalarValue::new_list(
        &scalars, &kind, true,
    )))
}

/// The fields of a struct by their names.
fn structure(fields: &Bound<'_, PyDict>, depth: u8) -> PyResult<ScalarValue> {
    if depth == 0 {
        return Err(usage(format!("values are at most {MOST_DEPTH} deep")));
    }
    if fields.is_empty() {
        return Err(usage("an empty dictionary is no struct: it has no fields"));
    }
    let mut made = ScalarStructBuilder::new();
    for (name, value) in fields {
        let name = name.cast::<PyString>().map_err(|_| {
            usage("the keys of a dictionary are the names of a struct's fields, which are texts")
        })?;
        let value = scalar(&value, depth - 1)?;
        let field = Field::new(name.to_str()?, value.data_type(), true);
        made = made.with_scalar(field, value);
    }
    made.build().map_err(|error| usage(error.to_string()))
}

/// Whether a type is that of NULL or of an empty list, which may be of any other.
fn is_unknown(kind: &DataType) -> bool {
    match kind {
        DataType::Null => true,
        DataType::List(field) => is_unknown(field.data_type()),
        _ => false,
    }
}

/// NumPy's: a scalar, or a vector of one dimension.
fn array(value: &Bound<'_, PyAny>, depth: u8) -> PyResult<ScalarValue> {
    let interface = value.getattr("__array_interface__")?;
    let shape: Vec<usize> = interface.get_item("shape")?.extract()?;
    let kind: String = interface.get_item("typestr")?.extract()?;
    let is_moment = kind.contains("M8") || kind.contains("m8");
    match shape.len() {
        0 if is_moment => numpy_moment(value, &kind),
        1 if is_moment => list(value, depth),
        0 => {
            let item = value.call_method0("item")?;
            // A long double has no number of Python's own, and is its own item.
            if has_interface(&item)? {
                let kind = value.get_type().name()?;
                let text = format!("a parameter is no {kind}: pass float(…) of it");
                return Err(PyTypeError::new_err(text));
            }
            scalar(&item, depth)
        }
        1 => {
            if let Ok(numbers) = NumberArray::read(value) {
                let array: ArrayRef = match &numbers {
                    NumberArray::F32(rows) => Arc::new(Float32Array::from(rows.numbers().to_vec())),
                    NumberArray::F64(rows) => Arc::new(Float64Array::from(rows.numbers().to_vec())),
                };
                return Ok(SingleRowListArrayBuilder::new(array).build_list_scalar());
            }
            scalar(&value.call_method0("tolist")?, depth)
        }
        dimensions => Err(usage(format!(
            "an array of {dimensions} dimensions is no value of a column: pass one row of it"
        ))),
    }
}
