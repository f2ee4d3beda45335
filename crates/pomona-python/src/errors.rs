//! The exceptions of `pomona`, and errors of the engine as exceptions with the sentence of the command.

use std::ffi::CString;
use std::path::Path;

use datafusion::error::DataFusionError;
use pomona_session::plain_message;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::error_kind::{self, Kind};

/// Name, builtin base and documentation of each exception, in the order of [`Kind`]. All but the first are
/// a `PomonaError`, too. The last is raised by Python.
const CLASSES: [(&str, Option<&str>, &str); 9] = [
    ("PomonaError", None, "An error of Pomona."),
    (
        "UsageError",
        Some("ValueError"),
        "An argument, an option or a location is wrong as it is written.",
    ),
    (
        "ImageError",
        Some("ValueError"),
        "An image cannot be decoded. ``index`` is its place in a list of images, and ``path`` its file, \
         where there are such.",
    ),
    (
        "WeightsError",
        None,
        "Weights cannot be had, or are not those that are needed.",
    ),
    (
        "StorageError",
        Some("OSError"),
        "A file, a folder or an object of a store cannot be read, written or listed.",
    ),
    ("SqlError", None, "A statement cannot be planned or run."),
    (
        "ClusterError",
        None,
        "A cluster cannot be reached, or a job on it failed.",
    ),
    (
        "OutputError",
        None,
        "An output cannot be written or read: it is locked, of another run, or not finished.",
    ),
    (
        "VersionError",
        None,
        "Another version of a package is needed.",
    ),
];

static EXCEPTIONS: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();

/// Adds the exceptions to the module.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for ((name, _, _), class) in CLASSES.iter().zip(exceptions(module.py())?) {
        module.add(*name, class)?;
    }
    Ok(())
}

fn exceptions(py: Python<'_>) -> PyResult<&Vec<Py<PyType>>> {
    EXCEPTIONS.get_or_try_init(py, || {
        let mut classes: Vec<Py<PyType>> = vec![];
        for (name, base, doc) in CLASSES {
            let builtins = py.import("builtins")?;
            let mut bases = vec![];
            match classes.first() {
                Some(pomona) => bases.push(pomona.bind(py).clone().into_any()),
                None => bases.push(builtins.getattr("Exception")?),
            }
            if let Some(base) = base {
                bases.push(builtins.getattr(base)?);
            }
            let content = PyDict::new(py);
            content.set_item("__module__", "pomona")?;
            content.set_item("__doc__", doc)?;
            if name == "ImageError" {
                content.set_item("index", py.None())?;
                content.set_item("path", py.None())?;
            }
            // `PyErr_NewException` makes no class with several bases through PyO3; `type` does.
            let class = py
                .get_type::<PyType>()
                .call1((name, PyTuple::new(py, bases)?, content))?;
            classes.push(class.cast_into::<PyType>()?.unbind());
        }
        Ok(classes)
    })
}

/// An exception of a kind.
pub(crate) fn of_kind(py: Python<'_>, kind: Kind, text: impl Into<String>) -> PyErr {
    match exceptions(py) {
        Ok(classes) => {
            let class = classes[kind as usize].bind(py).clone();
            PyErr::from_type(class, (text.into(),))
        }
        Err(error) => error,
    }
}

/// A `UsageError`.
pub(crate) fn usage(text: impl Into<String>) -> PyErr {
    Python::attach(|py| of_kind(py, Kind::Usage, text))
}

/// A `PomonaError` of no kind.
pub(crate) fn plain(py: Python<'_>, text: impl Into<String>) -> PyErr {
    of_kind(py, Kind::Other, text)
}

/// The exception of an error, with the text that the command would print.
pub(crate) fn raise(py: Python<'_>, error: impl Into<anyhow::Error>) -> PyErr {
    let error = error.into();
    let kind = error_kind::of_error(&error);
    of_kind(py, kind, pomona_cli::error_message(&error))
}

/// The exception of an error of the engine, with the text that the command would print.
pub(crate) fn from_datafusion(py: Python<'_>, error: &DataFusionError) -> PyErr {
    of_kind(py, error_kind::of_engine(error), plain_message(error))
}

/// An `ImageError` or `StorageError` about one of a list of images, counted from 0.
pub(crate) fn of_image(
    py: Python<'_>,
    kind: Kind,
    index: usize,
    path: Option<&Path>,
    text: impl Into<String>,
) -> PyErr {
    let error = of_kind(py, kind, text);
    // The attributes help; the text has both, too.
    let _ = error.value(py).setattr("index", index);
    let _ = error.value(py).setattr("path", path.map(Path::as_os_str));
    error
}

/// A text for C: without NUL.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}
