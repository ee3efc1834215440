//! A provider's service: the versions it serves, its bounds, and what it has agreed with whom.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polywire_contract::{Contract, Name, Offer, Requirement, Version, negotiate};
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};

use crate::auth::Authenticator;
use crate::channel::Subscription;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::message::{Head, Kind};
use crate::provider::Provider;
use crate::stamp::Stamp;
use crate::versions::{EventAdapter, ServedVersion, Versions};

/// The bounds within which a service takes work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request payload, in bytes.
    pub max_payload: usize,
    /// How many handlers may run at once; beyond it, `Overloaded`.
    pub max_in_flight: u32,
    /// The longest that a handler may run, whatever deadline its caller set.
    pub max_duration: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload: 2 * 1024 * 1024,
            max_in_flight: 1024,
            max_duration: Duration::from_secs(60),
        }
    }
}

/// The versions a provider serves, with everything that must be decided before a handler runs.
pub struct Service {
    pub(crate) offer: Arc<Offer>,
    pub(crate) limits: Limits,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    versions: Vec<ServedVersion>,
    adapters: Vec<EventAdapter>,
    kinds: HashMap<Name, Kind>,
    decisions: Cache<(usize, Name), Arc<Decision>>,
    stamps: Vec<Arc<Stamp>>,
    gate: Semaphore,
    draining: AtomicBool,
}

/// What was decided for one requirement and one interaction.
pub(crate) struct Decision {
    pub(crate) stamp: Arc<Stamp>,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) kind: Kind,
    pub(crate) idempotent: bool,
    /// Keeps the requirement alive, so that its address, the cache's key, stays its own.
    _requirement: Requirement,
}

impl Service {
    /// How many decisions are remembered; the least used are forgotten first.
    const DECISIONS: usize = 4096;

