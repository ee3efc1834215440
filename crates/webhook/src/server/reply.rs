//! Answers and refusals.

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use polywire_core::{Error, ErrorKind};
use serde_json::Value;

use crate::guard::GuardError;
use crate::wire::respond;
pub(super) use crate::wire::respond::{empty, json};

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
        let status = self.status.unwrap_or_else(|| respond::status(&self.error));
        let mut reply = respond::problem_as(status, &self.error);
        if let Some(code) = self.code
            && let Ok(Value::Object(mut problem)) = serde_json::from_slice(reply.body())
        {
            problem.insert("status".into(), status.as_u16().into());
            problem.insert("title".into(), "the request cannot be carried out".into());
            problem.insert("code".into(), code.into());
            *reply.body_mut() = Value::Object(problem).to_string().into();
        }
        if let Some(allow) = self.allow {
            reply
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(allow));
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

/// A header whose text is of our own making.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
