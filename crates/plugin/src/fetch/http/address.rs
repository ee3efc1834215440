use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};
use polywire_core::{Error, ErrorKind, Result};

/// The address of a repository: `http` or `https`, an authority and perhaps a path; never credentials, a query or a fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct RepositoryUrl {
    tls: bool,
    authority: Authority,
    /// The path, without a `/` at its end.
    path: String,
}

impl RepositoryUrl {
    /// Whether a text is meant as an address, and not as a folder.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.contains("://")
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether it names this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().map_or_else(
            |_| host.eq_ignore_ascii_case("localhost"),
            |address| address.is_loopback(),
        )
    }

    /// The address of a file below it. Of what names of files may have, `+` alone is not taken alike by all servers.
    pub(super) fn below(&self, path: &Path) -> String {
        let path = path.to_string_lossy().replace('+', "%2B");
        format!("{self}/{path}")
    }
}

impl FromStr for RepositoryUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(
                ErrorKind::Config,
                format!(
                    "{:?} {what}: write one like \"https://plugins.example.com/repository\", or a folder",
                    shown(text)
                ),
            )
        };
        if let Some(found) = ['?', '#'].into_iter().find(|mark| text.contains(*mark)) {
            return Err(wrong(&format!("has a {found:?}")));
        }
        let uri: Uri = text
            .parse()
            .map_err(|error| wrong(&format!("cannot be read ({error})")))?;
        let parts = uri.into_parts();
        let tls = match parts.scheme {
            Some(scheme) if scheme == Scheme::HTTPS => true,
            Some(scheme) if scheme == Scheme::HTTP => false,
            _ => return Err(wrong("begins with neither http:// nor https://")),
        };
        let authority = parts.authority.ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "holds credentials, which would be printed in logs, where token is for them",
            ));
        }
        if authority.host().is_empty() {
            return Err(wrong("has no host"));
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none() {
            return Err(wrong("has no port from 0 to 65535 after its host"));
        }
        let path = parts.path_and_query.map_or_else(String::new, |path| {
            path.path().trim_end_matches('/').to_owned()
        });
        Ok(Self {
            tls,
            authority,
            path,
        })
    }
}

/// An address without what may be a secret in it: all that stands before an `@`, and what follows a `?` or a `#`.
pub(super) fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let rest = rest
        .rsplit_once('@')
        .map_or_else(|| rest.to_owned(), |(_, after)| format!("***@{after}"));
    let rest = match rest.find(['?', '#']) {
        Some(at) => format!("{}***", &rest[..=at]),
        None => rest,
    };
    if scheme.is_empty() {
        rest
    } else {
        format!("{scheme}://{rest}")
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

impl fmt::Debug for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_below_it() {
        for (text, joined) in [
            (
                "http://127.0.0.1:7411",
                "http://127.0.0.1:7411/releases/orders/1.4.0-rc.1%2B9f/manifest.toml",
            ),
            (
                "https://gw.example/plugins//",
                "https://gw.example/plugins/releases/orders/1.4.0-rc.1%2B9f/manifest.toml",
            ),
            (
                "https://[::1]:8443/a",
                "https://[::1]:8443/a/releases/orders/1.4.0-rc.1%2B9f/manifest.toml",
            ),
        ] {
            let url: RepositoryUrl = text.parse().unwrap();
            let path = Path::new("releases/orders/1.4.0-rc.1+9f/manifest.toml");
            assert_eq!(url.below(path), joined);
        }
    }

    #[test]
    fn loopback_is_known() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.8.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1:1", false),
            ("http://localhost.example.com", false),
        ] {
            let url: RepositoryUrl = text.parse().unwrap();
            assert_eq!(url.is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn wrong_addresses_are_refused_without_their_secrets() {
        for (text, message) in [
            (
                "ftp://x",
                "\"ftp://x\" begins with neither http:// nor https://",
            ),
            ("https://", "\"https://\" cannot be read"),
            ("https:///x", "\"https:///x\" cannot be read"),
            ("https://:80/x", "\"https://:80/x\" has no host"),
            (
                "https://x:99999/x",
                "\"https://x:99999/x\" has no port from 0 to 65535 after its host",
            ),
            (
                "https://hush@x",
                "\"https://***@x\" holds credentials, which would be printed in logs, where token is for them",
            ),
            (
                "https://u:hush@x",
                "\"https://***@x\" holds credentials, which would be printed in logs, where token is for them",
            ),
            ("https://x/?key=hush", "\"https://x/?***\" has a '?'"),
            ("https://x/#hush", "\"https://x/#***\" has a '#'"),
        ] {
            let error = text.parse::<RepositoryUrl>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
            assert!(!error.contains("hush"), "{error}");
            let end = ": write one like \"https://plugins.example.com/repository\", or a folder";
            assert!(error.ends_with(end), "{error}");
        }
    }
}
