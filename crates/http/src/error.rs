//! What HTTP and its sockets say, in the vocabulary of [`Error`], and back.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, LOCATION, RETRY_AFTER};
use polywire_core::{Dispatched, Error, ErrorKind};

/// How much of a foreign error page is quoted, in characters.
const QUOTED: usize = 200;

/// A request that got no answer. `uri` never holds credentials: base URLs cannot.
pub(crate) fn no_answer(error: hyper_util::client::legacy::Error, uri: &http::Uri) -> Error {
    let hyper = source_of::<hyper::Error>(&error);
    let cause = root(&error).to_string();
    let origin = origin(uri);
    let (text, dispatched) = if error.is_connect() {
        (
            format!("cannot connect to {origin}: {cause}; start the provider there or correct url"),
            Dispatched::No,
        )
    } else if hyper.is_some_and(hyper::Error::is_canceled) {
        (
            format!(
                "the connection to {origin} was closed before the request was sent: {cause}; retry"
            ),
            Dispatched::No,
        )
    } else if hyper.is_some_and(|error| error.is_parse() || error.is_parse_too_large()) {
        (
            format!(
                "{origin} answered with something that is not the HTTP expected: {cause}; check url and protocol"
            ),
            Dispatched::Maybe,
        )
    } else {
        let text = format!(
            "the connection to {origin} broke before the answer: {cause}; the handler may have run, so retry what is idempotent"
        );
        (text, Dispatched::Maybe)
    };
    Error::new(ErrorKind::Unavailable, text)
        .dispatched_as(dispatched)
        .caused_by(error)
}

/// An answer whose payload broke off.
pub(crate) fn broken_answer(
    error: impl StdError + Send + Sync + 'static,
    uri: &http::Uri,
) -> Error {
    let text = format!(
        "the answer of {} broke off: {}; the handler may have run",
        origin(uri),
        root(&error)
    );
    Error::new(ErrorKind::Unavailable, text).caused_by(error)
}

/// An answer that is neither a reply nor one of our problem documents: from a proxy, or from another server.
pub(crate) fn foreign(
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
    uri: &http::Uri,
) -> Error {
    let (kind, dispatched) = match status.as_u16() {
        401 | 407 => (ErrorKind::Unauthenticated, Dispatched::No),
        403 => (ErrorKind::PermissionDenied, Dispatched::No),
        404 | 405 | 410 | 421 => (ErrorKind::Unroutable, Dispatched::No),
        406 | 415 => (ErrorKind::Unsupported, Dispatched::No),
        408 | 504 => (ErrorKind::DeadlineExceeded, Dispatched::Maybe),
        413 | 414 | 431 => (ErrorKind::TooLarge, Dispatched::No),
        429 => (ErrorKind::Overloaded, Dispatched::No),
        502 | 503 => (ErrorKind::Unavailable, Dispatched::Maybe),
        300..=399 => (ErrorKind::Config, Dispatched::No),
        400..=499 => (ErrorKind::InvalidPayload, Dispatched::Maybe),
        _ => (ErrorKind::Internal, Dispatched::Maybe),
    };
    let origin = origin(uri);
    let text = match headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .filter(|_| status.is_redirection())
    {
        Some(location) => format!(
            "{origin} answered {status} to {location:?}, and redirects are not followed: set url to where the provider is"
        ),
        None => format!(
            "{origin} answered {status} without a problem document, so no provider of ours: {:?}",
            quote(body)
        ),
    };
    let error = Error::new(kind, text).dispatched_as(dispatched);
    match wait(headers) {
        Some(wait) => error.retry_after(wait),
        None => error,
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3).
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn quote(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED)])
        .chars()
        .take(QUOTED)
        .collect()
}

/// Scheme and authority: paths are ours and say nothing new.
pub(crate) fn origin(uri: &http::Uri) -> String {
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        _ => uri.path().to_owned(),
    }
}

pub(crate) fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
}

fn source_of<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(found) = current.downcast_ref() {
            return Some(found);
        }
        cause = current.source();
    }
    None
}
