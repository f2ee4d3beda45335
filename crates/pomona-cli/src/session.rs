//! The session of a command, from its arguments.

use std::env;
use std::path;
use std::sync::Arc;

use anyhow::Result;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::ExplainFormat;
use datafusion::prelude::SessionContext;
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreRegistry;
use pomona_session::{Cluster, ObjectStores, RuntimeOptions, cluster_context, session_context};

use pomona_weights::NAMES;

use crate::arguments::SessionArguments;

/// A session with what the arguments ask for, and its object stores as the shell profiles them.
pub(crate) fn open(
    arguments: &SessionArguments,
) -> Result<(SessionContext, Arc<InstrumentedObjectStoreRegistry>)> {
    let stores = Arc::new(InstrumentedObjectStoreRegistry::new());
    let runtime = RuntimeOptions {
        memory_limit: arguments.memory_limit,
        object_stores: ObjectStores::over(Arc::clone(&stores) as _),
    };
    let ctx = match cluster(arguments)? {
        None => session_context(runtime)?,
        Some(cluster) => cluster_context(runtime, cluster)?,
    };
    configure(&ctx, |options| {
        if let Some(weights) = &arguments.weights {
            let weights = match &arguments.scheduler {
                None => weights.clone(),
                Some(_) => everywhere(weights),
            };
            options.set("pomona.weights", &weights)?;
        }
        if let Some(partitions) = arguments.partitions {
            options.set(
                "datafusion.execution.target_partitions",
                &partitions.to_string(),
            )?;
        }
        // What people read at a terminal: plans as trees, and NULL told from an empty string.
        if env::var_os("DATAFUSION_EXPLAIN_FORMAT").is_none() {
            options.explain.format = ExplainFormat::Tree;
        }
        if env::var_os("DATAFUSION_FORMAT_NULL").is_none() {
            options.format.null = "NULL".to_string();
        }
        Ok(())
    })?;
    Ok((ctx, stores))
}

/// The cluster that the arguments name.
pub(crate) fn cluster(arguments: &SessionArguments) -> Result<Option<Cluster>> {
    let tls = arguments.tls.read()?;
    let scheduler = arguments.scheduler.clone();
    Ok(scheduler.map(|scheduler| Cluster::new(scheduler, tls)))
}

/// The weights' location as it is understood in every folder: an executor has its own.
fn everywhere(weights: &str) -> String {
    if NAMES.contains(&weights) || weights.contains("://") {
        return weights.to_string();
    }
    match path::absolute(weights) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => weights.to_string(),
    }
}

/// Changes the options of an open session.
pub(crate) fn configure(
    ctx: &SessionContext,
    change: impl FnOnce(&mut ConfigOptions) -> datafusion::common::Result<()>,
) -> datafusion::common::Result<()> {
    change(ctx.state_ref().write().config_mut().options_mut())
}
