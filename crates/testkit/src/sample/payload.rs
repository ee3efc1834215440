//! The payloads of the sample contract.

use std::collections::BTreeMap;
use std::fmt;

use polywire_contract::schemars::{self, JsonSchema};
use polywire_contract::{ErrorCode, ErrorCodes, Name};
use polywire_core::ApplicationError;
use serde::{Deserialize, Serialize};

/// Nothing but an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}

/// Asks for the same text back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Echo {
    /// Any text.
    pub text: String,
    /// Any number.
    #[serde(default)]
    pub number: u64,
}

/// The text back, and which version's handler sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Echoed {
    /// The text.
    pub text: String,
    /// The number.
    pub number: u64,
    /// The version of the handler.
    pub by: String,
    /// The text's length in bytes; since 1.4.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

/// [`Echoed`] before 1.4.0, so that the older contract is another document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Echoed")]
pub(super) struct EchoedBefore {
    pub(super) text: String,
    pub(super) number: u64,
    pub(super) by: String,
}

/// [`Echo`] in 2.0.0, under another member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Echo2 {
    /// Any text.
    pub message: String,
}

/// [`Echoed`] in 2.0.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Echoed2 {
    /// The text.
    pub message: String,
    /// The version of the handler.
    pub by: String,
}

/// Asks for a typed error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fail {
    /// The error's code.
    pub code: String,
}

/// Asks for a reply of a size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// How many bytes of filler.
    pub bytes: usize,
}

/// A reply of a size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filler {
    /// That many bytes of `x`.
    pub filler: String,
}

/// Waits until that many callers are there, and gets its own number back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Meet {
    /// Who calls.
    pub number: u64,
    /// How many must be there.
    pub callers: usize,
}

/// What a handler saw of its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// The version agreed on.
    pub version: String,
    /// The time left, in milliseconds.
    pub remaining_ms: Option<u64>,
    /// The trace as `traceparent`.
    pub trace: Option<String>,
    /// The `tracestate`.
    pub trace_state: Option<String>,
    /// The idempotency key.
    pub idempotency_key: Option<String>,
    /// The ordering key.
    pub ordering_key: Option<String>,
    /// The caller's verified subject.
    pub subject: Option<String>,
    /// The message's id.
    pub id: String,
    /// Which try it is.
    pub attempt: u32,
    /// The application's entries.
    pub metadata: BTreeMap<String, String>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Which one.
    pub number: u64,
    /// What its handler does.
    pub behaviour: Behaviour,
}

impl Note {
    /// A command whose handler does at once what it should.
    #[must_use]
    pub const fn done(number: u64) -> Self {
        Self {
            number,
            behaviour: Behaviour::Done,
        }
    }
}

/// What the handler of a [`Note`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Behaviour {
    /// It succeeds.
    Done,
    /// It fails with an error that is worth a retry, until this attempt.
    Busy {
        /// The attempt that succeeds.
        until: u32,
    },
    /// It fails with an error that no retry helps.
    Refuse,
    /// It waits until the probe's gate is opened.
    Wait,
    /// It panics.
    Panic,
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Happening {
    /// Which one of its publisher.
    pub number: u64,
    /// Who published it.
    #[serde(default)]
    pub publisher: u64,
    /// Any text.
    #[serde(default)]
    pub text: String,
}

impl Happening {
    /// The event of that number.
    #[must_use]
    pub fn number(number: u64) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }
}

/// [`Happening`] in 2.0.0, under another member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Happening2 {
    /// Which one.
    pub number: u64,
    /// Any text.
    pub message: String,
}

/// Another event of the same contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    /// Where to.
    pub to: String,
}

/// The sample's typed errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
#[schemars(extend("x-open" = true))]
pub enum SampleError {
    /// There is no such thing.
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// Not now.
    Busy {
        /// When to come back.
        wait_ms: u64,
    },
    /// A code that this version does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { what } => write!(f, "no {what}"),
            Self::Busy { wait_ms } => write!(f, "busy for {wait_ms} ms"),
            Self::Unknown => f.write_str("an error of a later version"),
        }
    }
}

impl ErrorCodes for SampleError {
    fn codes() -> Vec<ErrorCode> {
        vec![
            ErrorCode::new("not_found", Some("There is no such thing.")),
            ErrorCode::new("busy", Some("Not now.")),
        ]
    }
}

impl ApplicationError for SampleError {
    fn code(&self) -> Name {
        match self {
            Self::NotFound { .. } => const { Name::from_static("not_found") },
            Self::Busy { .. } => const { Name::from_static("busy") },
            Self::Unknown => const { Name::from_static("unknown") },
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }
}

/// An error that came with a version later than any consumer of the suite knows.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(super) enum LaterError {
    /// Only this code.
    BrandNew {
        /// A member that nobody knows.
        detail: String,
    },
}

impl fmt::Display for LaterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("brand new")
    }
}

impl ErrorCodes for LaterError {
    fn codes() -> Vec<ErrorCode> {
        vec![ErrorCode::new("brand_new", None)]
    }
}

impl ApplicationError for LaterError {
    fn code(&self) -> Name {
        const { Name::from_static("brand_new") }
    }
}
