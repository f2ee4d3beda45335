//! `run`: the whole pipeline, with progress and a cancel.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use pomona_cli::{RunOptions, STACK_BYTES, SessionOptions, Takes, open_context};
use pomona_pipeline::{Outcome, Progress};
use pomona_session::{ObjectStores, configure};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyDict, PyList, PyMapping, PyTuple};
use tokio::sync::oneshot;

use crate::connection::{Connection, Session};
use crate::errors::{plain, raise, usage};
use crate::python_names::{in_names, raise_in_names, run_option};
use crate::runtime::runtime;
use crate::waiting::POLL;

/// Options that say where a run computes, which a connection says where there is one.
const OF_CLUSTER: [&str; 6] = [
    "scheduler",
    "standalone",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "memory_limit",
];

/// Runs the pipeline and publishes its results.
#[pyfunction]
#[pyo3(signature = (connection, options, progress=None, config=None))]
pub(crate) fn run<'py>(
    py: Python<'py>,
    connection: Option<&Connection>,
    options: &Bound<'py, PyMapping>,
    progress: Option<Bound<'py, PyAny>>,
    config: Option<PathBuf>,
) -> PyResult<Bound<'py, PyDict>> {
    let given = Given::read(options)?;
    let parsed = match &config {
        None => RunOptions::parse(given.line).map_err(anyhow::Error::from),
        Some(file) => RunOptions::with_settings(file, given.line),
    };
    let parsed = parsed.map_err(|error| raise_in_names(py, error))?;
    let session = match connection {
        None => None,
        Some(_) if given.names_cluster => {
            return Err(usage(
                "the connection says where a run computes: pass scheduler, standalone, tls_… and memory_limit to \
                 connect(), and leave them out here",
            ));
        }
        Some(connection) => Some(connection.session(py)?),
    };
    let runtime = runtime(py)?.clone();
    let (events, progress_of_run) = channel();
    let (stop, stopped) = oneshot::channel();
    // On a thread of its own: the pipeline is no future that another thread could take over, and planning needs
    // a large stack.
    let work = move || {
        runtime.block_on(async move {
            tokio::select! {
                outcome = begin(parsed, session, given.session, move |event: &Progress| {
                    // Python may have stopped to listen.
                    let _ = events.send(event.clone());
                }) => Some(outcome),
                _ = stopped => None,
            }
        })
    };
    let thread = thread::Builder::new()
        .name("pomona-run".to_string())
        .stack_size(STACK_BYTES)
        .spawn(work)
        .map_err(|error| raise(py, error))?;
    let listened = listen(py, progress_of_run, progress.as_ref());
    if listened.is_err() {
        let _ = stop.send(());
    }
    let ended = py.detach(|| thread.join());
    listened?;
    let outcome = match ended {
        Ok(Some(outcome)) => outcome.map_err(|error| raise_in_names(py, error))?,
        Ok(None) => return Err(plain(py, "the run has ended")),
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let (output, max_error_rate, outcome) = outcome;
    let made = PyDict::new(py);
    made.set_item("output", output)?;
    made.set_item("changed", outcome.changed)?;
    let rate = outcome.manifest.counts.error_rate();
    made.set_item("error_rate_exceeded", rate > max_error_rate)?;
    made.set_item("max_error_rate", max_error_rate)?;
    let manifest = serde_json::to_string(&outcome.manifest);
    made.set_item("manifest", manifest.map_err(|error| raise(py, error))?)?;
    Ok(made)
}

/// Runs the pipeline in a session of its own: it pins weights and makes tables there.
async fn begin(
    run: RunOptions,
    session: Option<Arc<Session>>,
    changes: SessionOptions,
    progress: impl Fn(&Progress),
) -> anyhow::Result<(String, f64, Outcome)> {
    let (ctx, cluster) = match session {
        None => {
            let options = run.session().await?;
            let ctx = open_context(&options, ObjectStores::default())?;
            (ctx, options.cluster)
        }
        Some(session) => {
            let ctx = session.fresh()?;
            configure(&ctx, |options| {
                changes.network.apply(options)?;
                if let Some(partitions) = changes.partitions {
                    let partitions = partitions.to_string();
                    options.set("datafusion.execution.target_partitions", &partitions)?;
                }
                Ok(())
            })?;
            (ctx, session.options.cluster.clone())
        }
    };
    let outcome = run.run(&ctx, cluster, progress).await?;
    let output = outcome.manifest.parameters.output.clone();
    Ok((output, run.max_error_rate(), outcome))
}

