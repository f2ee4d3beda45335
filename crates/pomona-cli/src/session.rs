//! The session of a command, from its arguments, and of other programs that open one as a command does.

use std::env;
use std::sync::Arc;

use anyhow::Result;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::ExplainFormat;
use datafusion::prelude::SessionContext;
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreRegistry;
use pomona_cluster::Cluster;
use pomona_results::register_results_tables;
use pomona_session::{ObjectStores, RuntimeOptions, configure};

use crate::arguments::SessionArguments;
use crate::cluster_arguments::open_session;
use crate::network_arguments::NetworkArguments;

/// What a session is opened with.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// The network's weights, device and precision.
    pub network: NetworkArguments,
    /// The cluster that its queries run on; this process if `None`.
    pub cluster: Option<Cluster>,
    /// Memory limit of queries in bytes; unlimited if `None`.
    pub memory_limit: Option<usize>,
    /// Partitions to compute in parallel; the number of cores if `None`.
    pub partitions: Option<u16>,
}

/// An open session.
pub(crate) struct Session {
    pub(crate) ctx: SessionContext,
    /// Its object stores, as the shell profiles them.
    pub(crate) stores: Arc<InstrumentedObjectStoreRegistry>,
    /// The cluster that its queries run on, if any.
    pub(crate) cluster: Option<Cluster>,
}

/// A session with the options of the arguments.
pub(crate) async fn open(arguments: &SessionArguments) -> Result<Session> {
    let stores = Arc::new(InstrumentedObjectStoreRegistry::new());
    let options = session_options(arguments).await?;
    let ctx = open_context(&options, ObjectStores::over(Arc::clone(&stores) as _))?;
    Ok(Session {
        ctx,
        stores,
        cluster: options.cluster,
    })
}

/// The options of the arguments; a cluster inside this process is started here.
pub(crate) async fn session_options(arguments: &SessionArguments) -> Result<SessionOptions> {
    Ok(SessionOptions {
        network: arguments.network.clone(),
        cluster: arguments.cluster.cluster().await?,
        memory_limit: arguments.memory_limit,
        partitions: arguments.partitions,
    })
}

/// A session as `pomona sql` has it.
///
/// # Errors
/// When the folder for spilled data cannot be made, an environment variable has a wrong value, or this
/// process lacks the device that its queries are to run on.
pub fn open_context(
    options: &SessionOptions,
    object_stores: ObjectStores,
) -> datafusion::common::Result<SessionContext> {
    let runtime = RuntimeOptions {
        memory_limit: options.memory_limit,
        object_stores,
    };
    let ctx = open_session(runtime, options.cluster.as_ref(), &options.network)?;
    configure(&ctx, |config| {
        if let Some(partitions) = options.partitions {
            config.set(
                "datafusion.execution.target_partitions",
                &partitions.to_string(),
            )?;
        }
        // For a terminal: plans as trees, and NULL distinct from an empty string.
        if env::var_os("DATAFUSION_EXPLAIN_FORMAT").is_none() {
            config.explain.format = ExplainFormat::Tree;
        }
        if env::var_os("DATAFUSION_FORMAT_NULL").is_none() {
            config.format.null = "NULL".to_string();
        }
        Ok(())
    })?;
    register_results_tables(&ctx);
    Ok(ctx)
}

/// Sets the options `pomona.NAME` that were given, and leaves the others as they are.
///
/// # Errors
/// When the session has no such option, or the option no such value.
pub(crate) fn set_given<const N: usize>(
    options: &mut ConfigOptions,
    given: [(&str, Option<String>); N],
) -> datafusion::common::Result<()> {
    for (name, value) in given {
        if let Some(value) = value {
            options.set(&format!("pomona.{name}"), &value)?;
        }
    }
    Ok(())
}
