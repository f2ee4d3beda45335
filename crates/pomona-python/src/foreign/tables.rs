//! Capsules of image tables: what `SessionContext.register_table` and `register_table_factory` take.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion_ffi::table_provider::FFI_TableProvider;
use datafusion_ffi::table_provider_factory::FFI_TableProviderFactory;
use pomona_images::io_runtime;
use pomona_session::Portable;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::theirs::Theirs;
use crate::errors::from_datafusion;
use crate::waiting::wait;

/// Images below one or more locations, one row an image.
#[pyclass(frozen, module = "pomona._native")]
pub(super) struct ForeignTable {
    table: Arc<dyn TableProvider>,
    portable: Portable,
}

impl ForeignTable {
    /// Asks the stores of the locations whether they are there.
    pub(super) fn new(
        py: Python<'_>,
        portable: &Portable,
        locations: Vec<String>,
        options: BTreeMap<String, String>,
    ) -> PyResult<Self> {
        let (portable, maker) = (portable.clone(), portable.clone());
        let options: HashMap<_, _> = options.into_iter().collect();
        let table = wait(py, async move { maker.table(locations, &options).await });
        match table? {
            Ok(table) => Ok(Self { table, portable }),
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
        let theirs = Theirs::new(session, &self.portable)?;
        let table = theirs.kept(Arc::clone(&self.table));
        let runtime = Some(io_runtime().clone());
        let codec = theirs.codec(session)?;
        let table = FFI_TableProvider::new_with_ffi_codec(table, true, runtime, codec);
        PyCapsule::new_with_value(py, table, c"datafusion_table_provider")
    }
}

/// `STORED AS IMAGES` of one session.
#[pyclass(frozen, module = "pomona._native")]
pub(super) struct ForeignFactory {
    portable: Portable,
    theirs: Theirs,
}

impl ForeignFactory {
    pub(super) fn new(session: &Bound<'_, PyAny>, portable: &Portable) -> PyResult<Self> {
        Ok(Self {
            portable: portable.clone(),
            theirs: Theirs::new(session, portable)?,
        })
    }
}

#[pymethods]
impl ForeignFactory {
    fn __datafusion_table_provider_factory__<'py>(
        &self,
        py: Python<'py>,
        codec: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let factory = self.theirs.kept_factory(self.portable.table_factory());
        let runtime = Some(io_runtime().clone());
        let codec = self.theirs.codec(codec)?;
        let factory = FFI_TableProviderFactory::new_with_ffi_codec(factory, runtime, codec);
        PyCapsule::new_with_value(py, factory, c"datafusion_table_provider_factory")
    }
}
