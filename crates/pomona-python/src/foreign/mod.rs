//! Other people's sessions: functions, aggregates and the image table over `datafusion-ffi`.
//!
//! The Python package `datafusion` brings its own copy of the engine. What it takes of another library are capsules
//! with the structs of `datafusion-ffi`, whose layout belongs to a major version: `pomona/foreign.py` compares the
//! versions before it asks for the first capsule, because a struct of another layout ends the process.
//!
//! What crosses is made by [`Portable`], so it needs neither options nor stores of the other session, and its panics
//! are errors. Futures and streams run with the threads that talk to storage: the other library polls them with a
//! runtime of its own, which this one does not see.

mod functions;
mod tables;

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::Arc;

use datafusion_ffi::proto::logical_extension_codec::FFI_LogicalExtensionCodec;
use datafusion_ffi::table_provider_factory::FFI_TableProviderFactory;
use pomona_images::io_runtime;
use pomona_session::Portable;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::{from_datafusion, usage};
use functions::{ForeignAggregate, ForeignScalar};
use tables::ForeignTable;

/// The method by which a session hands over what reads the plans that it sends, and the name of the capsule.
const CODEC_METHOD: &str = "__datafusion_logical_extension_codec__";
const CODEC: &CStr = c"datafusion_logical_extension_codec";

/// Adds the classes of this module to `pomona._native`.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Foreign>()?;
    module.add_class::<ForeignScalar>()?;
    module.add_class::<ForeignAggregate>()?;
    module.add_class::<ForeignTable>()
}

/// Functions and tables for sessions of the package `datafusion`, with settings that hold for all of them. It is also
/// what `SessionContext.register_table_factory("IMAGES", …)` takes.
#[pyclass(frozen, module = "pomona._native")]
struct Foreign {
    portable: Portable,
}

#[pymethods]
impl Foreign {
    /// Settings are `pomona.*`, as with `SET`.
    #[new]
    #[pyo3(signature = (settings=BTreeMap::new()))]
    fn new(py: Python<'_>, settings: BTreeMap<String, String>) -> PyResult<Self> {
        if let Some(name) = settings.keys().find(|name| !name.starts_with("pomona.")) {
            return Err(usage(format!(
                "{name} is no setting of Pomona's functions: they are named pomona.NAME; those of the session are set \
                 in the session"
            )));
        }
        let settings = settings.iter().map(|(name, value)| (&**name, &**value));
        match Portable::new(settings) {
            Ok(portable) => Ok(Self { portable }),
            Err(error) => Err(from_datafusion(py, &error)),
        }
    }

    /// Every scalar function.
    fn scalar_functions(&self) -> Vec<ForeignScalar> {
        let functions = self.portable.scalar_functions();
        functions.into_iter().map(ForeignScalar::new).collect()
    }

    /// Every aggregate function.
    fn aggregate_functions(&self) -> Vec<ForeignAggregate> {
        let functions = self.portable.aggregate_functions();
        functions.into_iter().map(ForeignAggregate::new).collect()
    }

    /// Images at some locations, under the options of `STORED AS IMAGES`.
    fn table(
        &self,
        py: Python<'_>,
        locations: Vec<String>,
        options: BTreeMap<String, String>,
    ) -> PyResult<ForeignTable> {
        ForeignTable::new(py, &self.portable, locations, options)
    }

    fn __datafusion_table_provider_factory__<'py>(
        &self,
        py: Python<'py>,
        session: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let factory = self.portable.table_factory();
        let runtime = Some(io_runtime().clone());
        let factory =
            FFI_TableProviderFactory::new_with_ffi_codec(factory, runtime, codec(session)?);
        PyCapsule::new_with_value(py, factory, c"datafusion_table_provider_factory")
    }
}

/// What reads the conditions and statements that a session sends: a capsule, or an object that hands one over.
#[expect(unsafe_code, reason = "a capsule is a pointer")]
fn codec(session: &Bound<'_, PyAny>) -> PyResult<FFI_LogicalExtensionCodec> {
    let capsule = match session.hasattr(CODEC_METHOD)? {
        true => session.call_method0(CODEC_METHOD)?,
        false => session.clone(),
    };
    let capsule = capsule.cast::<PyCapsule>()?;
    let codec = capsule.pointer_checked(Some(CODEC))?;
    // SAFETY: a capsule of this name holds this struct, and the versions of both libraries were compared before the
    // session was asked for it. The capsule, which owns the struct, lives to the end of this function.
    let codec: &FFI_LogicalExtensionCodec = unsafe { codec.cast().as_ref() };
    Ok(codec.clone())
}
