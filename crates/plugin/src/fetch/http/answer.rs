//! What answers mean.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AGE, CONTENT_ENCODING, DATE, ETAG, LAST_MODIFIED, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy;

use super::address::shown;
use crate::refusal::Refusal;

/// How much of what a server says is quoted, in characters.
const QUOTED: usize = 200;

pub(super) fn unreachable(url: &str, kind: io::ErrorKind, text: impl Into<String>) -> Refusal {
    Refusal::Unreachable {
        path: PathBuf::from(url),
        source: Arc::new(io::Error::new(kind, text.into())),
    }
}

/// A request that got no answer. One that found nobody is said of the repository as a whole.
pub(super) fn none(error: &legacy::Error, repository: &str, url: &str) -> Refusal {
    let text = reason(error);
    if error.is_connect() {
        unreachable(repository, io::ErrorKind::NotConnected, text)
    } else {
        let text = format!("the connection broke before the answer: {text}");
        unreachable(url, io::ErrorKind::ConnectionAborted, text)
    }
}

/// What an error comes from, and what helps where it is a certificate.
pub(super) fn reason(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    // What an error of a connection holds is not among its sources.
    while let Some(held) = cause.downcast_ref().and_then(io::Error::get_ref) {
        cause = held;
    }
    match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(_)) => format!(
            "{cause}: tls.ca names the authorities that are trusted, in place of the public ones"
        ),
        _ => cause.to_string(),
    }
}

/// Why an answer is none that was asked for.
pub(super) fn refused(answer: &Response<Incoming>, method: &Method, url: &str) -> Refusal {
    let status = answer.status();
    let says = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE if method != Method::PUT => {
            return Refusal::Missing { path: url.into() };
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if method == Method::GET => {
            "set token in [transport.plugin] to one that may read it".to_owned()
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "set token in [transport.plugin] to one that may PUT and DELETE below acks/, or proof = \"beacon\", which writes nothing".to_owned()
        }
        StatusCode::NOT_FOUND | StatusCode::CONFLICT if method == Method::PUT => {
            "is there a folder acks and one of the plugin's name in it, and does the server take PUT below it? Or set proof = \"beacon\", which writes nothing".to_owned()
        }
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED if method != Method::GET => {
            "have the server take PUT and DELETE below acks/, or set proof = \"beacon\", which writes nothing".to_owned()
        }
        status if status.is_redirection() => {
            let place = answer.headers().get(LOCATION);
            format!(
                "redirects are not followed, and this one is to {:?}: set repository to where it is",
                // Where it is may be signed for who holds it.
                place.map_or_else(|| "nowhere".to_owned(), |place| shown(&quote(place.as_bytes())))
            )
        }
        StatusCode::TOO_MANY_REQUESTS => {
            "it is asked again, and the server may allow a request every quarter of the window and every two seconds".to_owned()
        }
        _ if method == Method::PUT => {
            "200, 201 or 204 would say that the acknowledgement is kept: may the server write to that folder?".to_owned()
        }
        _ => "200 is expected".to_owned(),
    };
    let text = format!("the server answered {status}: {says}");
    unreachable(url, io::ErrorKind::Other, text)
}

/// Whether the bytes are those of the file.
pub(super) fn plain(headers: &HeaderMap, url: &str) -> Result<(), Refusal> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            let text = format!(
                "the server has encoded it as {:?}, and was asked not to: switch that off for the repository",
                quote(encoding.as_bytes())
            );
            Err(unreachable(url, io::ErrorKind::InvalidData, text))
        }
        _ => Ok(()),
    }
}

/// Whether the server itself has answered, and no cache from its own memory (RFC 9111 section 5.1).
pub(super) fn fresh(headers: &HeaderMap, url: &str) -> Result<(), Refusal> {
    match headers.get(AGE) {
        Some(age) => {
            let text = format!(
                "a cache has answered with what it has known for {} seconds, and was asked not to: switch caching off for index and beacons",
                quote(age.as_bytes())
            );
            Err(unreachable(url, io::ErrorKind::InvalidData, text))
        }
        None => Ok(()),
    }
}

/// The tag by which a file may be asked for again; none for one that was written a moment ago. Servers that make tags of times in
/// seconds give the same one to what replaces it within a second (RFC 9110 section 8.8.1).
pub(super) fn tag(headers: &HeaderMap) -> Option<HeaderValue> {
    const MOMENT: Duration = Duration::from_secs(2);
    let date = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    if let (Some(written), Some(now)) = (date(LAST_MODIFIED), date(DATE))
        && now < written + MOMENT
    {
        return None;
    }
    headers.get(ETAG).cloned()
}

/// All of a body, of which no more is read than there may be.
pub(super) async fn read(mut body: Incoming, most: u64, url: &str) -> Result<Vec<u8>, Refusal> {
    let too_large = |found| Refusal::Size {
        path: url.into(),
        found,
        expected: format!("at most {most}"),
    };
    let length = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    if let Some(found) = body.size_hint().exact().filter(|size| *size > most) {
        return Err(too_large(found));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error, url))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let found = length(bytes.len()).saturating_add(length(data.len()));
        if found > most {
            return Err(too_large(found));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn broken(error: &hyper::Error, url: &str) -> Refusal {
    unreachable(url, io::ErrorKind::UnexpectedEof, broke_off(error))
}

pub(super) fn broke_off(error: &hyper::Error) -> String {
    format!("the answer broke off: {}", reason(error))
}

fn quote(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(QUOTED).collect()
}
