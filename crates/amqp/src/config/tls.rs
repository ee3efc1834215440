//! `[transport.amqp.tls]`: whom to trust, and who we are.

use std::fmt;
use std::path::{Path, PathBuf};

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use polywire_core::config::Section;
use polywire_core::{Error, ErrorKind, Result};

/// Certificates, all as PEM files. Without `ca` the system's certificate authorities are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate authorities to trust.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain, for mutual TLS and for `auth_mechanism=external`.
    pub cert: Option<PathBuf>,
    /// Its private key, PKCS #8.
    pub key: Option<PathBuf>,
}

impl TlsConfig {
    /// Reads a section; what is wrong is noted there, and `None` says that something was.
    #[must_use]
    pub fn read(section: &Section) -> Option<Self> {
        let config = Self {
            ca: section.path("ca"),
            cert: section.path("cert"),
            key: section.path("key"),
        };
        section.finish();
        for (given, missing) in [("cert", "key"), ("key", "cert")] {
            if section.has(given) && !section.has(missing) {
                section.mistake(given, format!("needs {missing} too: give both or neither"));
                return None;
            }
        }
        let read = |key: &str, path: &Option<PathBuf>| section.has(key) == path.is_some();
        (read("ca", &config.ca) && read("cert", &config.cert) && read("key", &config.key))
            .then_some(config)
    }

    /// Reads the files.
    pub(crate) fn load(&self) -> Result<Identity> {
        let cert_chain = self.ca.as_deref().map(read).transpose()?;
        let cert_chain = cert_chain
            .map(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()))
            .transpose()
            .map_err(|error| {
                Error::new(ErrorKind::Config, format!("tls.ca is no PEM file: {error}"))
            })?;
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some((read(cert)?, read(key)?)),
            _ => None,
        };
        Ok(Identity {
            cert_chain,
            identity,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        Error::new(
            ErrorKind::Config,
            format!("certificate file {}: {error}", path.display()),
        )
        .caused_by(error)
    })
}

/// The certificates themselves. Never printed.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    cert_chain: Option<String>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Identity {
    pub(crate) fn to_lapin(&self) -> OwnedTLSConfig {
        OwnedTLSConfig {
            identity: self
                .identity
                .clone()
                .map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key }),
            cert_chain: self.cert_chain.clone(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(redacted)")
    }
}
