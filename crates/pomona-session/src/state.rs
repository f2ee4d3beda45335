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
use pomona_images::{ImageTableFactory, ImagesFunction, ReadApart, read_functions};

use crate::csv_nesting::JsonTextInCsv;
use crate::limit_above_sort::LimitAboveSort;
use crate::writes::ExplainWrites;
use crate::{RuntimeOptions, runtime_env, session_config, weights_objects, with_file_names};

/// The rules that rewrite physical plans: DataFusion's, two before them that correct a limit and read
/// URLs in an operator, and one after them that decodes images apart.
pub fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(ReadApart));
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
    let readers = read_functions(&runtime);
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
    for function in scalar_functions(&objects).into_iter().chain(readers) {
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

#[cfg(test)]
mod tests {
    use pomona_images::ReadOptions;

    use super::*;

    #[test]
    fn options_of_urls_have_one_default_and_are_found_by_their_names() {
        let mut config = session_config().unwrap();
        let read = ReadOptions::of(config.options()).unwrap();
        assert_eq!(read, ReadOptions::default());
        let options = config.options_mut();
        for (name, value) in [
            ("pomona.url_timeout", "7"),
            ("pomona.url_retries", "8"),
            ("pomona.url_max_bytes", "9"),
            ("pomona.url_concurrency", "10"),
            ("pomona.url_hosts", "a.org"),
        ] {
            options.set(name, value).unwrap();
        }
        let read = ReadOptions::of(options).unwrap();
        assert_eq!((read.timeout_seconds, read.retries), (7, 8));
        assert_eq!((read.max_bytes, read.concurrency.get()), (9, 10));
        assert_ne!(read.hosts, ReadOptions::default().hosts);
        for (name, value) in [
            ("pomona.url_timeout", "0"),
            ("pomona.url_hosts", "http://a/"),
        ] {
            let mut config = session_config().unwrap();
            config.options_mut().set(name, value).unwrap();
            let error = ReadOptions::of(config.options()).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
