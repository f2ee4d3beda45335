//! [`Connection`]: an open session, and how it is opened.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::prelude::SessionContext;
use pomona_cli::{
    GivenOptions, NetworkArguments, SessionOptions, open_context, parse_bytes, session_of_settings,
};
use pomona_cluster::{Cluster, ClusterError, SchedulerAddress, Tls, TlsFiles};
use pomona_session::{ObjectStores, configure, set_option};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString};

use crate::arrow_stream::{read_batches, read_stream};
use crate::errors::{from_datafusion, plain, raise, usage};
use crate::kept::Kept;
use crate::parameters::{Parameters, setting_text};
use crate::result::{QueryResult, Rows};
use crate::runtime::{Ends, ends_at_exit};
use crate::statements::{run_script, run_statement};
use crate::tables::{create_image_table, reference, register_batches};
use crate::waiting::wait;

/// The variables of the environment that the command reads, too.
const SCHEDULER: &str = "POMONA_SCHEDULER";
const WEIGHTS: &str = "POMONA_WEIGHTS";

/// A session, and what it was opened with.
pub(crate) struct Session {
    pub(crate) ctx: SessionContext,
    pub(crate) options: SessionOptions,
    url: Option<String>,
    /// Held while a table takes the place of another: two threads may do so under one name.
    registering: Mutex<()>,
}

impl Session {
    /// Another session with the cluster and the settings of this one, and none of its tables: for what makes
    /// tables and settings of its own.
    pub(crate) fn fresh(&self) -> Result<SessionContext> {
        let ctx = open_context(&self.options, ObjectStores::default())?;
        let settings = self.ctx.copied_config().options().as_ref().clone();
        configure(&ctx, |options| {
            *options = settings;
            Ok(())
        })?;
        Ok(ctx)
    }
}

/// A session of a function that has no connection.
pub(crate) fn session_of(
    py: Python<'_>,
    connection: Option<&Connection>,
) -> PyResult<Arc<Session>> {
    match connection {
        Some(connection) => connection.session(py),
        None => {
            let connection = connect(py, None, None, false, None, None, None, None, None)?;
            connection.session(py)
        }
    }
}

/// An open session. It may be used by several threads at once.
#[pyclass(frozen, module = "pomona._native")]
pub(crate) struct Connection(Arc<Kept<Session>>);

impl Connection {
    pub(crate) fn session(&self, py: Python<'_>) -> PyResult<Arc<Session>> {
        let session = self.0.get();
        session.ok_or_else(|| plain(py, "the connection is closed: connect() opens another"))
    }
}

/// Opens a session, as `pomona sql` does.
#[pyfunction]
#[pyo3(signature = (url=None, *, weights=None, standalone=false, tls=None, memory_limit=None, partitions=None, settings=None, config=None))]
#[expect(clippy::too_many_arguments, reason = "they are named in Python")]
pub(crate) fn connect(
    py: Python<'_>,
    url: Option<String>,
    weights: Option<String>,
    standalone: bool,
    tls: Option<BTreeMap<String, PathBuf>>,
    memory_limit: Option<Bound<'_, PyAny>>,
    partitions: Option<u16>,
    settings: Option<BTreeMap<String, Bound<'_, PyAny>>>,
    config: Option<PathBuf>,
) -> PyResult<Connection> {
    let from_environment = |name| env::var(name).ok().filter(|text| !text.is_empty());
    if standalone && url.is_some() {
        return Err(usage(
            "url and standalone are two clusters: a session has one of them",
        ));
    }
    // With a file, the environment is read with it.
    let url = match standalone || config.is_some() {
        true => url,
        false => url.or_else(|| from_environment(SCHEDULER)),
    };
    let tls = read_tls(tls)?;
    if tls.is_some() && url.is_none() && config.is_none() {
        return Err(usage(
            "tls is for the connection to a scheduler: pass its url, df://HOST:PORT",
        ));
    }
    if partitions.is_some_and(|partitions| !(1..=1024).contains(&partitions)) {
        return Err(usage("partitions are from 1 to 1024"));
    }
    let memory_limit = match memory_limit {
        None => None,
        Some(limit) => {
            let text = limit.str()?.to_string();
            Some(parse_bytes(&text).map_err(|reason| usage(format!("memory_limit: {reason}")))?)
        }
    };
    let given = settings.unwrap_or_default();
    let mut settings = vec![];
    for (name, value) in given {
        settings.push((name, setting_text(&value)?));
    }
    let network = |weights| NetworkArguments {
        weights,
        ..NetworkArguments::default()
    };
    let opened = wait(py, async move {
        let options = match config {
            Some(file) => {
                let given = SessionOptions {
                    network: network(weights),
                    cluster: None,
                    memory_limit,
                    partitions,
                };
                let given = typed(&given, url.as_deref(), standalone, tls.as_ref());
                session_of_settings(&file, given).await?
            }
            None => SessionOptions {
                network: network(weights.or_else(|| from_environment(WEIGHTS))),
                cluster: open_cluster(url.as_deref(), standalone, tls).await?,
                memory_limit,
                partitions,
            },
        };
        open(options, url, settings)
    })?;
    let session = opened.map_err(|error| raise(py, error))?;
    let on_cluster = session.options.cluster.is_some();
    let kept = Kept::new(session);
    if on_cluster {
        let open = Arc::downgrade(&kept);
        ends_at_exit(open);
    }
    Ok(Connection(kept))
}

