//! What a consumer keeps of its subscription at the provider: in the same store as what arrives, so that every process of the
//! group and every start of it goes on with the same one.

use std::sync::Arc;

use jiff::Timestamp;
use polywire_core::contract::{Name, Requirement};
use polywire_core::{Error, ErrorKind, Result};

use crate::clock::until;
use crate::inbox::QueueName;
use crate::record::{Float, KeyRecord, Subscription, SubscriptionId, Terms};
use crate::seal::Keyring;
use crate::signature::{Algorithm, Verifier, VerifyingKey};
use crate::store::{MAX_BATCH, Store, Subscriptions, Updated};
use crate::wire::{Document, KeyDocument};

/// Whose records these are; the provider's id follows once there is one.
const TENANT: &str = "registration";
/// For how long somebody who claimed a registration and did not come back is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// What is subscribed to.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) name: QueueName,
    pub(super) requirement: Requirement,
    pub(super) event: Name,
    pub(super) group: Option<Name>,
}

/// Reads and writes the record of one registration.
pub(super) struct Registrations {
    pub(super) store: Arc<dyn Store>,
    pub(super) keyring: Keyring,
}

/// A registration, as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Registration(Subscription);

/// Who has it.
pub(super) enum Claimed {
    /// It is there.
    There(Registration),
    /// This process makes it now.
    Ours(Registration),
    /// Another one does.
    Theirs,
}

impl Registration {
    /// What names it at the provider.
    pub(super) fn id(&self) -> Option<&str> {
        let id = self.0.terms.tenant.strip_prefix(TENANT)?;
        id.strip_prefix('/')
    }

    /// The hook that the provider delivers to; empty when whoever had it has gone.
    pub(super) fn sink(&self) -> &str {
        self.0
            .terms
            .sink
            .strip_prefix(NOWHERE)
            .unwrap_or(&self.0.terms.sink)
    }

    /// What was subscribed to; `None` for somebody who was alone, whose subscription ended with it.
    pub(super) fn asked(&self) -> Result<Option<Asked>> {
        let terms = &self.0.terms;
        let (Some(group), [event]) = (&terms.group, &terms.events[..]) else {
            return Ok(None);
        };
        let name = super::name(&polywire_core::Subscription {
            contract: terms.contract().clone(),
            event: event.clone(),
            group: Some(group.clone()),
            requirement: terms.requested.clone(),
            prefetch: 1,
            token: None,
        })?;
        let asked = Asked {
            requirement: terms.requested.clone(),
            event: event.clone(),
            group: Some(group.clone()),
            name,
        };
        // One whose name is made in another way is not for us.
        let own = Registrations::id(&asked.name)? == self.0.id;
        Ok(own.then_some(asked))
    }

    /// The names of the keys that are known.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.terms.keys.iter().map(|key| key.id.as_str())
    }

    pub(super) fn lease_until(&self) -> Timestamp {
        self.0.terms.lease_until
    }
}

/// The sink of a registration whose hook has gone: a sink has at least one byte.
const NOWHERE: &str = "-";

impl Registrations {
    fn id(name: &QueueName) -> Result<SubscriptionId> {
        hook_id(name).parse().map_err(|error| {
            Error::new(ErrorKind::Internal, format!("registration {name}: {error}"))
        })
    }

    /// The registration, or the right to make it.
    pub(super) async fn claim(&self, asked: &Asked, now: Timestamp) -> Result<Claimed> {
        let id = Self::id(&asked.name)?;
        let claim = claim(asked, now);
        let Some(found) = self.store.subscription(&id).await? else {
            return match self.store.create(&id, claim).await {
                Ok(made) => Ok(Claimed::Ours(Registration(made))),
                // Another process was first.
                Err(error) if error.kind() == ErrorKind::Integrity => Ok(Claimed::Theirs),
                Err(error) => Err(error),
            };
        };
        let found = Registration(found);
        if found.id().is_some() {
            return Ok(Claimed::There(found));
        }
        if until(now, found.0.terms.created_at) < PATIENCE {
            return Ok(Claimed::Theirs);
        }
        match self.store.update(&id, found.0.revision, claim).await? {
            Updated::Done(made) => Ok(Claimed::Ours(Registration(*made))),
            Updated::Stale(_) | Updated::Absent => Ok(Claimed::Theirs),
        }
    }

    /// Writes down what the provider answered; `false` when somebody else was faster.
    pub(super) async fn made(
        &self,
        claimed: &Registration,
        made: &Document,
    ) -> Result<Option<Registration>> {
        let mut terms = claimed.0.terms.clone();
        terms.tenant = format!("{TENANT}/{}", made.id);
        terms.version = made.version.clone();
        terms.sink.clone_from(&made.sink);
        terms.lease_until = made.lease_expires_at;
        terms.keys = self.sealed(claimed, &made.keys)?;
        self.write(claimed, terms).await
    }

