//! Errors as RFC 9457 problem documents: the same JSON on every transport.

use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Name, NoMatch, Retry};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::message::Outcome;

/// The prefix of our problem types; the rest is [`ErrorKind::code`].
pub const TYPE_PREFIX: &str = "urn:polywire:problem:";
/// The problem type of an application's own error.
pub const APPLICATION: &str = "urn:polywire:problem:application";
/// The media type of problem documents (RFC 9457 section 6.1).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document (RFC 9457) with our extension members.
#[derive(Debug, Serialize, Deserialize)]
pub struct Problem<'a> {
    /// The problem type: [`TYPE_PREFIX`] and a code, or [`APPLICATION`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status, on every transport.
    pub status: u16,
    /// The error's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether and where a retry helps.
    #[serde(default = "never")]
    pub retry: Retry,
    /// Whether the handler ran; absent when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched: Option<bool>,
    /// How long to wait before a retry, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The application error's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The application error itself.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub error: Option<&'a RawValue>,
}

fn never() -> Retry {
    Retry::Never
}

impl Problem<'_> {
    /// The document of an application's own error: its code, whether a retry helps, and the error as JSON.
    ///
    /// # Errors
    /// `Internal` when the error is no JSON.
    pub fn write_application(code: &Name, retryable: bool, error: &[u8]) -> Result<Bytes> {
        let internal =
            |why: &'static str, cause| Error::new(ErrorKind::Internal, why).caused_by(cause);
        let error: &RawValue = serde_json::from_slice(error)
            .map_err(|cause| internal("the handler's typed error is no JSON", cause))?;
        let problem = Problem {
            kind: APPLICATION.to_owned(),
            title: "the application refused".to_owned(),
            status: 422,
            detail: None,
            retry: if retryable {
                Retry::Later
            } else {
                Retry::Never
            },
            dispatched: Some(true),
            retry_after_ms: None,
            code: Some(code.to_string()),
            error: Some(error),
        };
        serde_json::to_vec(&problem)
            .map(Bytes::from)
            .map_err(|cause| internal("the typed error has no JSON form", cause))
    }

    /// The application's own error and its outcome; `None` when this is another problem, or lacks its code or its error.
    ///
    /// The error's bytes are a part of `document`, not a copy.
    ///
    /// # Panics
    /// When `document` is not the one that this was read from.
    #[must_use]
    pub fn application(&self, document: &Bytes) -> Option<(Outcome, Bytes)> {
        if self.kind != APPLICATION {
            return None;
        }
        let outcome = Outcome::Failed {
            code: self.code.as_deref()?.parse().ok()?,
            retryable: self.retry != Retry::Never,
        };
        Some((outcome, document.slice_ref(self.error?.get().as_bytes())))
    }
}

impl ErrorKind {
    /// The HTTP status (RFC 9110) that stands for this kind.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoMatch => 406,
            Self::Unavailable | Self::Closed => 503,
            Self::DeadlineExceeded => 504,
            Self::Overloaded => 429,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::InvalidPayload => 400,
            Self::TooLarge => 413,
            Self::Unsupported => 415,
            Self::Unroutable => 404,
            Self::Integrity => 409,
            Self::Config | Self::Internal => 500,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NoMatch => "no offered contract version satisfies the requirement",
            Self::Unavailable => "the provider cannot take the request now",
            Self::DeadlineExceeded => "the deadline passed",
            Self::Overloaded => "a bound is reached",
            Self::Unauthenticated => "the token does not prove who asks",
            Self::PermissionDenied => "the caller may not do this",
            Self::InvalidPayload => "the request is malformed",
            Self::TooLarge => "the request exceeds a bound",
            Self::Unsupported => "this is not supported here",
            Self::Unroutable => "there is nothing of that name",
            Self::Integrity => "one version stands for two contracts",
            Self::Closed => "the channel is closed",
            Self::Config => "the provider is configured wrongly",
            Self::Internal => "the provider failed",
        }
    }
}

