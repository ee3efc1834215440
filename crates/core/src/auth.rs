//! Who asks: the provider verifies a signed token that came with the message, and the handler authorises.

use std::fmt;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::message::{Head, Token};

/// Who sent a message, as far as it was verified.
#[derive(Clone, Default, PartialEq)]
pub struct Caller(Option<Box<Verified>>);

#[derive(Clone, PartialEq)]
struct Verified {
    subject: Option<String>,
    claims: Map<String, Value>,
}

impl Caller {
    /// Nobody in particular: no authenticator is configured, or it lets the anonymous in.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A verified caller with the claims of its token (RFC 7519 section 4); `sub` is its subject.
    #[must_use]
    pub fn verified(claims: Map<String, Value>) -> Self {
        let subject = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
        Self(Some(Box::new(Verified { subject, claims })))
    }

    /// The verified subject; `None` when anonymous.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.as_ref()?.subject.as_deref()
    }

    /// All verified claims, for a queue that keeps them with a command; `None` when anonymous.
    #[must_use]
    pub fn claims(&self) -> Option<&Map<String, Value>> {
        self.0.as_ref().map(|verified| &verified.claims)
    }

    /// A verified claim.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.claims.get(name)
    }

    /// Whether the space-separated `scope` claim (RFC 8693 section 4.2) has a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        let scopes = self
            .claim("scope")
            .and_then(Value::as_str)
            .unwrap_or_default();
        scopes.split(' ').any(|granted| granted == scope)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}

/// Verifies the token of a message before its handler may run.
pub trait Authenticator: Send + Sync + fmt::Debug {
    /// The caller that the token proves.
    ///
    /// # Errors
    /// `Unauthenticated` when the token is missing or does not hold; the message never contains the token.
    fn authenticate(&self, token: Option<&Token>, head: &Head) -> Result<Caller>;
}
