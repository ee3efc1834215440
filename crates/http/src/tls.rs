//! Certificates of either end, read when a channel is opened.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use polywire_core::config::Section;
use polywire_core::{Error, ErrorKind, Result};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::Protocol;

/// Where certificates and keys are, as PEM files (RFC 7468).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// A provider's certificate chain, its own first.
    pub cert: Option<PathBuf>,
    /// The key of `cert`.
    pub key: Option<PathBuf>,
    /// The authorities whose servers a consumer trusts; without it, the public ones.
    pub ca: Option<PathBuf>,
    /// The authorities whose clients a provider takes; without it, clients need no certificate.
    pub client_ca: Option<PathBuf>,
    /// A consumer's certificate chain.
    pub client_cert: Option<PathBuf>,
    /// The key of `client_cert`.
    pub client_key: Option<PathBuf>,
}

impl TlsConfig {
    /// Reads a section; a certificate without its key is a mistake, and then `None`.
    #[must_use]
    pub fn read(section: &Section) -> Option<Self> {
        let read = Self {
            cert: section.path("cert"),
            key: section.path("key"),
            ca: section.path("ca"),
            client_ca: section.path("client_ca"),
            client_cert: section.path("client_cert"),
            client_key: section.path("client_key"),
        };
        section.finish();
        let mut sound = true;
        for (cert, key) in [("cert", "key"), ("client_cert", "client_key")] {
            for (has, lacks) in [(cert, key), (key, cert)] {
                if section.has(has) && !section.has(lacks) {
                    section.mistake(has, format!("{has:?} without {lacks:?}: give both"));
                    sound = false;
                }
            }
        }
        sound.then_some(read)
    }

    pub(crate) fn can_serve(&self) -> bool {
        self.cert.is_some() && self.key.is_some()
    }

    /// The rustls configuration of a provider.
    pub(crate) fn server(&self, protocol: Protocol) -> Result<Arc<ServerConfig>> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else {
            return Err(Error::new(
                ErrorKind::Config,
                "listening with TLS needs tls.cert and tls.key",
            ));
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(cert, &error))?;
        let builder = match &self.client_ca {
            Some(path) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider());
                builder.with_client_cert_verifier(
                    verifier.build().map_err(|error| unusable(path, &error))?,
                )
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(certificates(cert)?, private_key(key)?)
            .map_err(|error| unusable(cert, &error))?;
        config.alpn_protocols = match protocol {
            Protocol::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        Ok(Arc::new(config))
    }

    /// The rustls configuration of a consumer; ALPN is set by the connector.
    ///
    /// # Errors
    /// `Config` naming the file that cannot be used.
    pub fn client(&self) -> Result<ClientConfig> {
        let ca = self.ca.as_deref();
        let builder = match ca {
            Some(path) => client_builder(ca)?.with_root_certificates(roots(path)?),
            None => client_builder(ca)?.with_webpki_roots(),
        };
        match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key)) => builder
                .with_client_auth_cert(certificates(cert)?, private_key(key)?)
                .map_err(|error| unusable(cert, &error)),
            _ => Ok(builder.with_no_client_auth()),
        }
    }
}

type WantsVerifier = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn client_builder(named: Option<&Path>) -> Result<WantsVerifier> {
    let builder =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    builder.map_err(|error| unusable(named.unwrap_or(Path::new("tls")), &error))
}

/// Named explicitly, because a process with two providers would make rustls guess and panic.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| unusable(path, &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = read(path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| unusable(path, &error))?;
    if found.is_empty() {
        return Err(unusable(path, &"it holds no certificate in PEM form"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| unusable(path, &error))
}

fn roots(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| unusable(path, &error))?;
    }
    Ok(roots)
}

fn unusable(path: &Path, error: &dyn fmt::Display) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("tls file {} cannot be used: {error}", path.display()),
    )
}
