//! What client, scheduler and executor agree on, beside the session itself.

use std::sync::Arc;
use std::time::Duration;

use ballista_core::ConfigProducer;
use ballista_core::extension::SessionConfigExt;
use datafusion::common::Result;
use datafusion::prelude::SessionConfig;

use super::codec::PomonaCodec;
use super::tls::Tls;
use pomona_images::ListWhilePlanning;
use pomona_session::session_config;

/// The largest gRPC message, in bytes, in every place that has such a limit: a plan that holds the rows
/// of a listing has about 73 bytes an object, and above the limit a job hangs instead of failing.
pub(crate) const MAX_MESSAGE_BYTES: u32 = 256 << 20;

/// A job without any executor fails after so long. Its client gives up long before, and cancels
/// it; this is for jobs whose client died.
pub(crate) const NO_EXECUTORS_LIMIT: Duration = Duration::from_secs(3600);

/// Partitions of a query, unless the session says otherwise: a few for each slot of a small
/// cluster, so that no slot waits long for the last one.
const TARGET_PARTITIONS: usize = 16;

/// The configuration of sessions on a cluster, the same in every role.
///
/// # Errors
/// As [`session_config`].
pub(crate) fn cluster_config(tls: Option<&Tls>) -> Result<SessionConfig> {
    let target_partitions = std::env::var_os("DATAFUSION_EXECUTION_TARGET_PARTITIONS").is_some();
    let config = session_config()?
        .upgrade_for_ballista()
        .with_extension(Arc::new(ListWhilePlanning))
        .with_ballista_grpc_client_max_message_size(MAX_MESSAGE_BYTES as usize)
        // With it, a job whose first stage is complete hangs when an executor is lost.
        .with_ballista_adaptive_query_planner(false)
        // 0 gives every partition of a stage to one executor.
        .set_usize("ballista.scheduler.max_partitions_per_task", 1)
        // Of a join by hashing that collects one side, the scheduler may make one that does not, and
        // leaves what is above it as it was.
        .set_u64(
            "datafusion.optimizer.hash_join_single_partition_threshold",
            0,
        )
        .set_u64(
            "datafusion.optimizer.hash_join_single_partition_threshold_rows",
            0,
        )
        // As on one machine. Ballista prefers joins by sorting, which can spill; in DataFusion 55 those
        // with a filter give wrong rows where they are outer joins.
        .set_bool("datafusion.optimizer.prefer_hash_join", true)
        // The client evaluates them itself; as joins they would copy a model to every row.
        .set_bool(
            "datafusion.optimizer.enable_physical_uncorrelated_scalar_subquery",
            true,
        )
        .with_ballista_physical_extension_codec(Arc::new(PomonaCodec::default()));
    let config = if target_partitions {
        config
    } else {
        config.with_target_partitions(TARGET_PARTITIONS)
    };
    Ok(match tls {
        None => config,
        Some(tls) => config
            .with_ballista_use_tls(true)
            .with_ballista_override_create_grpc_client_endpoint(tls.endpoint_override()),
    })
}

/// [`cluster_config`] as the roles ask for it, again and again.
///
/// # Errors
/// As [`cluster_config`], now; later it cannot fail.
pub(crate) fn config_producer(tls: Option<Tls>) -> Result<ConfigProducer> {
    cluster_config(tls.as_ref())?;
    Ok(Arc::new(move || {
        let config = cluster_config(tls.as_ref());
        config.expect("the environment was read without an error before")
    }))
}
