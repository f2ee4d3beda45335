//! The certificates of a process of a cluster.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pomona_session::{Tls, TlsFiles};

/// All of them or none: with them, whoever connects shows a certificate, and checks the other's.
#[derive(Debug, Clone, Args)]
pub(crate) struct TlsArguments {
    /// The authority whose certificates are taken, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "tls_key"])]
    tls_ca: Option<PathBuf>,

    /// This process's certificate, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"])]
    tls_cert: Option<PathBuf>,

    /// The key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_cert"])]
    tls_key: Option<PathBuf>,
}

impl TlsArguments {
    /// Reads the files, where they are given.
    pub(crate) fn read(&self) -> Result<Option<Tls>> {
        let (Some(ca), Some(cert), Some(key)) = (&self.tls_ca, &self.tls_cert, &self.tls_key)
        else {
            return Ok(None);
        };
        let files = TlsFiles {
            ca: ca.clone(),
            cert: cert.clone(),
            key: key.clone(),
        };
        Ok(Some(Tls::read(&files)?))
    }
}
