//! Where the ends of memory channels meet.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use polywire_contract::Name;
use tokio_util::sync::CancellationToken;

use crate::exchange::{Bounds, Exchange, Overflow};
use crate::service::Service;

/// Ordered, as a handful of names is found faster so than by their hashes.
type Replicas = BTreeMap<Name, Vec<Arc<Replica>>>;

/// A service of one end.
pub(super) struct Replica {
    end: u64,
    pub(super) service: Arc<Service>,
    /// Cancelled when the end is closed.
    pub(super) closing: CancellationToken,
}

/// The meeting point of memory channels: the services of this process, and the exchange of their events and commands.
pub struct Hub {
    pub(super) exchange: Exchange,
    services: ArcSwap<Replicas>,
    turn: AtomicUsize,
    ids: AtomicU64,
}

static HUBS: LazyLock<Mutex<HashMap<String, Weak<Hub>>>> = LazyLock::new(Mutex::default);

impl Hub {
    /// A hub of its own, that no configuration can name.
    #[must_use]
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            exchange: Exchange::new(bounds, Overflow::Wait),
            services: ArcSwap::default(),
            turn: AtomicUsize::new(0),
            ids: AtomicU64::new(0),
        })
    }

    /// The hub of a name in this process, shared by all who ask for it while anyone holds it. The first one's bounds hold.
    #[must_use]
    pub fn named(name: &str, bounds: Bounds) -> Arc<Self> {
        let mut hubs = HUBS.lock();
        if let Some(hub) = hubs.get(name).and_then(Weak::upgrade) {
            return hub;
        }
        hubs.retain(|_, hub| hub.strong_count() > 0);
        let hub = Self::new(bounds);
        hubs.insert(name.to_owned(), Arc::downgrade(&hub));
        hub
    }

    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a replica of a contract, or replaces the one of the same end.
    pub(super) fn add(&self, end: u64, service: &Arc<Service>, closing: &CancellationToken) {
        let replica = Arc::new(Replica {
            end,
            service: service.clone(),
            closing: closing.clone(),
        });
        self.services.rcu(|replicas| {
            let mut replicas = Replicas::clone(replicas);
            let own = replicas.entry(service.name().clone()).or_default();
            own.retain(|other| other.end != end);
            own.push(replica.clone());
            replicas
        });
    }

    pub(super) fn remove(&self, end: u64) {
        self.services.rcu(|replicas| {
            let mut replicas = Replicas::clone(replicas);
            for own in replicas.values_mut() {
                own.retain(|other| other.end != end);
            }
            replicas.retain(|_, own| !own.is_empty());
            replicas
        });
    }

    /// A replica of a contract: each in turn, as behind a load balancer.
    pub(super) fn replica(&self, contract: &Name) -> Option<Arc<Replica>> {
        let services = self.services.load();
        match services.get(contract)?.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                Some(several[turn % several.len()].clone())
            }
        }
    }

    pub(super) fn replicas(&self, contract: &Name) -> Vec<Arc<Service>> {
        let services = self.services.load();
        services
            .get(contract)
            .into_iter()
            .flatten()
            .map(|replica| replica.service.clone())
            .collect()
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("contracts", &self.services.load().keys())
            .finish_non_exhaustive()
    }
}
