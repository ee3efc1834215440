//! Answers: replies, typed errors and problem documents, each stamped.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Version};
use polywire_core::contract::{Retry, Status, Track};
use polywire_core::{Error, Outcome, Problem, Reply};

use super::table::Served;
use crate::body::ReplyBody;
use crate::wire::{CLOSE, JSON, NO_STORE, PROBLEM};

/// The answer to a call that was handled.
pub(super) fn reply(served: &Served, reply: Reply) -> Response<ReplyBody> {
    let mut headers = served.headers.agreed(&reply.stamp);
    match reply.outcome {
        Outcome::Done => {
            headers.insert(header::CONTENT_TYPE, JSON);
            build(StatusCode::OK, headers, reply.body)
        }
        Outcome::Failed { code, retryable } => {
            match Problem::write_application(&code, retryable, &reply.body) {
                Ok(body) => {
                    headers.insert(header::CONTENT_TYPE, PROBLEM);
                    headers.insert(header::CACHE_CONTROL, NO_STORE);
                    build(StatusCode::UNPROCESSABLE_ENTITY, headers, body)
                }
                Err(error) => problem(&error, headers, Version::HTTP_11),
            }
        }
    }
}

/// The answer to a request that failed, with the status of its kind.
pub(super) fn problem(error: &Error, headers: HeaderMap, version: Version) -> Response<ReplyBody> {
    let status =
        StatusCode::from_u16(error.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem_as(status, error, headers, version)
}

/// The answer to a request that failed, with a status that says more than its kind does.
pub(super) fn problem_as(
    status: StatusCode,
    error: &Error,
    mut headers: HeaderMap,
    version: Version,
) -> Response<ReplyBody> {
    headers.insert(header::CONTENT_TYPE, PROBLEM);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let seconds = error.wait().map_or(1, |wait| {
                wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
            });
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers
                .entry(header::ALLOW)
                .or_insert(HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    // A retry on a new connection may reach another replica; HTTP/2 has no such header.
    let elsewhere = error.no_match().is_some()
        || error.retry() == Retry::OtherReplica
        || status == StatusCode::REQUEST_TIMEOUT;
    if elsewhere && version < Version::HTTP_2 {
        headers.insert(header::CONNECTION, CLOSE);
    }
    build(status, headers, error.to_problem().into())
}

/// Whether a refusal is about a track that was served once and is gone: older than all that is offered, or withdrawn.
pub(super) fn is_removed(served: &Served, track: Track) -> bool {
    let versions = served.service.offer().versions();
    let live = versions
        .iter()
        .filter(|offered| offered.status != Status::Withdrawn);
    let mut tracks = live.map(|offered| Track::of(&offered.version)).peekable();
    let withdrawn = versions
        .iter()
        .any(|offered| Track::of(&offered.version) == track);
    tracks.peek().is_some()
        && tracks.clone().all(|live| live != track)
        && (withdrawn || tracks.all(|live| track < live))
}

pub(super) fn build(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