fn open(
    options: SessionOptions,
    url: Option<String>,
    settings: Vec<(String, String)>,
) -> anyhow::Result<Session> {
    let ctx = open_context(&options, ObjectStores::default())?;
    configure(&ctx, |options| {
        let mut settings = settings.iter();
        settings.try_for_each(|(name, value)| set_option(options, name, value))
    })?;
    let url = match (&options.cluster, url) {
        (Some(cluster), None) => Some(cluster.to_string()),
        (_, url) => url,
    };
    Ok(Session {
        ctx,
        options,
        url,
        registering: Mutex::new(()),
    })
}

/// What was given, as it is typed after a command.
fn typed(
    given: &SessionOptions,
    url: Option<&str>,
    standalone: bool,
    tls: Option<&TlsFiles>,
) -> GivenOptions {
    let mut options: Vec<OsString> = vec![];
    let mut add = |name: &str, value: &OsStr| {
        let mut option = OsString::from(format!("--{name}="));
        option.push(value);
        options.push(option);
    };
    if let Some(weights) = &given.network.weights {
        add("weights", weights.as_ref());
    }
    if let Some(bytes) = given.memory_limit {
        add("memory-limit", bytes.to_string().as_ref());
    }
    if let Some(partitions) = given.partitions {
        add("partitions", partitions.to_string().as_ref());
    }
    if let Some(url) = url {
        add("scheduler", url.as_ref());
    }
    if let Some(tls) = tls {
        add("tls-ca", tls.ca.as_os_str());
        add("tls-cert", tls.cert.as_os_str());
        add("tls-key", tls.key.as_os_str());
    }
    if standalone {
        options.push("--standalone".into());
    }
    GivenOptions {
        options,
        has_scheduler: url.is_some(),
    }
}

async fn open_cluster(
    url: Option<&str>,
    standalone: bool,
    tls: Option<TlsFiles>,
) -> Result<Option<Cluster>, ClusterError> {
    if standalone {
        let slots = available_parallelism().map_or(1, usize::from);
        return Cluster::standalone(slots).await.map(Some);
    }
    let Some(url) = url else {
        return Ok(None);
    };
    let scheduler: SchedulerAddress = url.parse()?;
    let tls = tls.as_ref().map(Tls::read).transpose()?;
    Ok(Some(Cluster::new(scheduler, tls)))
}

fn read_tls(tls: Option<BTreeMap<String, PathBuf>>) -> PyResult<Option<TlsFiles>> {
    let Some(mut tls) = tls else {
        return Ok(None);
    };
    match (tls.remove("ca"), tls.remove("cert"), tls.remove("key")) {
        (Some(ca), Some(cert), Some(key)) if tls.is_empty() => Ok(Some(TlsFiles { ca, cert, key })),
        _ => Err(usage(
            "tls is a mapping of three files in PEM: {'ca': …, 'cert': …, 'key': …}",
        )),
    }
}

