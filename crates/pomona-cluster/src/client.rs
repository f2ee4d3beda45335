//! A session whose queries run on a cluster.

use std::sync::Arc;

use ballista_core::optimizer::with_ballista_optimizer_rules;
use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;

use super::location::Cluster;
use super::planner::ClusterPlanner;
use super::rules::cluster_rules;
use super::settings::cluster_config;
use pomona_session::{RuntimeOptions, runtime_env, session_state, with_file_names};

/// A context for one process whose queries run on a cluster. Tables are listed and queries planned
/// here. Nothing is sent before the first query.
///
/// # Errors
/// As [`session_context`](pomona_session::session_context).
pub fn cluster_context(options: RuntimeOptions, cluster: Cluster) -> Result<SessionContext> {
    let state = session_state(cluster_config(cluster.tls())?, runtime_env(options)?)?;
    let rules = with_ballista_optimizer_rules(state.optimizers());
    let state = SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rules(cluster_rules())
        .with_query_planner(Arc::new(ClusterPlanner::new(cluster)))
        .build();
    Ok(with_file_names(SessionContext::new_with_state(state)))
}
