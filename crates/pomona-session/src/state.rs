//! The session state: options and runtime, with the image table and every function.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use pomona_functions::{DecodeApart, aggregate_functions, scalar_functions};
use pomona_images::{ImageTableFactory, ImagesFunction};

use crate::csv_nesting::JsonTextInCsv;
use crate::limit_above_sort::LimitAboveSort;
use crate::writes::ExplainWrites;
use crate::{RuntimeOptions, runtime_env, session_config, weights_objects, with_file_names};

/// The rules that rewrite physical plans: DataFusion's, one before them that corrects a limit, and one
/// after them that decodes images apart.
pub fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(LimitAboveSort));
    rules.push(Arc::new(DecodeApart));
    rules
}

/// The rules of one process: those, and one that explains why a file cannot be written.
fn local_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = physical_rules();
    rules.push(Arc::new(ExplainWrites));
    rules
}

/// The state of a session, for every role.
///
/// # Errors
/// When a function cannot be registered.
pub fn session_state(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> Result<SessionState> {
    let objects = weights_objects(&runtime);
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_analyzer_rule(Arc::new(JsonTextInCsv))
        .with_physical_optimizer_rules(physical_rules())
        .build();
    state.table_factories_mut().insert(
        ImageTableFactory::FILE_TYPE.to_string(),
        Arc::new(ImageTableFactory),
    );
    state.register_relation_planner(Arc::new(ImagesFunction))?;
    for function in scalar_functions(&objects) {
        state.register_udf(function)?;
    }
    for function in aggregate_functions() {
        state.register_udaf(function)?;
    }
    Ok(state)
}

/// A context for one process, in which `SELECT … FROM 'file.parquet'` reads files by name.
///
/// # Errors
/// As [`session_config`], [`runtime_env`] and [`session_state`].
pub fn session_context(options: RuntimeOptions) -> Result<SessionContext> {
    let state = session_state(session_config()?, runtime_env(options)?)?;
    let state = SessionStateBuilder::new_from_existing(state)
        .with_physical_optimizer_rules(local_rules())
        .build();
    Ok(with_file_names(SessionContext::new_with_state(state)))
}