impl Error {
    /// This error as JSON: a problem document, or the refusal with every offered version.
    #[must_use]
    pub fn to_problem(&self) -> Vec<u8> {
        let json = match self.no_match() {
            Some(no_match) => serde_json::to_vec(no_match),
            None => serde_json::to_vec(&Problem {
                kind: format!("{TYPE_PREFIX}{}", self.kind().code()),
                title: self.kind().title().to_owned(),
                status: self.kind().status(),
                detail: Some(self.message().to_owned()),
                retry: self.retry(),
                dispatched: match self.dispatched() {
                    Dispatched::No => Some(false),
                    Dispatched::Maybe => None,
                    Dispatched::Yes => Some(true),
                },
                retry_after_ms: self
                    .wait()
                    .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
                code: None,
                error: None,
            }),
        };
        // Neither type has a map with other keys than texts, the one thing that JSON cannot write.
        json.unwrap_or_default()
    }

    /// The error that a problem document describes; `None` when the JSON is none of ours.
    #[must_use]
    pub fn from_problem(json: &[u8]) -> Option<Self> {
        let problem: Problem<'_> = serde_json::from_slice(json).ok()?;
        let kind = ErrorKind::from_code(problem.kind.strip_prefix(TYPE_PREFIX)?)?;
        if matches!(kind, ErrorKind::NoMatch | ErrorKind::Integrity)
            && let Ok(no_match) = serde_json::from_slice::<NoMatch>(json)
        {
            return Some(Self::from(Box::new(no_match)));
        }
        let dispatched = match problem.dispatched {
            Some(false) => Dispatched::No,
            Some(true) => Dispatched::Yes,
            None => Dispatched::Maybe,
        };
        let detail = problem.detail.unwrap_or(problem.title);
        let error = Self::new(kind, detail)
            .retry_as(problem.retry)
            .dispatched_as(dispatched);
        Some(match problem.retry_after_ms {
            Some(wait) => error.retry_after(Duration::from_millis(wait)),
            None => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_round_trips() {
        for kind in ErrorKind::ALL {
            let error = Error::new(kind, "queue of 10 is full: retry later")
                .retry_as(Retry::OtherReplica)
                .dispatched_as(Dispatched::No)
                .retry_after(Duration::from_millis(1500));
            let back = Error::from_problem(&error.to_problem()).unwrap();
            assert_eq!(back.kind(), kind);
            assert_eq!(back.message(), error.message());
            assert_eq!(back.retry(), Retry::OtherReplica);
            assert_eq!(back.dispatched(), Dispatched::No);
            assert_eq!(back.wait(), Some(Duration::from_millis(1500)));
        }
    }

    #[test]
    fn an_application_error_round_trips() {
        let code = Name::from_static("sold-out");
        for retryable in [true, false] {
            let document = Problem::write_application(&code, retryable, b"{\"left\":0}").unwrap();
            let problem: Problem<'_> = serde_json::from_slice(&document).unwrap();
            let (outcome, error) = problem.application(&document).unwrap();
            let code = code.clone();
            assert_eq!(outcome, Outcome::Failed { code, retryable });
            assert_eq!(&error[..], b"{\"left\":0}");
        }
        let wrong = Problem::write_application(&code, false, b"sold out").unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::Internal);
        assert_eq!(wrong.message(), "the handler's typed error is no JSON");
    }

    #[test]
    fn another_problem_is_no_application_error() {
        for json in [
            r#"{"type":"urn:polywire:problem:internal","title":"x","status":500,"code":"a","error":1}"#,
            r#"{"type":"urn:polywire:problem:application","title":"x","status":422,"error":1}"#,
            r#"{"type":"urn:polywire:problem:application","title":"x","status":422,"code":"a"}"#,
        ] {
            let document = Bytes::from_static(json.as_bytes());
            let problem: Problem<'_> = serde_json::from_slice(&document).unwrap();
            assert!(problem.application(&document).is_none());
        }
    }

    #[test]
    fn foreign_json_is_no_error_of_ours() {
        for json in [
            &b"{}"[..],
            b"null",
            b"\xff",
            br#"{"type":"about:blank","title":"x","status":500}"#,
        ] {
            assert!(Error::from_problem(json).is_none());
        }
    }
}
