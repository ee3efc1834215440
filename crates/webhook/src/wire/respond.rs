//! Answers to requests: a status, a document, or a problem (RFC 9457).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use polywire_core::{Error, ErrorKind, PROBLEM_MEDIA_TYPE, Result};
use serde::Serialize;

/// An answer without a document.
pub(crate) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A document of JSON.
///
/// # Errors
/// `Internal` when it has no such form.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Result<Response<Bytes>> {
    let json = serde_json::to_vec(document).map_err(|error| {
        Error::new(ErrorKind::Internal, "the answer has no JSON form").caused_by(error)
    })?;
    let media = HeaderValue::from_static("application/json");
    Ok(of_type(status, media, json.into()))
}

/// A document of a media type. It may say what is secret, so nobody keeps a copy.
pub(crate) fn of_type(status: StatusCode, media: HeaderValue, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The status that says what went wrong.
pub(crate) fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What went wrong, with the status of its kind.
pub(crate) fn problem(error: &Error) -> Response<Bytes> {
    problem_as(status(error), error)
}

/// What went wrong, with a status that says more than its kind does.
pub(crate) fn problem_as(status: StatusCode, error: &Error) -> Response<Bytes> {
    let media = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);
    let mut response = of_type(status, media, error.to_problem().into());
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let later = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let wait = error.wait().or(later.then_some(Duration::from_secs(1)));
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, wait.as_secs().max(1).into());
    }
    response
}
