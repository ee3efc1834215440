//! A message: a head that every transport maps to its own headers, and a body that nobody copies.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Name, Requirement, Version};
use rand::RngExt;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::hex;
use crate::metadata::Metadata;
use crate::stamp::Stamp;
use crate::trace::TraceContext;

/// A media type (RFC 9110 section 8.3), such as `application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(Cow<'static, str>);

impl ContentType {
    /// JSON (RFC 8259): what typed payloads are written in.
    pub const JSON: Self = Self(Cow::Borrowed("application/json"));

    /// The media type of a header; JSON is recognised without allocating, with or without parameters.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let essence = text.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Self::JSON
        } else {
            Self(essence.to_ascii_lowercase().into())
        }
    }

    /// Whether what has it is JSON: `application/json`, or a type with the suffix `+json` (RFC 6839 section 3.1).
    #[must_use]
    pub fn is_json(&self) -> bool {
        *self == Self::JSON || self.0.ends_with("+json")
    }

    /// The text, lower case and without parameters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request that expects a reply.
    Operation,
    /// One way, eventually done.
    Command,
    /// A fact that the provider tells its subscribers.
    Event,
}

impl Kind {
    /// The text in headers: `operation`, `command` or `event`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Command => "command",
            Self::Event => "event",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Identifies a message among all messages of its source (CloudEvents `id`). At most [`MessageId::MAX`] bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Id);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Id {
    Random(u128),
    Text(Arc<str>),
}

impl MessageId {
    /// The longest id taken from a peer, in bytes.
    pub const MAX: usize = 256;

    /// A new id: 128 random bits, written as 32 hexadecimal digits.
    #[must_use]
    pub fn random() -> Self {
        Self(Id::Random(rand::rng().random()))
    }

    /// An id that a peer or the application chose.
    ///
    /// # Errors
    /// `InvalidPayload` when it is empty, longer than [`MessageId::MAX`] or has control characters.
    pub fn parse(text: &str) -> Result<Self> {
        // Our own ids come back as the number they were, so that both ends compare equal.
        if text.len() == 32
            && let Some(id) = hex::read(text.as_bytes())
        {
            return Ok(Self(Id::Random(id)));
        }
        if text.is_empty() || text.len() > Self::MAX || text.chars().any(char::is_control) {
            return Err(Error::new(
                ErrorKind::InvalidPayload,
                format!(
                    "message id of {} bytes: expected 1 to {} bytes without control characters",
                    text.len(),
                    Self::MAX
                ),
            ));
        }
        Ok(Self(Id::Text(text.into())))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Random(id) => {
                let mut digits = [0; 32];
                hex::write(&id.to_be_bytes(), &mut digits);
                f.pad(hex::text(&digits))
            }
            Id::Text(text) => f.pad(text),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A signed bearer token as it came, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// The longest token accepted, in bytes.
    pub const MAX: usize = 8 * 1024;

    /// A token, without the `Bearer` prefix.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The token itself. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// Everything about a message but its payload.
#[derive(Clone, Debug)]
pub struct Head {
    /// Unique among the messages of its source; an event keeps it on every track and redelivery.
    pub id: MessageId,
    /// The contract.
    pub contract: Name,
    /// The operation, command or event.
    pub interaction: Name,
    /// What the message asks for.
    pub kind: Kind,
    /// What the sender requires; on an event, what the subscription requires.
    pub requirement: Option<Requirement>,
    /// The version that was spoken: on events from the publisher. `None` on requests.
    pub stamp: Option<Arc<Stamp>>,
    /// On an event that was published on several tracks: the versions of all its copies, by which a group that takes
    /// several tracks knows which copy is its own. `None` when there is one.
    pub copies: Option<Arc<[Version]>>,
    /// The media type of the body; [`ContentType::JSON`] for typed payloads.
    pub content_type: ContentType,
    /// When the sender stops waiting. On the wire it travels as remaining time, so clocks need not agree.
    pub deadline: Option<Instant>,
    /// Whether the contract says that doing it twice is doing it once.
    pub idempotent: bool,
    /// Names this request across retries, so that a provider can recognise it.
    pub idempotency_key: Option<Arc<str>>,
    /// Messages with one key keep their order, where [`crate::Capability::ordered_by_key`] is claimed.
    pub ordering_key: Option<Arc<str>>,
    /// Which try this is, from 1. On a delivery it counts the hand-overs to the group.
    pub attempt: u32,
    /// The trace that caused this message.
    pub trace: Option<TraceContext>,
    /// The signed token of who asks.
    pub token: Option<Token>,
    /// The application's own entries.
    pub metadata: Metadata,
}

impl Head {
    /// A head with a fresh id, JSON content and nothing optional.
    #[must_use]
    pub fn new(kind: Kind, contract: Name, interaction: Name) -> Self {
        Self::with_id(MessageId::random(), kind, contract, interaction)
    }

    /// A head with an id that is already there, JSON content and nothing optional.
    #[must_use]
    pub fn with_id(id: MessageId, kind: Kind, contract: Name, interaction: Name) -> Self {
        Self {
            id,
            contract,
            interaction,
            kind,
            requirement: None,
            stamp: None,
            copies: None,
            content_type: ContentType::JSON,
            deadline: None,
            idempotent: false,
            idempotency_key: None,
            ordering_key: None,
            attempt: 1,
            trace: None,
            token: None,
            metadata: Metadata::new(),
        }
    }

    /// The time left, zero when the deadline has passed; `None` without one.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether sending it again cannot do it twice.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.idempotent || self.idempotency_key.is_some()
    }
}

/// A head and a payload.
#[derive(Clone, Debug)]
pub struct Message {
    /// Everything but the payload. Boxed: a message passes through many hands, and futures that hold it stay small.
    pub head: Box<Head>,
    /// The payload; shared, never copied.
    pub body: Bytes,
}

impl Message {
    /// A message of a head and a payload.
    #[must_use]
    pub fn new(head: impl Into<Box<Head>>, body: Bytes) -> Self {
        Self {
            head: head.into(),
            body,
        }
    }
}

/// How the handler answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With its reply.
    Done,
    /// With its typed error: the body is that error, and this is its code.
    Failed {
        /// The error's code, as `contract.json` lists it.
        code: Name,
        /// Whether the application says that the same request may succeed later.
        retryable: bool,
    },
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The version that was spoken and by whom.
    pub stamp: Arc<Stamp>,
    /// Whether the body is a reply or a typed error.
    pub outcome: Outcome,
    /// The reply, or the typed error.
    pub body: Bytes,
}

/// Proof that the transport has taken responsibility for a command or an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Receipt {
    /// The id under which it was taken.
    pub id: MessageId,
    /// The version of whoever took it, where that is known.
    pub stamp: Option<Arc<Stamp>>,
}

impl Receipt {
    /// A receipt for a message.
    #[must_use]
    pub fn new(id: MessageId, stamp: Option<Arc<Stamp>>) -> Self {
        Self { id, stamp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip() {
        let id = MessageId::random();
        assert_eq!(MessageId::parse(&id.to_string()).unwrap(), id);
        assert_eq!(MessageId::parse("order-7").unwrap().to_string(), "order-7");
        let error = MessageId::parse("a\nb").unwrap_err();
        assert_eq!(
            error.to_string(),
            "message id of 3 bytes: expected 1 to 256 bytes without control characters"
        );
    }

    #[test]
    fn tokens_are_never_printed() {
        assert_eq!(format!("{:?}", Token::new("abc")), "Token(redacted)");
    }
}
