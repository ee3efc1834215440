//! Answers and refusals.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use polywire_core::{Error, ErrorKind, PROBLEM_MEDIA_TYPE};
use serde::Serialize;
use serde_json::Value;

use crate::guard::GuardError;
pub(super) use crate::wire::respond::empty;

pub(super) type Reply = Response<Bytes>;
pub(super) type Answered<T = Reply> = Result<T, Refusal>;

/// Why a request is not carried out: an error of the core, with another status where its own says less.
#[derive(Debug)]
pub(super) struct Refusal {
    error: Error,
    status: Option<StatusCode>,
    code: Option<&'static str>,
    allow: Option<&'static str>,
}

impl Refusal {
    /// What the request says cannot be carried out: `422`, and a code to tell such by.
    pub(super) fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        Self::coded(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// It does not go with the state of the subscription: `409`.
    pub(super) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::coded(StatusCode::CONFLICT, code, message)
    }

    pub(super) fn coded(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            error: Error::new(ErrorKind::InvalidPayload, message.into()),
            status: Some(status),
            code: Some(code),
            allow: None,
        }
    }

    /// The request is malformed: `400`.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidPayload, message.into()).into()
    }

    /// There is no such subscription, or it is somebody else's, which is the same.
    pub(super) fn absent() -> Self {
        Error::new(
            ErrorKind::Unroutable,
            "there is no subscription of this id: it may have ended; create one with POST /webhooks/subscriptions",
        )
        .into()
    }

    pub(super) fn method(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::coded(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                format!("this path takes {allow}"),
            )
        }
    }

    /// What it says, for whoever does not ask by HTTP.
    pub(super) fn into_error(self) -> Error {
        self.error
    }

    pub(super) fn into_reply(self) -> Reply {
        let mut document = self.error.to_problem();
        let status = self
            .status
            .map_or(self.error.kind().status(), |status| status.as_u16());
        if let Some(code) = self.code
            && let Ok(Value::Object(mut problem)) = serde_json::from_slice(&document)
        {
            problem.insert("status".into(), status.into());
            problem.insert("title".into(), "the request cannot be carried out".into());
            problem.insert("code".into(), code.into());
            document = Value::Object(problem).to_string().into_bytes();
        }
        let mut reply = Response::new(document.into());
        *reply.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.allow {
            headers.insert(http::header::ALLOW, HeaderValue::from_static(allow));
        }
        if self.error.kind() == ErrorKind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.error.wait() {
            headers.insert(RETRY_AFTER, wait.as_secs().max(1).into());
        }
        reply
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            error,
            status: None,
            code: None,
            allow: None,
        }
    }
}

/// What the URL itself says wrongly is said; where it leads is not, whatever the reason: answers would map the network.
impl From<GuardError> for Refusal {
    fn from(error: GuardError) -> Self {
        let text = match error {
            GuardError::Url { .. } | GuardError::Plaintext | GuardError::Port { .. } => {
                error.to_string()
            }
            GuardError::Own | GuardError::Refused | GuardError::Unresolved => {
                GuardError::Refused.to_string()
            }
        };
        Self::unprocessable("sink-refused", text)
    }
}

/// An answer with a document.
pub(super) fn json<T: Serialize>(status: StatusCode, document: &T) -> Answered {
    let body = serde_json::to_vec(document).map_err(|error| {
        Error::new(ErrorKind::Internal, "the answer has no JSON form").caused_by(error)
    })?;
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// A header whose text is of our own making.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
