//! The subscriptions that events are kept for, remembered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use polywire_core::contract::Name;
use polywire_core::{Head, Result};

use super::recent::Recent;
use super::render::{BATCH_BYTES, Rendering};
use super::snapshot::Snapshots;
use crate::record::{Subscription, SubscriptionId};
use crate::store::{MAX_BATCH, Store, Subscriptions};

pub(super) type Entries = Arc<BTreeMap<SubscriptionId, Arc<Subscription>>>;

/// Subscriptions by their contract, as this process knows them, and what it has published lately.
pub(in crate::server) struct Book {
    known: Mutex<Known>,
    snapshots: Mutex<Snapshots>,
    recent: Mutex<Recent>,
    /// One at a time reads all of them.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    contracts: HashMap<Name, Entries>,
    /// That of the store when they were read.
    generation: Option<u64>,
    /// Those that changed here since they began to be read.
    touched: HashSet<SubscriptionId>,
}

impl Book {
    pub(in crate::server) fn new(recent: usize, recent_bytes: usize) -> Self {
        Self {
            known: Mutex::default(),
            snapshots: Mutex::default(),
            recent: Mutex::new(Recent::new(recent, recent_bytes)),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Takes note of a change made here, such as the end of one.
    pub(in crate::server) fn put(&self, subscription: &Subscription) {
        let mut known = self.known.lock();
        known.touched.insert(subscription.id.clone());
        known.put(Arc::new(subscription.clone()));
    }

    /// Reads all of them again if any has changed.
    pub(in crate::server) async fn refresh(&self, store: &dyn Store) -> Result<()> {
        let _one = self.reading.lock().await;
        let generation = store.generation().await?;
        {
            let mut known = self.known.lock();
            if known.generation == Some(generation) {
                return Ok(());
            }
            known.touched.clear();
        }
        let mut read = Known::default();
        let mut ask = Subscriptions::default();
        loop {
            let page = store.subscriptions(&ask).await?;
            let more = page.len() == MAX_BATCH;
            ask.after = page.last().map(|last| last.id.clone());
            for subscription in page {
                read.put(Arc::new(subscription));
            }
            if !more {
                break;
            }
        }
        let mut known = self.known.lock();
        known.replace(read);
        known.generation = Some(generation);
        Ok(())
    }

    /// Who subscribes to the contract of a message, each as it was when the first copy of it came, if it was there.
    pub(super) fn of(&self, head: &Head) -> Vec<Arc<Subscription>> {
        let now = self.known.lock().contracts.get(&head.contract).cloned();
        let now = now.unwrap_or_default();
        let first = self.snapshots.lock().of(head, &now);
        let each = now
            .iter()
            .map(|(id, now)| first.get(id).unwrap_or(now).clone());
        each.collect()
    }

    pub(super) fn remember(&self, rendering: Arc<Rendering>) {
        self.recent.lock().push(rendering);
    }

    /// Keeps what was published lately for a subscription that asks for it.
    pub(in crate::server) async fn backfill(
        &self,
        store: &dyn Store,
        subscription: &Subscription,
        now: Timestamp,
    ) -> Result<()> {
        let Some(since) = subscription.terms.since.filter(|since| *since <= now) else {
            return Ok(());
        };
        let earlier = self.recent.lock().since(since);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for rendering in earlier {
            let Some(delivery) = rendering.delivery(subscription) else {
                continue;
            };
            batch.push(delivery);
            bytes += rendering.bytes();
            if batch.len() == MAX_BATCH || bytes >= BATCH_BYTES {
                store.enqueue(std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
        if !batch.is_empty() {
            store.enqueue(batch).await?;
        }
        Ok(())
    }
}

impl Known {
    fn put(&mut self, subscription: Arc<Subscription>) {
        let contract = subscription.terms.contract();
        if !subscription.terms.state.keeps() {
            self.remove(&contract.clone(), &subscription.id);
            return;
        }
        let entries = self.contracts.entry(contract.clone()).or_default();
        let newer = entries
            .get(&subscription.id)
            .is_none_or(|before| before.revision <= subscription.revision);
        if newer {
            Arc::make_mut(entries).insert(subscription.id.clone(), subscription);
        }
    }

    fn remove(&mut self, contract: &Name, id: &SubscriptionId) {
        if let Some(entries) = self.contracts.get_mut(contract)
            && entries.contains_key(id)
        {
            Arc::make_mut(entries).remove(id);
        }
    }

    /// Takes what was read, but for what changed here in the meantime.
    fn replace(&mut self, mut read: Self) {
        for id in &self.touched {
            for entries in read.contracts.values_mut() {
                if entries.contains_key(id) {
                    Arc::make_mut(entries).remove(id);
                }
            }
            for (contract, entries) in &self.contracts {
                if let Some(subscription) = entries.get(id) {
                    let entries = read.contracts.entry(contract.clone()).or_default();
                    Arc::make_mut(entries).insert(id.clone(), subscription.clone());
                }
            }
        }
        self.contracts = read.contracts;
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").finish_non_exhaustive()
    }
}
