//! The session of a command, from its arguments.

use std::env;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::ExplainFormat;
use datafusion::prelude::SessionContext;
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreRegistry;
use pomona_session::{ObjectStores, RuntimeOptions, session_context};

use crate::arguments::SessionArguments;

/// A session with what the arguments ask for, and its object stores as the shell profiles them.
pub(crate) fn open(
    arguments: &SessionArguments,
) -> Result<(SessionContext, Arc<InstrumentedObjectStoreRegistry>)> {
    let stores = Arc::new(InstrumentedObjectStoreRegistry::new());
    let ctx = session_context(RuntimeOptions {
        memory_limit: arguments.memory_limit,
        object_stores: ObjectStores::over(Arc::clone(&stores) as _),
    })?;
    configure(&ctx, |options| {
        if let Some(weights) = &arguments.weights {
            options.set("pomona.weights", weights)?;
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

/// Changes the options of an open session.
pub(crate) fn configure(
    ctx: &SessionContext,
    change: impl FnOnce(&mut ConfigOptions) -> Result<()>,
) -> Result<()> {
    change(ctx.state_ref().write().config_mut().options_mut())
}