    /// Adds keys that were made since, and forgets those that the provider has.
    pub(super) async fn rotated(
        &self,
        of: &Registration,
        keys: &[KeyDocument],
    ) -> Result<Option<Registration>> {
        let mut terms = of.0.terms.clone();
        let known: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
        terms.keys.retain(|key| known.contains(&key.id.as_str()));
        let new: Vec<KeyDocument> = keys
            .iter()
            .filter(|key| terms.keys.iter().all(|have| have.id != key.kid))
            .cloned()
            .collect();
        let mut sealed = self.sealed(of, &new)?;
        sealed.append(&mut terms.keys);
        terms.keys = sealed;
        self.write(of, terms).await
    }

    /// Writes down a lease or a sink.
    pub(super) async fn change(
        &self,
        of: &Registration,
        sink: Option<&str>,
        lease_until: Option<Timestamp>,
    ) -> Result<Option<Registration>> {
        let mut terms = of.0.terms.clone();
        if let Some(sink) = sink {
            terms.sink = if sink.is_empty() { NOWHERE } else { sink }.to_owned();
        }
        terms.lease_until = lease_until.unwrap_or(terms.lease_until);
        self.write(of, terms).await
    }

    async fn write(&self, of: &Registration, terms: Terms) -> Result<Option<Registration>> {
        match self.store.update(&of.0.id, of.0.revision, terms).await? {
            Updated::Done(made) => Ok(Some(Registration(*made))),
            Updated::Stale(_) | Updated::Absent => Ok(None),
        }
    }

    /// Those that a provider has accepted.
    pub(super) async fn all(&self) -> Result<Vec<Registration>> {
        let mut ask = Subscriptions::default();
        let mut all = Vec::new();
        loop {
            let page = self.store.subscriptions(&ask).await?;
            let more = page.len() == MAX_BATCH;
            ask.after = page.last().map(|last| last.id.clone());
            let found = page.into_iter().map(Registration);
            all.extend(found.filter(|found| found.id().is_some()));
            if !more {
                return Ok(all);
            }
        }
    }

    /// As it is now.
    pub(super) async fn read(&self, name: &QueueName) -> Result<Option<Registration>> {
        Ok(self
            .store
            .subscription(&Self::id(name)?)
            .await?
            .map(Registration))
    }

    /// Forgets a registration.
    pub(super) async fn forget(&self, name: &QueueName) -> Result<()> {
        self.store.remove(&Self::id(name)?).await.map(drop)
    }

    /// What deliveries are verified by.
    pub(super) fn verifier(&self, of: &Registration) -> Result<Verifier> {
        let key = |record: &KeyRecord| -> Result<VerifyingKey> {
            match &record.public {
                Some(public) => public.parse().map_err(|error| {
                    Error::new(ErrorKind::Integrity, format!("key {}: {error}", record.id))
                }),
                None => Ok(self.keyring.key(&of.0.id, record)?.verifying()),
            }
        };
        let keys: Vec<VerifyingKey> = of.0.terms.keys.iter().map(key).collect::<Result<_>>()?;
        Verifier::new(keys)
    }

    /// The keys of which the provider has said what they are.
    fn sealed(&self, of: &Registration, keys: &[KeyDocument]) -> Result<Vec<KeyRecord>> {
        let mut sealed = Vec::new();
        for key in keys {
            let algorithm = [Algorithm::HmacSha256, Algorithm::Ed25519]
                .into_iter()
                .find(|algorithm| algorithm.version() == key.algorithm);
            let text = key.secret.as_deref().or(key.public.as_deref());
            if let (Some(algorithm), Some(text)) = (algorithm, text) {
                sealed.push(KeyRecord {
                    id: key.kid.clone(),
                    algorithm,
                    sealed: self.keyring.seal(&of.0.id, &key.kid, text.as_bytes())?,
                    public: key.public.clone(),
                    created_at: key.created_at,
                    retires_at: key.retires_at,
                });
            }
        }
        Ok(sealed)
    }
}

/// The hook of a group: the same in every process of it and at every start.
pub(super) fn hook_id(name: &QueueName) -> String {
    format!("group_{}", name.digest())
}

fn claim(asked: &Asked, now: Timestamp) -> Terms {
    let requested = asked.requirement.clone();
    Terms {
        float: Float::Minor,
        events: vec![asked.event.clone()],
        group: asked.group.clone(),
        ..Terms::local(TENANT.to_owned(), requested, NOWHERE.to_owned(), now)
    }
}
