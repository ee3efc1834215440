//! Where a provider is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};
use polywire_core::config::redact_url_passwords;
use polywire_core::{Error, ErrorKind, Result};

/// The base URL of a provider: `http` or `https`, an authority and perhaps a path prefix; never credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl BaseUrl {
    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether it names this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        address.map_or_else(
            |_| host.eq_ignore_ascii_case("localhost"),
            |address| address.is_loopback(),
        )
    }

    /// The URL of a path, which begins with `/`.
    pub(crate) fn join(&self, path: &str) -> Result<Uri> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()
            .map_err(|error| {
                Error::new(
                    ErrorKind::Config,
                    format!("{self}{path} is no URL: {error}"),
                )
                .caused_by(error)
            })
    }
}

impl FromStr for BaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let shown = redact_url_passwords(text);
        let wrong = |what: &str| {
            Error::new(
                ErrorKind::Config,
                format!("url {shown:?} {what}: write one like \"https://orders.example.com\""),
            )
        };
        let uri: Uri = text
            .parse()
            .map_err(|error| wrong(&format!("cannot be read ({error})")))?;
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let scheme = scheme.ok_or_else(|| wrong("begins with neither http:// nor https://"))?;
        let authority = parts.authority.ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "holds credentials, which would be printed in logs; send a token instead",
            ));
        }
        if authority.host().is_empty() {
            return Err(wrong("has no host"));
        }
        let path = parts.path_and_query;
        if path.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err(wrong("has a query"));
        }
        let prefix = path.map_or_else(String::new, |path| {
            path.path().trim_end_matches('/').to_owned()
        });
        Ok(Self {
            scheme,
            authority,
            prefix,
        })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_join_paths() {
        for (text, joined) in [
            (
                "http://127.0.0.1:7411",
                "http://127.0.0.1:7411/orders/v1/quote",
            ),
            (
                "https://gw.example/api/",
                "https://gw.example/api/orders/v1/quote",
            ),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!(url.join("/orders/v1/quote").unwrap().to_string(), joined);
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
            assert_eq!(
                text.parse::<BaseUrl>().unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_urls_are_refused_without_their_password() {
        for (text, message) in [
            (
                "ftp://x",
                "url \"ftp://x\" begins with neither http:// nor https://",
            ),
            (
                "orders",
                "url \"orders\" begins with neither http:// nor https://",
            ),
            (
                "http://u:secret@x",
                "url \"http://u:***@x\" holds credentials, which would be printed in logs; send a token instead",
            ),
            ("http://x/?a=b", "url \"http://x/?a=b\" has a query"),
            ("http://", "url \"http://\" cannot be read"),
        ] {
            let error = text.parse::<BaseUrl>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
            assert!(
                error.ends_with("write one like \"https://orders.example.com\""),
                "{error}"
            );
        }
    }
}
