//! Certificates for the processes of a cluster.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

/// Writes an authority, and the certificate of a process that it signed: `ca.pem`, `cert.pem`,
/// `key.pem`.
///
/// # Panics
/// If the folder cannot be written.
pub fn write_certificates(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();

    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1".to_string(), "localhost".to_string()];
    let mut process = CertificateParams::new(names).unwrap();
    process.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let process = process.signed_by(&key, &authority).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("cert.pem"), process.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

/// The options of a process that has these certificates.
pub fn flags(folder: &Path) -> Vec<String> {
    ["ca", "cert", "key"]
        .iter()
        .map(|name| {
            format!(
                "--tls-{name}={}",
                folder.join(name).with_extension("pem").display()
            )
        })
        .collect()
}
