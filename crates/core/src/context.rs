//! What a handler knows about the message it handles.

use std::sync::Arc;
use std::time::Duration;

use polywire_contract::Version;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::message::{Head, MessageId};
use crate::metadata::Metadata;
use crate::options::CallOptions;
use crate::stamp::Stamp;
use crate::trace::TraceContext;

/// What a handler knows about the message it handles: agreement, caller, deadline, trace, metadata.
#[derive(Clone, Debug)]
pub struct Context {
    head: Box<Head>,
    agreement: Arc<Stamp>,
    caller: Caller,
}

impl Context {
    /// The context of an admitted message.
    #[must_use]
    pub fn new(head: impl Into<Box<Head>>, agreement: Arc<Stamp>, caller: Caller) -> Self {
        Self {
            head: head.into(),
            agreement,
            caller,
        }
    }

    pub(crate) fn into_parts(self) -> (Box<Head>, Caller) {
        (self.head, self.caller)
    }

    /// The whole head.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The message's id; the same on every redelivery of a command.
    #[must_use]
    pub fn id(&self) -> &MessageId {
        &self.head.id
    }

    /// The version that was agreed for this message.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.agreement.version
    }

    /// The agreement: the version, its digest, status and what else this provider offers.
    #[must_use]
    pub fn agreement(&self) -> &Arc<Stamp> {
        &self.agreement
    }

    /// Who asks, as verified.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// When the caller stops waiting.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.head.deadline
    }

    /// The time left.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.head.remaining()
    }

    /// The caller's trace.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.head.trace.as_ref()
    }

    /// The application's own entries.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.head.metadata
    }

    /// The caller's name for this request across retries, if it gave one.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        self.head.idempotency_key.as_deref()
    }

    /// Which try this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.head.attempt
    }

    /// Options for what the handler sends on behalf of this message: its deadline, its trace, its token.
    #[must_use]
    pub fn options(&self) -> CallOptions {
        let mut options = CallOptions::new();
        if let Some(deadline) = self.head.deadline {
            options = options.deadline_at(deadline);
        }
        if let Some(trace) = &self.head.trace {
            options = options.trace(trace.clone());
        }
        if let Some(token) = &self.head.token {
            options = options.token(token.clone());
        }
        options
    }
}
