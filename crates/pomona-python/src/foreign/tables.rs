//! The capsule of an image table: what `SessionContext.register_table` takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion_ffi::table_provider::FFI_TableProvider;
use pomona_images::io_runtime;
use pomona_session::Portable;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::codec;
use crate::errors::from_datafusion;
use crate::waiting::wait;

/// Images below one or more locations, one row an image.
#[pyclass(frozen, module = "pomona._native")]
pub(super) struct ForeignTable {
    table: Arc<dyn TableProvider>,
}

impl ForeignTable {
    /// Asks the stores of the locations whether they are there.
    pub(super) fn new(
        py: Python<'_>,
        portable: &Portable,
        locations: Vec<String>,
        options: BTreeMap<String, String>,
    ) -> PyResult<Self> {
        let portable = portable.clone();
        let options: HashMap<_, _> = options.into_iter().collect();
        let table = wait(py, async move { portable.table(locations, &options).await });
        match table? {
            Ok(table) => Ok(Self { table }),
            Err(error) => Err(from_datafusion(py, &error)),
        }
    }
}

#[pymethods]
impl ForeignTable {
    fn __datafusion_table_provider__<'py>(
        &self,
        py: Python<'py>,
        session: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let table = Arc::clone(&self.table);
        let runtime = Some(io_runtime().clone());
        let table = FFI_TableProvider::new_with_ffi_codec(table, true, runtime, codec(session)?);
        PyCapsule::new_with_value(py, table, c"datafusion_table_provider")
    }
}
