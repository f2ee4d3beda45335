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
mod theirs;

use std::collections::BTreeMap;

use pomona_session::Portable;
use pyo3::prelude::*;

use crate::errors::{from_datafusion, usage};
use functions::{ForeignAggregate, ForeignScalar};
use tables::{ForeignFactory, ForeignTable};

/// Adds the classes of this module to `pomona._native`.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Foreign>()?;
    module.add_class::<ForeignScalar>()?;
    module.add_class::<ForeignAggregate>()?;
    module.add_class::<ForeignTable>()?;
    module.add_class::<ForeignFactory>()
}

/// Functions and tables for sessions of the package `datafusion`, with settings that hold for all of them.
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

    /// What `STORED AS IMAGES` makes tables with in a session.
    fn table_factory(&self, session: &Bound<'_, PyAny>) -> PyResult<ForeignFactory> {
        ForeignFactory::new(session, &self.portable)
    }
}
