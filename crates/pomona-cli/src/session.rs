//! The session of a command, from its arguments.

use std::env;
use std::sync::Arc;

use anyhow::Result;
use datafusion::logical_expr::ExplainFormat;
use datafusion::prelude::SessionContext;
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreRegistry;
use pomona_cluster::Cluster;
use pomona_results::register_results_tables;
use pomona_session::{ObjectStores, RuntimeOptions, configure};

use crate::arguments::SessionArguments;
use crate::cluster_arguments::open_session;

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
    let runtime = RuntimeOptions {
        memory_limit: arguments.memory_limit,
        object_stores: ObjectStores::over(Arc::clone(&stores) as _),
    };
    let cluster = arguments.cluster.cluster().await?;
    let ctx = open_session(runtime, cluster.as_ref(), arguments.weights.as_deref())?;
    configure(&ctx, |options| {
        if let Some(partitions) = arguments.partitions {
            options.set(
                "datafusion.execution.target_partitions",
                &partitions.to_string(),
            )?;
        }
        // For a terminal: plans as trees, and NULL distinct from an empty string.
        if env::var_os("DATAFUSION_EXPLAIN_FORMAT").is_none() {
            options.explain.format = ExplainFormat::Tree;
        }
        if env::var_os("DATAFUSION_FORMAT_NULL").is_none() {
            options.format.null = "NULL".to_string();
        }
        Ok(())
    })?;
    register_results_tables(&ctx);
    Ok(Session {
        ctx,
        stores,
        cluster,
    })
}
