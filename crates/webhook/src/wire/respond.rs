//! Answers to requests: a status, a document, or a problem (RFC 9457).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use polywire_core::{Error, PROBLEM_MEDIA_TYPE};
use serde::Serialize;

/// An answer without a document.
pub(crate) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A document of JSON.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(document) {
        Ok(json) => of_type(
            status,
            HeaderValue::from_static("application/json"),
            json.into(),
        ),
        Err(error) => problem(
            &Error::new(
                polywire_core::ErrorKind::Internal,
                "the answer has no JSON form",
            )
            .caused_by(error),
        ),
    }
}

/// A document of a media type.
pub(crate) fn of_type(status: StatusCode, media: HeaderValue, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media);
    response
}

/// What went wrong, with the status of its kind.
pub(crate) fn problem(error: &Error) -> Response<Bytes> {
    let status =
        StatusCode::from_u16(error.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem_as(status, error)
}

/// What went wrong, with a status that says more than its kind does.
pub(crate) fn problem_as(status: StatusCode, error: &Error) -> Response<Bytes> {
    let media = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);
    let mut response = of_type(status, media, error.to_problem().into());
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        let seconds = error.wait().map_or(1, |wait| wait.as_secs().max(1));
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
