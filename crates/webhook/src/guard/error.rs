//! Why a sink is refused.

use polywire_core::{Error, ErrorKind};

/// Why a delivery is not sent somewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The text is no URL that deliveries go to, whatever it leads to.
    #[error("the sink {found}: write an URL like \"https://hooks.example.com/acme\"")]
    Url {
        /// What is wrong with it.
        found: &'static str,
    },
    /// It is not encrypted.
    #[error("the sink is not encrypted: write an https URL, or have the operator allow plaintext")]
    Plaintext,
    /// Its port is none of those that deliveries go to.
    #[error("port {found} of the sink is not one that deliveries go to: use {valid}")]
    Port {
        /// The port.
        found: u16,
        /// The ports that they go to.
        valid: String,
    },
    /// It leads to this service itself.
    #[error("the sink is this service itself: name a receiver of its own")]
    Own,
    /// It leads to an address that is not public.
    #[error("the sink cannot be reached at a public address")]
    Refused,
    /// Its name has no address now. The text is that of [`Refused`](Self::Refused): that a name exists is nobody's business.
    #[error("the sink cannot be reached at a public address")]
    Unresolved,
}

impl GuardError {
    /// Whether the URL itself is at fault, so that no later attempt can succeed. What names lead to may change.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Refused | Self::Unresolved)
    }
}

impl From<GuardError> for Error {
    fn from(error: GuardError) -> Self {
        let kind = if error.is_lasting() {
            ErrorKind::InvalidPayload
        } else {
            ErrorKind::Unroutable
        };
        Self::new(kind, error.to_string())
    }
}
