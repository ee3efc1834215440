//! The one error of Polywire: what kind, whether and where a retry helps, what was attempted.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use polywire_contract::{NoMatch, Retry, Why};

/// What went wrong, in the vocabulary that every transport maps to its own wire codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No version offered satisfies the requirement; decided before the handler ran.
    NoMatch,
    /// The far side cannot be reached, or does not serve yet.
    Unavailable,
    /// The time that the caller allowed has passed.
    DeadlineExceeded,
    /// A bound (queue, concurrency, rate) is reached; the same request may succeed later.
    Overloaded,
    /// The token is missing, malformed, expired or not signed by a known key.
    Unauthenticated,
    /// The token is good, and its bearer may not do this.
    PermissionDenied,
    /// The payload does not decode, or a header or metadata entry is malformed.
    InvalidPayload,
    /// The payload, a header or a list exceeds its bound.
    TooLarge,
    /// The transport does not have this capability, or the content type is not spoken.
    Unsupported,
    /// Nothing would receive the message.
    Unroutable,
    /// One version with two different contracts, or a reply that breaks the agreement.
    Integrity,
    /// The channel is draining or closed on this side.
    Closed,
    /// The configuration is wrong; see [`crate::config::Mistakes`].
    Config,
    /// A fault of the far side that it does not explain, such as a panic in a handler.
    Internal,
}

impl ErrorKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 14] = [
        Self::NoMatch,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::Overloaded,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::InvalidPayload,
        Self::TooLarge,
        Self::Unsupported,
        Self::Unroutable,
        Self::Integrity,
        Self::Closed,
        Self::Config,
        Self::Internal,
    ];

    /// The kebab-case code that stands in problem documents, logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoMatch => "no-match",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Overloaded => "overloaded",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission-denied",
            Self::InvalidPayload => "invalid-payload",
            Self::TooLarge => "too-large",
            Self::Unsupported => "unsupported",
            Self::Unroutable => "unroutable",
            Self::Integrity => "integrity",
            Self::Closed => "closed",
            Self::Config => "config",
            Self::Internal => "internal",
        }
    }

    /// The kind of a code, if it is one of ours.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    const fn default_retry(self) -> Retry {
        match self {
            Self::Unavailable | Self::Overloaded | Self::Closed | Self::DeadlineExceeded => {
                Retry::Later
            }
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// Whether the handler may have run, which decides if a call that is not idempotent may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatched {
    /// The handler did not run: safe to send again.
    No,
    /// It may have run.
    Maybe,
    /// It ran, at least in part.
    Yes,
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the communication, as opposed to one the application answered with.
///
/// `Display` is one line; `Debug` adds the context and the chain of sources.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    dispatched: Dispatched,
    retry_after: Option<Duration>,
    attempted: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    no_match: Option<Box<NoMatch>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; the message is lower case, without a full stop, and says what would work.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let dispatched = match kind {
            ErrorKind::NoMatch
            | ErrorKind::Unauthenticated
            | ErrorKind::PermissionDenied
            | ErrorKind::TooLarge
            | ErrorKind::Unsupported
            | ErrorKind::Unroutable
            | ErrorKind::Overloaded
            | ErrorKind::Closed
            | ErrorKind::Config => Dispatched::No,
            _ => Dispatched::Maybe,
        };
        Self(Box::new(Inner {
            kind,
            retry: kind.default_retry(),
            dispatched,
            retry_after: None,
            attempted: None,
            message: message.into(),
            context: Vec::new(),
            no_match: None,
            source: None,
        }))
    }

    /// The same error with the operation that was attempted, such as `call orders.quote`.
    #[must_use]
    pub fn attempting(mut self, what: impl Into<Cow<'static, str>>) -> Self {
        self.0.attempted.get_or_insert(what.into());
        self
    }

    /// The same error with one more key and value of context.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The same error with another retry class than its kind implies.
    #[must_use]
    pub fn retry_as(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The same error with how long to wait before a retry.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The same error with whether the handler may have run.
    #[must_use]
    pub fn dispatched_as(mut self, dispatched: Dispatched) -> Self {
        self.0.dispatched = dispatched;
        self
    }

    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether and where a retry helps.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// How long the far side asks to wait before a retry.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the handler may have run.
    #[must_use]
    pub fn dispatched(&self) -> Dispatched {
        self.0.dispatched
    }

    /// What was attempted, such as `call orders.quote`.
    #[must_use]
    pub fn attempted(&self) -> Option<&str> {
        self.0.attempted.as_deref()
    }

    /// The message alone, without what was attempted.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The refusal with every offered version and why it lost, when the kind is `NoMatch` or `Integrity`.
    #[must_use]
    pub fn no_match(&self) -> Option<&NoMatch> {
        self.0.no_match.as_deref()
    }

    /// The context as pairs, in the order they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .context
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
    }
}

impl From<Box<NoMatch>> for Error {
    fn from(no_match: Box<NoMatch>) -> Self {
        let integrity = no_match
            .offered
            .iter()
            .any(|refused| refused.why == Why::Integrity);
        let kind = if integrity {
            ErrorKind::Integrity
        } else {
            ErrorKind::NoMatch
        };
        let mut error = Self::new(kind, no_match.to_string())
            .retry_as(no_match.retry)
            .dispatched_as(Dispatched::No);
        error.0.no_match = Some(no_match);
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(attempted) = &self.0.attempted {
            write!(f, "{attempted}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind)?;
        write!(
            f,
            "\n  retry: {:?}, dispatched: {:?}",
            self.0.retry, self.0.dispatched
        )?;
        for (key, value) in &self.0.context {
            write!(f, "\n  {key}: {value}")?;
        }
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// What a typed call fails with: the application's own error, or the communication's.
#[derive(Clone, Debug)]
pub enum CallError<E> {
    /// The provider's handler answered with its typed error.
    App(E),
    /// The call did not get an answer of the application.
    Wire(Error),
}

impl<E> CallError<E> {
    /// The application's error, if that is what it is.
    pub fn app(self) -> Option<E> {
        match self {
            Self::App(error) => Some(error),
            Self::Wire(_) => None,
        }
    }

    /// The communication error, if that is what it is.
    pub fn wire(&self) -> Option<&Error> {
        match self {
            Self::App(_) => None,
            Self::Wire(error) => Some(error),
        }
    }
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self::Wire(error)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => error.fmt(f),
            Self::Wire(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> StdError for CallError<E> {}
