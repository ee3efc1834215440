//! A queue: its name, and the record that a store keeps of it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use crate::record::{Float, KeepOrder, OnSunset, State, Subscription, SubscriptionId, Terms};
use crate::store::{Store, Updated};

/// Whose all queues are.
pub(super) const TENANT: &str = "inbox";
/// What stands before the name of a queue where a subscription has its endpoint.
const SINK: &str = "inbox:";
/// How often two processes may be in each other's way while one of them opens a queue.
const TRIES: usize = 8;

/// Names a queue in its store, such as `orders/shipped/billing/1`: 1 to [`QueueName::MAX`] bytes without control characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct QueueName(Arc<str>);

impl QueueName {
    /// The longest name, in bytes.
    pub const MAX: usize = 1024;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A short form that is the same in every process, for ids.
    pub(crate) fn digest(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Under which its record is kept: the same in every process.
    fn id(&self) -> Result<SubscriptionId> {
        format!("inbox_{}", self.digest())
            .parse()
            .map_err(|error| Error::new(ErrorKind::Internal, format!("queue {self}: {error}")))
    }
}

impl FromStr for QueueName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if (1..=Self::MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorKind::InvalidPayload,
            format!(
                "queue name of {} bytes: expected 1 to {} bytes without control characters",
                text.len(),
                Self::MAX
            ),
        ))
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a queue is for.
#[derive(Clone, Debug)]
pub struct QueueTerms {
    /// Whose messages it holds, as letters name it: a subscriber's group, or for commands the provider's own.
    pub group: Name,
    /// The contract, and the versions that its members take.
    pub requested: Requirement,
    /// The version that messages are expected in.
    pub version: Version,
    /// The events or commands that it is for, from 1 to [`Terms::MAX_EVENTS`].
    pub interactions: Vec<Name>,
}

impl QueueTerms {
    fn terms(&self, name: &QueueName, now: Timestamp) -> Terms {
        Terms {
            tenant: TENANT.into(),
            state: State::Active,
            requested: self.requested.clone(),
            version: self.version.clone(),
            float: Float::None,
            events: self.interactions.clone(),
            group: Some(self.group.clone()),
            sink: format!("{SINK}{name}"),
            keys: Vec::new(),
            rate: None,
            allowed: None,
            order: KeepOrder::ByKey,
            on_sunset: OnSunset::Pause,
            upgrade: None,
            proposed: None,
            since: None,
            created_at: now,
            lease_until: Timestamp::MAX,
        }
    }
}

/// A queue that is there. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Queue {
    name: QueueName,
    pub(super) id: SubscriptionId,
    group: Name,
}

impl Queue {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &QueueName {
        &self.name
    }

    /// Whose messages it holds, as letters name it.
    #[must_use]
    pub fn group(&self) -> &Name {
        &self.group
    }

    /// The queue of a record, if it is one.
    pub(super) fn of(record: &Subscription) -> Option<Self> {
        let name = record.terms.sink.strip_prefix(SINK)?;
        Some(Self {
            name: name.parse().ok()?,
            id: record.id.clone(),
            group: record.terms.group.clone()?,
        })
    }

    /// Makes its record, or brings it to these terms.
    pub(super) async fn open(
        store: &dyn Store,
        name: &QueueName,
        terms: &QueueTerms,
        now: Timestamp,
    ) -> Result<Self> {
        let queue = Self {
            name: name.clone(),
            id: name.id()?,
            group: terms.group.clone(),
        };
        let mut in_the_way = None;
        for _ in 0..TRIES {
            match store.subscription(&queue.id).await? {
                None => match store.create(&queue.id, terms.terms(name, now)).await {
                    Ok(_) => return Ok(queue),
                    // Another process was first, and what it made is read next.
                    Err(error) if error.kind() == ErrorKind::Integrity => in_the_way = Some(error),
                    Err(error) => return Err(error),
                },
                Some(found) if queue.update(store, &found, terms).await? => return Ok(queue),
                Some(_) => {}
            }
        }
        Err(in_the_way.unwrap_or_else(|| {
            let text = format!("queue {name} was changed by others {TRIES} times: try again");
            Error::new(ErrorKind::Unavailable, text)
        }))
    }

    /// `false` when somebody else was first.
    async fn update(
        &self,
        store: &dyn Store,
        found: &Subscription,
        terms: &QueueTerms,
    ) -> Result<bool> {
        let mut wanted = terms.terms(&self.name, found.terms.created_at);
        wanted.lease_until = found.terms.lease_until;
        if wanted.sink != found.terms.sink || wanted.contract() != found.terms.contract() {
            let text = format!(
                "queue {} of contract {:?} is kept as {:?} of contract {:?}: take another name",
                self.name,
                wanted.contract().as_str(),
                found.terms.sink,
                found.terms.contract().as_str()
            );
            return Err(Error::new(ErrorKind::Integrity, text));
        }
        if wanted == found.terms {
            return Ok(true);
        }
        let updated = store.update(&self.id, found.revision, wanted).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }
}
