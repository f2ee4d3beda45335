//! The arguments that choose where queries run.

use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Args;
use datafusion::common::Result;
use datafusion::prelude::SessionContext;
use pomona_cluster::{Cluster, ClusterError, SchedulerAddress, Tls, TlsFiles, cluster_context};
use pomona_functions::FunctionError;
use pomona_session::{RuntimeOptions, configure, session_context};

use crate::network_arguments::NetworkArguments;

/// Where queries run: in this process, or on a cluster.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterArguments {
    /// Run on the cluster of this scheduler, such as df://10.0.0.7:50050 [default: on this machine]
    #[arg(long, value_name = "URL", env = "POMONA_SCHEDULER")]
    pub(crate) scheduler: Option<SchedulerAddress>,

    /// Run on a cluster inside this process: a scheduler, and an executor with one task per core
    #[arg(long, conflicts_with = "scheduler")]
    pub(crate) standalone: bool,

    /// The certificates.
    #[command(flatten)]
    pub(crate) tls: TlsArguments,
}

impl ClusterArguments {
    /// Whether queries are the jobs of a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        self.standalone || self.scheduler.is_some()
    }

    /// The cluster that was asked for, if any; one inside this process is started here.
    ///
    /// # Errors
    /// When a certificate cannot be read, or the cluster of this process cannot start.
    pub(crate) async fn cluster(&self) -> Result<Option<Cluster>, ClusterError> {
        if self.standalone {
            let slots = available_parallelism().map_or(1, usize::from);
            return Cluster::standalone(slots).await.map(Some);
        }
        let tls = self.tls.read()?;
        let scheduler = self.scheduler.clone();
        Ok(scheduler.map(|scheduler| Cluster::new(scheduler, tls)))
    }
}

/// Certificates for mutual TLS between the processes of a cluster: all three options or none.
#[derive(Debug, Clone, Args)]
pub(crate) struct TlsArguments {
    /// Certificate of the authority that signed the certificates of the cluster, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "tls_key"])]
    tls_ca: Option<PathBuf>,

    /// Certificate of this process, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"])]
    tls_cert: Option<PathBuf>,

    /// Private key of this process, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_cert"])]
    tls_key: Option<PathBuf>,
}

impl TlsArguments {
    /// Reads the files, where they are given.
    ///
    /// # Errors
    /// [`ClusterError::Certificate`].
    pub(crate) fn read(&self) -> Result<Option<Tls>, ClusterError> {
        let (Some(ca), Some(cert), Some(key)) = (&self.tls_ca, &self.tls_cert, &self.tls_key)
        else {
            return Ok(None);
        };
        let files = TlsFiles {
            ca: ca.clone(),
            cert: cert.clone(),
            key: key.clone(),
        };
        Tls::read(&files).map(Some)
    }
}

/// A session with this network whose queries run on the cluster, or in this process without one.
///
/// # Errors
/// When the folder for spilled data cannot be made, an environment variable has a wrong value, or this
/// process lacks the device that its queries are to run on.
pub(crate) fn open_session(
    runtime: RuntimeOptions,
    cluster: Option<&Cluster>,
    network: &NetworkArguments,
) -> Result<SessionContext> {
    let ctx = match cluster {
        None => {
            if let Some(device) = network.device {
                // Sooner than after a listing of a million images.
                device.open().map_err(FunctionError::from)?;
            }
            session_context(runtime)?
        }
        Some(cluster) => cluster_context(runtime, cluster.clone())?,
    };
    configure(&ctx, |options| network.apply(options))?;
    Ok(ctx)
}
