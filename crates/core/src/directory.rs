//! The channels of a process by name, for providers in it that talk to other services.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use polywire_contract::{Name, Requirement};
use serde::{Deserialize, Serialize};

use crate::capability::Capability;
use crate::channel::Channel;
use crate::error::Result;
use crate::message::Token;
use crate::session::Policy;

/// The configured channels of a process. Whoever has it keeps none of them open.
#[async_trait]
pub trait Directory: Send + Sync + fmt::Debug + 'static {
    /// What is configured of a channel.
    ///
    /// # Behavior
    /// Opens nothing and does not wait.
    ///
    /// # Errors
    /// `Config` for a channel that is not configured, naming those that are; `Closed` once the process lets go of them.
    fn find(&self, name: &str) -> Result<Listed>;

    /// A channel with its layers, opened when it is asked for first; the same for everybody.
    ///
    /// # Errors
    /// As [`find`](Self::find) and [`Transport::channel`](crate::Transport::channel).
    async fn open(&self, name: &str) -> Result<Arc<dyn Channel>>;
}

/// What is configured of a channel. As a document it is without the token, which stays where it is configured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// The contract.
    pub contract: Name,
    /// What clients require; `None` for the version that they were generated from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
    /// How long a caller waits unless it says otherwise; in a document in milliseconds.
    #[serde(rename = "timeout_ms", with = "milliseconds")]
    pub timeout: Duration,
    /// How often a call is tried again at another replica when one refuses what another offered lately.
    pub skew_retries: u32,
    /// How many deliveries a subscriber may hold unsettled.
    pub prefetch: usize,
    /// The token to send for who has none.
    #[serde(skip)]
    pub token: Option<Token>,
    /// What the channel can do.
    pub capability: Capability,
}

impl Listed {
    /// A channel of these settings.
    #[must_use]
    pub fn new(
        contract: Name,
        requirement: Option<Requirement>,
        policy: &Policy,
        capability: Capability,
    ) -> Self {
        let policy = policy.clone();
        Self {
            contract,
            requirement,
            timeout: policy.timeout,
            skew_retries: policy.skew_retries,
            prefetch: policy.prefetch,
            token: policy.token,
            capability,
        }
    }

    /// What holds for clients.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            timeout: self.timeout,
            skew_retries: self.skew_retries,
            token: self.token.clone(),
            prefetch: self.prefetch,
        }
    }
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Support, Trust};

    #[test]
    fn as_a_document_it_has_everything_but_the_token() {
        let stock = Name::from_static("stock");
        let requirement = Requirement::parse_list(stock.clone(), "^2; ^1.2").unwrap();
        let policy = Policy {
            timeout: Duration::from_millis(1500),
            skew_retries: 3,
            token: Some(Token::new("a secret")),
            prefetch: 7,
        };
        let capability = Capability {
            trust: Trust::Untrusted,
            call: Support::Native,
            send: Support::Emulated,
            publish: Support::None,
            subscribe: Support::Emulated,
            discover: true,
            ordered_by_key: false,
            resume: true,
            durable: false,
            max_payload: 1 << 20,
        };
        let listed = Listed::new(stock, Some(requirement), &policy, capability.clone());
        assert!(!format!("{listed:?}").contains("a secret"));
        assert_eq!(listed.policy().token, policy.token);
        let json = serde_json::to_string(&listed).unwrap();
        assert!(!json.contains("secret"), "{json}");
        let read: Listed = serde_json::from_str(&json).unwrap();
        assert_eq!(read.contract, listed.contract);
        assert_eq!(read.requirement.unwrap().list_text(), "^2; ^1.2");
        assert_eq!(read.timeout, policy.timeout);
        assert_eq!((read.skew_retries, read.prefetch), (3, 7));
        assert_eq!(read.token, None);
        assert_eq!(read.capability, capability);
    }
}
