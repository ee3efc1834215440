//! Which release serves each major right now, and what was agreed with whom.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use polywire_contract::{Name, Offer, Offered, Requirement, negotiate};
use polywire_core::{Error, ErrorKind, Outcome, Reply, Result, Stamp};
use quick_cache::sync::Cache;

use super::resident::Resident;

/// What is offered and who serves it. It never changes: a deployment makes another one.
pub(super) struct Roster {
    offer: Arc<Offer>,
    /// What is loaded of it.
    loaded: Offer,
    residents: BTreeMap<u64, Arc<Resident>>,
    decisions: Cache<(usize, Name), Arc<Route>>,
}

/// Where a message of one requirement and one interaction goes.
pub(super) struct Route {
    /// The version that was agreed.
    pub(super) stamp: Arc<Stamp>,
    /// Who serves it, if its release is loaded.
    pub(super) place: Option<Place>,
    /// Keeps the requirement alive, so that its address, the cache's key, stays its own.
    requirement: Requirement,
    noted: AtomicBool,
}

/// A method of a release that is loaded, by the places in its descriptor.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) resident: Arc<Resident>,
    pub(super) contract: usize,
    pub(super) method: usize,
}

/// How many decisions are remembered; the least used are forgotten first.
const DECISIONS: usize = 4096;

impl Roster {
    /// Of releases that are loaded, and of others whose offer is known and which would be loaded when they are wanted.
    pub(super) fn new(
        contract: &Name,
        instance: Option<&str>,
        residents: BTreeMap<u64, Arc<Resident>>,
        known: &BTreeMap<u64, Vec<Offered>>,
    ) -> Self {
        let loaded = residents.values().flat_map(|resident| resident.offered());
        let others = known
            .iter()
            .filter(|(major, _)| !residents.contains_key(major))
            .flat_map(|(_, offered)| offered);
        let loaded: Vec<Offered> = loaded.cloned().collect();
        let versions = loaded.iter().chain(others).cloned().collect();
        // Each part was valid, and each major stands in one of them.
        let offer = |versions| {
            let offer = Offer::new(contract.clone(), versions)
                .unwrap_or_else(|_| Offer::none(contract.clone()));
            match instance {
                Some(instance) => offer.with_instance(instance),
                None => offer,
            }
        };
        Self {
            offer: Arc::new(offer(versions)),
            loaded: offer(loaded),
            residents,
            decisions: Cache::new(DECISIONS),
        }
    }

    pub(super) fn offer(&self) -> &Arc<Offer> {
        &self.offer
    }

    pub(super) fn residents(&self) -> &BTreeMap<u64, Arc<Resident>> {
        &self.residents
    }

    /// Negotiates, once per requirement and interaction.
    ///
    /// # Errors
    /// `NoMatch`; `Integrity` when one version has two contracts.
    pub(super) fn route(
        &self,
        requirement: &Requirement,
        interaction: &Name,
    ) -> Result<Arc<Route>> {
        let key = (requirement.address(), interaction.clone());
        if let Some(route) = self.decisions.get(&key) {
            return Ok(route);
        }
        let route = Arc::new(self.decide(requirement, interaction, &self.offer)?);
        self.decisions.insert(key, route.clone());
        Ok(route)
    }

    /// Negotiates with what is loaded alone; `None` when nothing of that fits.
    pub(super) fn route_to_loaded(
        &self,
        requirement: &Requirement,
        interaction: &Name,
    ) -> Option<Arc<Route>> {
        let route = self.decide(requirement, interaction, &self.loaded).ok()?;
        route.place.is_some().then(|| Arc::new(route))
    }

    fn decide(&self, requirement: &Requirement, of: &Name, offer: &Offer) -> Result<Route> {
        let agreement = negotiate(&requirement.clone().using(of.clone()), offer)?;
        let Some(spoken) = self.offer.find(&agreement.version) else {
            let text = format!("agreed on {} which is not offered", agreement.version);
            return Err(Error::new(ErrorKind::Internal, text));
        };
        let place = self
            .residents
            .get(&agreement.version.major)
            .and_then(|resident| resident.place(&agreement.version, of));
        Ok(Route {
            stamp: Arc::new(Stamp::of(spoken, &self.offer)),
            place,
            requirement: requirement.clone(),
            noted: AtomicBool::new(false),
        })
    }
}

impl Route {
    /// The major whose release serves it.
    pub(super) fn major(&self) -> u64 {
        self.stamp.version.major
    }

    /// What its release answered, as the version that was agreed.
    pub(super) fn reply(&self, (outcome, body): (Outcome, Bytes)) -> Reply {
        Reply {
            stamp: self.stamp.clone(),
            outcome,
            body,
        }
    }

    /// Whether it was not noted before that somebody wants this.
    pub(super) fn note(&self) -> bool {
        !self.noted.load(Ordering::Relaxed) && !self.noted.swap(true, Ordering::Relaxed)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("requirement", &self.requirement)
            .field("version", &self.stamp.version)
            .field("loaded", &self.place.is_some())
            .finish()
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster")
            .field("offer", &self.offer)
            .field("residents", &self.residents)
            .finish_non_exhaustive()
    }
}
