//! An URL that deliveries go to.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use url::{Host, Url};

use super::error::GuardError;
use super::policy::{Asked, Policy};

/// Where deliveries of one subscription go: an URL, parsed once, in the text that this reading gives it.
///
/// `Display` and `Debug` show scheme, host and port; path and query may hold what only the receiver should know.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

impl Target {
    /// The longest URL, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Reads an URL, and refuses what no look-up of its name could make good.
    ///
    /// # Errors
    /// When it is no `http` or `https` URL, has credentials, a fragment, spaces, control characters or backslashes, or the
    /// policy refuses its name, its literal address, its port or that it is not encrypted.
    pub fn parse(text: &str, policy: &Policy) -> Result<Self, GuardError> {
        let target = Self::read(text)?;
        match target.literal() {
            Some(address) => policy.check(target.asked(), &[address])?,
            None => policy.check_name(target.asked())?,
        }
        Ok(target)
    }

    fn read(text: &str) -> Result<Self, GuardError> {
        let wrong = |found| GuardError::Url { found };
        if text.len() > Self::MAX_BYTES {
            return Err(wrong("has more than 2048 bytes"));
        }
        // A parser strips or rewrites these, and whoever reads the original text sees another URL.
        if text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
        {
            return Err(wrong("has spaces, control characters or backslashes"));
        }
        let url = Url::parse(text).map_err(|_| wrong("cannot be read as an URL"))?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("is neither https nor http")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds credentials"));
        }
        if url.fragment().is_some() {
            return Err(wrong("has a fragment"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            None => return Err(wrong("has no host")),
        };
        let port = match url.port_or_known_default() {
            Some(0) | None => return Err(wrong("has no port")),
            Some(port) => port,
        };
        // Both readings must agree: what is checked is what is dialled.
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|_| wrong("has characters that a request cannot carry"))?;
        if uri.host() != url.host_str() || uri.port_u16() != url.port() {
            return Err(wrong("can be read in two ways"));
        }
        Ok(Self {
            uri,
            host,
            port,
            tls,
        })
    }

    /// The URL to send a request to.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The name or address, lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            host: &self.host,
            port: self.port,
            tls: self.tls,
        }
    }

    fn literal(&self) -> Option<IpAddr> {
        literal(&self.host)
    }
}

/// The address that a host is, when it is none to be looked up.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}
