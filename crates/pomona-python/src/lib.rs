//! `pomona._native`: the engine as a module of Python, and the commands, in one library.
//!
//! What it offers is written in `python/pomona/_native.pyi`; what people import is Python's, in `python/pomona`.
//!
//! | file | what Python sees |
//! |---|---|
//! | `command.rs` | `main` |
//! | `connection.rs`, `statements.rs`, `tables.rs` | `connect`, `Connection` |
//! | `parameters.rs`, `moment_values.rs` | values of parameters |
//! | `result.rs`, `cursor.rs`, `python_rows.rs`, `cell_text.rs` | `Result`, `Cursor` |
//! | `vectors.rs`, `vector_lengths.rs` | `Vectors` |
//! | `batch_reader.rs`, `arrow_stream.rs` | Arrow's streams, out and in |
//! | `run.rs`, `finished.rs`, `lookups.rs`, `thumbnails.rs`, `python_names.rs` | `run` and what it leaves |
//! | `moments.rs`, `number_array.rs` | `Moments`, `project` |
//! | `extractor.rs`, `extraction.rs`, `image_files.rs` | `Extractor` |
//! | `errors.rs`, `error_kind.rs` | the exceptions |
//! | `foreign/` | sessions of the package `datafusion` |
//!
//! `runtime.rs` has the threads, `waiting.rs` how a thread of Python waits for them, and `kept.rs` what outlives neither
//! the interpreter nor a fork.

// `cargo test --lib` makes a program of it, which cannot be linked without libpython.
#![cfg(not(test))]

#[expect(unsafe_code, reason = "callbacks and capsules of Arrow's C interface")]
mod arrow_stream;
mod batch_reader;
mod cell_text;
mod command;
mod connection;
mod cursor;
mod error_kind;
mod errors;
mod extraction;
mod extractor;
mod finished;
mod foreign;
mod image_files;
#[expect(unsafe_code, reason = "functions of the interpreter")]
mod interpreter_lock;
mod kept;
mod lookups;
mod moment_values;
mod moments;
#[expect(unsafe_code, reason = "memory of other libraries")]
mod number_array;
mod parameters;
mod python_names;
mod python_rows;
mod result;
mod run;
mod runtime;
mod statements;
mod tables;
mod thumbnails;
mod vector_lengths;
mod vectors;
mod waiting;

use pyo3::prelude::*;

/// The module.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("datafusion_version", datafusion::DATAFUSION_VERSION)?;
    errors::add_to(module)?;
    module.add_function(wrap_pyfunction!(command::main, module)?)?;
    module.add_function(wrap_pyfunction!(connection::connect, module)?)?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<result::QueryResult>()?;
    module.add_class::<cursor::Cursor>()?;
    module.add_class::<vectors::Vectors>()?;
    module.add_function(wrap_pyfunction!(run::run, module)?)?;
    module.add_function(wrap_pyfunction!(finished::manifest, module)?)?;
    module.add_function(wrap_pyfunction!(finished::read_results, module)?)?;
    module.add_function(wrap_pyfunction!(finished::read_file, module)?)?;
    module.add_function(wrap_pyfunction!(finished::report, module)?)?;
    module.add_function(wrap_pyfunction!(lookups::similar, module)?)?;
    module.add_function(wrap_pyfunction!(lookups::outliers, module)?)?;
    module.add_function(wrap_pyfunction!(lookups::suspects, module)?)?;
    module.add_function(wrap_pyfunction!(thumbnails::thumbnail, module)?)?;
    module.add_class::<moments::PyMoments>()?;
    module.add_function(wrap_pyfunction!(moments::project, module)?)?;
    module.add_class::<extractor::Extractor>()?;
    foreign::add_to(module)
}
