//! Capsules of functions: what `datafusion.udf` and `datafusion.udaf` take.

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion_ffi::udaf::FFI_AggregateUDF;
use datafusion_ffi::udf::FFI_ScalarUDF;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// A scalar function.
#[pyclass(frozen, module = "pomona._native")]
pub(super) struct ForeignScalar {
    function: Arc<ScalarUDF>,
}

impl ForeignScalar {
    pub(super) fn new(function: Arc<ScalarUDF>) -> Self {
        Self { function }
    }
}

#[pymethods]
impl ForeignScalar {
    /// The function's name in SQL.
    #[getter]
    fn name(&self) -> &str {
        self.function.name()
    }

    fn __datafusion_scalar_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_ScalarUDF::from(Arc::clone(&self.function));
        PyCapsule::new_with_value(py, function, c"datafusion_scalar_udf")
    }
}

/// An aggregate function.
#[pyclass(frozen, module = "pomona._native")]
pub(super) struct ForeignAggregate {
    function: Arc<AggregateUDF>,
}

impl ForeignAggregate {
    pub(super) fn new(function: Arc<AggregateUDF>) -> Self {
        Self { function }
    }
}

#[pymethods]
impl ForeignAggregate {
    /// The function's name in SQL.
    #[getter]
    fn name(&self) -> &str {
        self.function.name()
    }

    fn __datafusion_aggregate_udf__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_AggregateUDF::from(Arc::clone(&self.function));
        PyCapsule::new_with_value(py, function, c"datafusion_aggregate_udf")
    }
}