/// Calls `progress` with the events of a run until it ends.
///
/// # Errors
/// What `progress` raises, and what a signal handler raises.
fn listen(
    py: Python<'_>,
    mut events: Receiver<Progress>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    loop {
        let events = &mut events;
        match py.detach(move || events.recv_timeout(POLL)) {
            Ok(event) => {
                if let Some(progress) = progress {
                    progress.call1((event_of(py, &event)?,))?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        py.check_signals()?;
    }
}

fn event_of<'py>(py: Python<'py>, event: &Progress) -> PyResult<Bound<'py, PyDict>> {
    let made = PyDict::new(py);
    let name = match event {
        Progress::Note { message } => {
            made.set_item("message", in_names(message))?;
            "note"
        }
        Progress::Warned { message } => {
            made.set_item("message", in_names(message))?;
            "warned"
        }
        Progress::Found { images } => {
            made.set_item("images", images)?;
            "found"
        }
        Progress::Started { stage, images } => {
            made.set_item("stage", stage)?;
            made.set_item("images", images)?;
            "started"
        }
        Progress::Advanced { images } => {
            made.set_item("images", images)?;
            "advanced"
        }
        Progress::Finished { stage, images } => {
            made.set_item("stage", &stage.name)?;
            made.set_item("seconds", stage.seconds)?;
            made.set_item("images", images)?;
            "finished"
        }
    };
    made.set_item("event", name)?;
    Ok(made)
}

/// The options of a run as they came from Python.
struct Given {
    /// As they are typed after `pomona run`.
    line: Vec<OsString>,
    /// Those of the session, for one that is made of a connection's.
    session: SessionOptions,
    names_cluster: bool,
}

impl Given {
    fn read(options: &Bound<'_, PyMapping>) -> PyResult<Self> {
        let mut given = Self {
            line: vec![],
            session: SessionOptions::default(),
            names_cluster: false,
        };
        let py = options.py();
        for item in options.items()?.iter() {
            let (name, value): (String, Bound<'_, PyAny>) = item.extract()?;
            let option = run_option(py, &name)?;
            if value.is_none() {
                continue;
            }
            let written = format!("--{}", option.name);
            match (flag(&value)?, option.takes) {
                (Some(true), Takes::Nothing | Takes::OptionalValue) => {
                    given.line.push(written.into());
                }
                (Some(false), Takes::Nothing | Takes::OptionalValue) => continue,
                (Some(flag), Takes::Value) => {
                    let flag = if flag { "True" } else { "False" };
                    return Err(usage(format!(
                        "{name} has a value, which is a number or a text, and not {flag}"
                    )));
                }
                (None, Takes::Nothing) => {
                    let shown = value.repr()?;
                    return Err(usage(format!("{name} is True or False, and not {shown}")));
                }
                (None, Takes::Value | Takes::OptionalValue) => {
                    let text = text_of(&value)?;
                    match name.as_str() {
                        "weights" => given.session.network.weights = Some(text.clone()),
                        // What is no device is refused with the line.
                        "device" => given.session.network.device = text.parse().ok(),
                        "precision" => given.session.network.precision = Some(text.clone()),
                        "partitions" => given.session.partitions = text.parse().ok(),
                        _ => {}
                    }
                    given.line.push(format!("{written}={text}").into());
                }
            }
            given.names_cluster |= OF_CLUSTER.contains(&name.as_str());
        }
        Ok(given)
    }
}

/// Whether a value is a truth, of Python or of NumPy, and which.
fn flag(value: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Some(flag.is_true()));
    }
    let kind = value.get_type();
    let is_of_numpy = kind.module()? == "numpy" && kind.name()?.to_str()?.starts_with("bool");
    match is_of_numpy {
        true => value.is_truthy().map(Some),
        false => Ok(None),
    }
}

/// A value as it is typed; several with commas between them.
fn text_of(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let parts = value.try_iter()?.map(|part| text_of(&part?));
        return Ok(parts.collect::<PyResult<Vec<_>>>()?.join(","));
    }
    Ok(value.str()?.to_string())
}