#[pymethods]
impl Connection {
    /// Plans one statement, and runs it where it is no query.
    #[pyo3(signature = (query, parameters=None))]
    fn sql(
        &self,
        py: Python<'_>,
        query: String,
        parameters: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<QueryResult> {
        let session = self.session(py)?;
        let parameters = Parameters::read(parameters)?;
        let rows = wait(py, async move {
            run_statement(&session.ctx, &query, parameters).await
        })?;
        let rows = rows.map_err(|error| raise(py, error))?;
        Ok(self.result(rows))
    }

    /// Runs several statements.
    fn execute(&self, py: Python<'_>, script: String) -> PyResult<Option<QueryResult>> {
        let session = self.session(py)?;
        let rows = wait(py, async move { run_script(&session.ctx, &script).await })?;
        let rows = rows.map_err(|error| raise(py, error))?;
        Ok(rows.map(|rows| self.result(rows)))
    }

    /// Makes a table of anything with `__arrow_c_stream__`.
    fn register(&self, py: Python<'_>, name: &str, stream: &Bound<'_, PyAny>) -> PyResult<()> {
        let (schema, batches) = read_stream(stream)?;
        self.put(py, name, schema, batches)
    }

    /// Makes a table of a reader of batches, `read_next_batch` of pyarrow: what its Python raises is raised.
    fn register_reader(
        &self,
        py: Python<'_>,
        name: &str,
        reader: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (schema, batches) = read_batches(reader)?;
        self.put(py, name, schema, batches)
    }

    /// Removes a table, if there is one of this name.
    fn deregister(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let session = self.session(py)?;
        // Arrays of Python's libraries need the interpreter's lock when they are dropped.
        let removed = py.detach(|| session.ctx.deregister_table(reference(name)).map(drop));
        removed.map_err(|error| from_datafusion(py, &error))
    }

    /// `CREATE EXTERNAL TABLE … STORED AS IMAGES`, in the place of an earlier table of this name.
    #[pyo3(signature = (location, name="images".to_string(), options=None))]
    fn images(
        &self,
        py: Python<'_>,
        location: String,
        name: String,
        options: Option<BTreeMap<String, Bound<'_, PyAny>>>,
    ) -> PyResult<QueryResult> {
        let session = self.session(py)?;
        let mut texts = vec![];
        for (name, value) in options.unwrap_or_default() {
            texts.push((name, setting_text(&value)?));
        }
        let rows = wait(py, async move {
            create_image_table(&session.ctx, &name, &location, &texts).await
        })?;
        let rows = rows.map_err(|error| raise(py, error))?;
        Ok(self.result(rows))
    }

    /// `SET name = value`.
    fn set(&self, py: Python<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let session = self.session(py)?;
        let value = setting_text(value)?;
        let set =
            py.detach(|| configure(&session.ctx, |options| set_option(options, name, &value)));
        set.map_err(|error| from_datafusion(py, &error))
    }

    /// Closes the session.
    fn close(&self, py: Python<'_>) {
        let kept = Arc::clone(&self.0);
        py.detach(move || kept.end());
    }

    #[getter]
    fn closed(&self) -> bool {
        self.0.get().is_none()
    }

    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.session(py)?.url.clone())
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        let text = match self.0.get() {
            None => "<pomona.Connection, closed>".to_string(),
            Some(session) => match &session.url {
                None => "<pomona.Connection>".to_string(),
                Some(url) => format!("<pomona.Connection to {url}>"),
            },
        };
        PyString::new(py, &text)
    }
}

impl Connection {
    fn put(
        &self,
        py: Python<'_>,
        name: &str,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> PyResult<()> {
        let session = self.session(py)?;
        // A table that it replaces is dropped here, with arrays that need the interpreter's lock for it.
        let registered = py.detach(|| {
            let alone = session.registering.lock();
            let _alone = alone.unwrap_or_else(PoisonError::into_inner);
            register_batches(&session.ctx, name, schema, batches)
        });
        registered.map_err(|error| from_datafusion(py, &error))
    }

    /// A result that ends with the interpreter, where its rows come of a cluster.
    fn result(&self, rows: Rows) -> QueryResult {
        let on_cluster = self
            .0
            .get()
            .is_some_and(|session| session.options.cluster.is_some());
        QueryResult::new(rows, on_cluster)
    }
}
