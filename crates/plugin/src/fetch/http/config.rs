use std::path::PathBuf;
use std::time::Duration;

use polywire_core::config::Secret;

use super::RepositoryUrl;

/// A repository over HTTP, and how it is reached.
#[derive(Clone, Debug)]
pub struct HttpRepository {
    /// Its address, below which its files stand as in a folder.
    pub url: RepositoryUrl,
    /// The bearer token that every request carries (RFC 6750).
    pub token: Option<Secret>,
    /// A PEM file with the authorities whose servers are trusted; without it, the public ones.
    pub ca: Option<PathBuf>,
    /// Says that it may be beyond this machine without TLS.
    pub allow_plaintext: bool,
    /// How long a request may take as a whole, its connection included; of an artifact, how long may pass until some of it comes.
    pub timeout: Duration,
}

impl HttpRepository {
    /// The longest time for a request.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// One without a token, and with certificates of the public authorities.
    #[must_use]
    pub fn new(url: RepositoryUrl) -> Self {
        Self {
            url,
            token: None,
            ca: None,
            allow_plaintext: false,
            timeout: Self::TIMEOUT,
        }
    }

    /// What contradicts: the setting, and what is wrong with it.
    pub(crate) fn contradiction(&self) -> Option<(&'static str, String)> {
        let url = &self.url;
        if !url.is_tls() && !url.is_loopback() && !self.allow_plaintext {
            return Some((
                "repository",
                format!(
                    "{url} is beyond this machine, without TLS: write https://, or say allow_plaintext = true"
                ),
            ));
        }
        if !url.is_tls() && self.ca.is_some() {
            return Some((
                "tls",
                format!("{url} is without TLS: write https://, or remove tls.ca"),
            ));
        }
        let token = self.token.as_ref().map(Secret::expose);
        if token.is_some_and(|token| {
            token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic())
        }) {
            return Some((
                "token",
                "a token is of visible ASCII characters, without spaces, and not empty".to_owned(),
            ));
        }
        None
    }
}