    /// A service of all given versions, which must be of one contract.
    ///
    /// # Errors
    /// `Config` when there is no version, when two have different names, when two are equal but for build metadata, or
    /// when the contract of one cannot be built.
    pub fn new(versions: impl Into<Versions>) -> Result<Self> {
        let Versions {
            served,
            adapters,
            wrong,
        } = versions.into();
        if let Some(first) = wrong.into_iter().next() {
            return Err(first);
        }
        let Some(first) = served.first() else {
            return Err(Error::new(
                ErrorKind::Config,
                "a service needs at least one contract version: add one with Versions::serve",
            ));
        };
        let name = first.contract.name().clone();
        if let Some(other) = served.iter().find(|other| *other.contract.name() != name) {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "one service serves one contract: found {:?} and {:?}; provide them as two channels",
                    name.as_str(),
                    other.contract.name().as_str()
                ),
            ));
        }
        let offered = served
            .iter()
            .map(|version| version.offered.clone())
            .collect();
        let offer = Offer::new(name, offered)
            .map_err(|error| Error::new(ErrorKind::Config, error.to_string()).caused_by(error))?;
        let mut kinds = HashMap::new();
        for version in &served {
            for interaction in version.contract.interactions() {
                kinds
                    .entry(interaction.name.clone())
                    .or_insert_with(|| Kind::from(interaction.kind));
            }
        }
        let limits = Limits::default();
        let gate = Semaphore::new(limits.max_in_flight as usize);
        let mut service = Self {
            offer: Arc::new(offer),
            limits,
            authenticator: None,
            versions: served,
            adapters,
            kinds,
            decisions: Cache::new(Self::DECISIONS),
            stamps: Vec::new(),
            gate,
            draining: AtomicBool::new(false),
        };
        service.restamp();
        Ok(service)
    }

    /// The same service within other bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.gate = Semaphore::new(limits.max_in_flight as usize);
        self.limits = limits;
        self
    }

    /// The same service behind an authenticator.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// The same service with a name for this instance, which refusals and stamps carry.
    #[must_use]
    pub fn with_instance(mut self, instance: &str) -> Self {
        self.offer = Arc::new(Offer::clone(&self.offer).with_instance(instance));
        self.restamp();
        self
    }

    fn restamp(&mut self) {
        let stamp = |version: &ServedVersion| Arc::new(Stamp::of(&version.offered, &self.offer));
        self.stamps = self.versions.iter().map(stamp).collect();
    }

    /// The contract's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.offer.contract()
    }

    /// Every version offered.
    #[must_use]
    pub fn offer(&self) -> &Arc<Offer> {
        &self.offer
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether callers must prove who they are.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticator.is_some()
    }

    /// The contract documents of all versions, for discovery.
    pub fn contracts(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.versions.iter().map(|version| &version.contract)
    }

    /// What kind of interaction a name is, in any version.
    #[must_use]
    pub fn kind(&self, interaction: &str) -> Option<Kind> {
        self.kinds.get(interaction).copied()
    }

    /// The stamp of a version served, for publishers.
    #[must_use]
    pub fn stamp(&self, version: &Version) -> Option<&Arc<Stamp>> {
        self.stamps.iter().find(|stamp| stamp.version == *version)
    }

    pub(crate) fn served(&self) -> impl Iterator<Item = (&ServedVersion, &Arc<Stamp>)> {
        self.versions.iter().zip(&self.stamps)
    }

    pub(crate) fn adapters(&self) -> &[EventAdapter] {
        &self.adapters
    }

    /// Negotiates, once per requirement and interaction.
    ///
    /// # Errors
    /// `NoMatch`, or `Integrity` when one version has two contracts.
    pub(crate) fn decide(
        &self,
        requirement: &Requirement,
        interaction: &Name,
    ) -> Result<Arc<Decision>> {
        let key = (requirement.address(), interaction.clone());
        if let Some(decision) = self.decisions.get(&key) {
            return Ok(decision);
        }
        let agreement = negotiate(&requirement.clone().using(interaction.clone()), &self.offer)?;
        let found = self
            .versions
            .iter()
            .zip(&self.stamps)
            .find(|(version, _)| version.offered.version == agreement.version);
        let Some((version, stamp)) = found else {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("agreed on {} which is not served", agreement.version),
            ));
        };
        let (Some(provider), Some(declared)) =
            (&version.provider, version.contract.find(interaction))
        else {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("agreed on {} which has no handler", agreement.version),
            ));
        };
        let decision = Arc::new(Decision {
            stamp: stamp.clone(),
            provider: provider.clone(),
            kind: Kind::from(declared.kind),
            idempotent: declared.idempotent,
            _requirement: requirement.clone(),
        });
        self.decisions.insert(key, decision.clone());
        Ok(decision)
    }

    /// Whether a requirement can be met for an interaction, without taking work.
    ///
    /// # Errors
    /// As [`admit`](Self::admit) decides on versions.
    pub fn check(&self, requirement: &Requirement, interaction: &Name) -> Result<Arc<Stamp>> {
        self.decide(requirement, interaction)
            .map(|decision| decision.stamp.clone())
    }

    /// Whether a subscription may be served: its subscriber is known, and some version offered fits and has the event.
    ///
    /// # Errors
    /// `Unavailable` while draining, `Unauthenticated`, `NoMatch`.
    pub fn admit_subscription(&self, subscription: &Subscription) -> Result<()> {
        self.refuse_while_draining()?;
        let Subscription {
            contract,
            event,
            requirement,
            token,
            ..
        } = subscription;
        let mut head = Head::new(Kind::Event, contract.clone(), event.clone());
        head.token.clone_from(token);
        self.authenticate(&head)?;
        negotiate(&requirement.clone().using(event.clone()), &self.offer)?;
        Ok(())
    }

    /// A place among those that may run at once.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>> {
        self.refuse_while_draining()?;
        self.gate.try_acquire().map_err(|error| match error {
            TryAcquireError::NoPermits => Error::new(
                ErrorKind::Overloaded,
                format!(
                    "contract {:?} runs {} handlers, its maximum: retry later",
                    self.name().as_str(),
                    self.limits.max_in_flight
                ),
            ),
            TryAcquireError::Closed => self.drain_refusal(),
        })
    }

    /// A place among those that may run at once, waiting for one: for queued work, which may still finish while draining.
    pub(crate) async fn wait_to_enter(&self) -> Result<SemaphorePermit<'_>> {
        self.gate.acquire().await.map_err(|_| self.drain_refusal())
    }

    /// Refuses once new work is refused.
    ///
    /// # Errors
    /// `Unavailable`, for the caller to try another replica.
    pub fn refuse_while_draining(&self) -> Result<()> {
        if self.is_draining() {
            Err(self.drain_refusal())
        } else {
            Ok(())
        }
    }

    /// What new work is refused with while draining: `Unavailable`, for the caller to try another replica.
    #[must_use]
    pub fn drain_refusal(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "contract {:?} is draining here: retry at another replica",
                self.name().as_str()
            ),
        )
        .retry_as(polywire_contract::Retry::OtherReplica)
        .dispatched_as(Dispatched::No)
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Refuses new work from now on; what was accepted may still run.
    pub fn refuse_new(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Refuses new work and waits until what runs has finished. Idempotent.
    pub async fn drain(&self) {
        self.refuse_new();
        // Holding every permit means that nobody else does; they are given back for queued commands.
        let _all = self.gate.acquire_many(self.limits.max_in_flight).await;
    }
}

impl From<polywire_contract::Kind> for Kind {
    fn from(kind: polywire_contract::Kind) -> Self {
        match kind {
            polywire_contract::Kind::Operation => Self::Operation,
            polywire_contract::Kind::Command => Self::Command,
            polywire_contract::Kind::Event => Self::Event,
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("offer", &self.offer)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
