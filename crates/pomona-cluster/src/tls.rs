//! Mutual TLS between client, scheduler and executors.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ballista_core::extension::EndpointOverrideFn;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri};

use crate::ClusterError;

/// Where a process of a cluster has its certificates, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed the certificates of all processes.
    pub ca: PathBuf,
    /// This process's certificate, with intermediate ones after it.
    pub cert: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
}

/// Who this process is, and whose certificates it takes.
#[derive(Clone)]
pub struct Tls {
    ca: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// The key is nobody's business.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// [`ClusterError::Certificate`] when a file cannot be read, or does not hold what it should.
    pub fn read(files: &TlsFiles) -> Result<Self, ClusterError> {
        let read = |path: &Path| fs::read(path).map_err(|error| invalid(path, error));
        let tls = Self {
            ca: read(&files.ca)?,
            cert: read(&files.cert)?,
            key: read(&files.key)?,
        };
        // Fail at the start, with the name of the file.
        certificates(&tls.ca).map_err(|error| invalid(&files.ca, error))?;
        certificates(&tls.cert).map_err(|error| invalid(&files.cert, error))?;
        let key = PrivateKeyDer::from_pem_slice(&tls.key);
        key.map_err(|error| invalid(&files.key, error))?;
        tls.acceptor()
            .map_err(|error| invalid(&files.cert, error))?;
        Ok(tls)
    }

    /// What a server does with a connection: it shows its certificate and asks for one.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, Box<dyn Error + Send + Sync>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            roots.add(certificate)?;
        }
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(certificates(&self.cert)?, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// What a client does with a connection that is not one of gRPC's.
    #[cfg(test)]
    pub(crate) fn client_config(
        &self,
    ) -> Result<rustls::ClientConfig, Box<dyn Error + Send + Sync>> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            roots.add(certificate)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::from_pem_slice(&self.key)?;
        Ok(rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(&self.cert)?, key)?)
    }

    /// The same endpoint over TLS.
    pub(crate) fn endpoint(
        &self,
        endpoint: Endpoint,
    ) -> Result<Endpoint, Box<dyn Error + Send + Sync>> {
        let mut parts = endpoint.uri().clone().into_parts();
        parts.scheme = Some("https".parse()?);
        let config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.ca))
            .identity(Identity::from_pem(&self.cert, &self.key));
        Ok(Endpoint::from(Uri::from_parts(parts)?).tls_config(config)?)
    }

    /// [`Tls::endpoint`], as Ballista asks for it.
    pub(crate) fn endpoint_override(&self) -> EndpointOverrideFn {
        let tls = self.clone();
        Arc::new(move |endpoint| tls.endpoint(endpoint))
    }

    /// A client of REST over TLS.
    pub(crate) fn rest_client(
        &self,
        builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, reqwest::Error> {
        let identity = reqwest::Identity::from_pem(&[&self.cert[..], &self.key[..]].concat())?;
        let roots = reqwest::Certificate::from_pem_bundle(&self.ca)?;
        Ok(builder.tls_certs_only(roots).identity(identity))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error + Send + Sync>> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err("it holds no certificate".into());
    }
    Ok(certificates)
}

fn invalid(path: &Path, error: impl ToString) -> ClusterError {
    ClusterError::Certificate {
        path: path.to_path_buf(),
        reason: error.to_string(),
    }
}
