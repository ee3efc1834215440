use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use polywire_core::{Error, ErrorKind, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Whose servers are trusted: those of the authorities in a file, or of the public ones.
pub(super) fn client(ca: Option<&Path>) -> Result<ClientConfig> {
    // Named explicitly, because a process with two providers would make rustls guess and panic.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(ca.unwrap_or(Path::new("tls")), &error))?;
    let builder = match ca {
        Some(path) => builder.with_root_certificates(roots(path)?),
        None => builder.with_webpki_roots(),
    };
    Ok(builder.with_no_client_auth())
}

/// The certificates of a PEM file (RFC 7468).
fn roots(path: &Path) -> Result<RootCertStore> {
    let pem = fs::read(path).map_err(|error| unusable(path, &error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        certificate
            .map_err(|error| error.to_string())
            .and_then(|found| roots.add(found).map_err(|error| error.to_string()))
            .map_err(|error| unusable(path, &error))?;
    }
    if roots.is_empty() {
        return Err(unusable(path, &"it holds no certificate in PEM form"));
    }
    Ok(roots)
}

fn unusable(path: &Path, error: &dyn fmt::Display) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("tls.ca {path:?} cannot be used: {error}"),
    )
}
