//! [`Cluster`]: a scheduler, and how to talk to it.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use ballista_core::extension::BallistaConfigGrpcEndpoint;

use super::address::SchedulerAddress;
use super::standalone::Standalone;
use super::tls::Tls;

/// A cluster as its clients see it: where its scheduler is, and with which certificate to go there.
#[derive(Debug, Clone)]
pub struct Cluster {
    scheduler: SchedulerAddress,
    tls: Option<Tls>,
    /// The scheduler and executor of a cluster inside this process.
    _standalone: Option<Arc<Standalone>>,
}

impl Cluster {
    /// The cluster of a scheduler; with `tls`, all connections are encrypted and authenticated.
    pub fn new(scheduler: SchedulerAddress, tls: Option<Tls>) -> Self {
        Self {
            scheduler,
            tls,
            _standalone: None,
        }
    }

    /// The cluster, which keeps what it runs on.
    pub(crate) fn kept_by(self, standalone: Standalone) -> Self {
        Self {
            _standalone: Some(Arc::new(standalone)),
            ..self
        }
    }

    /// The scheduler's address.
    pub(crate) fn scheduler(&self) -> &SchedulerAddress {
        &self.scheduler
    }

    /// The certificates, if the cluster wants them.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// How Ballista's own clients are to connect, unless plainly.
    pub(crate) fn endpoint_override(&self) -> Option<Arc<BallistaConfigGrpcEndpoint>> {
        let tls = self.tls.as_ref()?;
        Some(Arc::new(BallistaConfigGrpcEndpoint::new(
            tls.endpoint_override(),
        )))
    }
}

impl Display for Cluster {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.scheduler.fmt(f)
    }
}
