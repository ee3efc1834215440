//! What a caller may say about one message.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Result;
use crate::message::{Head, MessageId, Token};
use crate::metadata::Metadata;
use crate::trace::TraceContext;

/// What a caller may say about the messages it sends through a client; nothing is required.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    id: Option<MessageId>,
    deadline: Option<Deadline>,
    idempotency_key: Option<Arc<str>>,
    ordering_key: Option<Arc<str>>,
    trace: Option<TraceContext>,
    token: Option<Token>,
    metadata: Metadata,
}

#[derive(Clone, Copy, Debug)]
enum Deadline {
    In(Duration),
    At(Instant),
}

impl CallOptions {
    /// Nothing said: the session's defaults hold.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            id: None,
            deadline: None,
            idempotency_key: None,
            ordering_key: None,
            trace: None,
            token: None,
            metadata: Metadata::new(),
        }
    }

    /// The options that somebody set, or that nobody did.
    pub(crate) fn or_none(set: Option<&Self>) -> &Self {
        static NONE: CallOptions = CallOptions::new();
        set.unwrap_or(&NONE)
    }

    /// The message's id instead of a random one, for events that have an identity of their own.
    #[must_use]
    pub fn id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    /// How long the caller waits, counted from each send.
    #[must_use]
    pub fn deadline(mut self, wait: Duration) -> Self {
        self.deadline = Some(Deadline::In(wait));
        self
    }

    /// When the caller stops waiting.
    #[must_use]
    pub fn deadline_at(mut self, at: Instant) -> Self {
        self.deadline = Some(Deadline::At(at));
        self
    }

    /// Names the request across retries; it may then be sent again after a failure that left its fate open.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Messages with one key keep their order, where the channel claims it.
    #[must_use]
    pub fn ordering_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.ordering_key = Some(key.into());
        self
    }

    /// The trace on whose behalf the messages are sent; each gets a child of it.
    #[must_use]
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// The signed token to pass on.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// One more metadata entry.
    ///
    /// # Errors
    /// As [`Metadata::insert`].
    pub fn metadata(mut self, key: &str, value: &str) -> Result<Self> {
        self.metadata.insert(key, value)?;
        Ok(self)
    }

    pub(crate) fn own_token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The id to send under.
    pub(crate) fn message_id(&self) -> MessageId {
        self.id.clone().unwrap_or_else(MessageId::random)
    }

    /// Fills in everything but the id of a head: these options first, then the given defaults.
    pub(crate) fn apply(&self, head: &mut Head, timeout: Duration, token: Option<&Token>) {
        head.deadline = Some(match self.deadline {
            Some(Deadline::At(at)) => at,
            Some(Deadline::In(wait)) => after(wait),
            None => after(timeout),
        });
        head.idempotency_key.clone_from(&self.idempotency_key);
        head.ordering_key.clone_from(&self.ordering_key);
        head.trace = Some(
            self.trace
                .as_ref()
                .map_or_else(TraceContext::root, TraceContext::child),
        );
        head.token = self.token.as_ref().or(token).cloned();
        if !self.metadata.is_empty() {
            head.metadata = self.metadata.clone();
        }
    }
}

/// The instant after a wait; a wait too long to represent is a year.
pub(crate) fn after(wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    Instant::now() + wait.min(YEAR)
}
