//! What the store says of endpoints, and what it is told.

use std::sync::Arc;

use polywire_core::{Error, Result};
use tokio::time::{Instant, sleep};

use super::Worker;
use super::backoff::Backoff;
use super::place::{Open, Writing};
use super::route::{Route, follows};
use super::settle::Pending;
use crate::deliver::Notice;
use crate::record::{Claim, State, Subscription, SubscriptionId};
use crate::schedule::{Endpoint, Standing};
use crate::store::{LeasedBatch, Store, Updated};

/// What the store has answered.
#[derive(Debug)]
pub(super) enum Told {
    Leased(Instant, Result<LeasedBatch>),
    Settled(Vec<Pending>, Result<Vec<bool>>),
    Extended(Instant, Vec<Claim>, Result<Vec<bool>>),
    /// A subscription, which was asked for when its endpoint had changed so many times.
    Read(SubscriptionId, u64, Option<Box<Subscription>>),
    Stood(SubscriptionId),
    Closed(SubscriptionId, Option<Notice>),
}

impl Worker {
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Leased(asked, batch) => self.leased(asked, batch),
            Told::Settled(batch, settled) => self.settled(batch, settled),
            Told::Extended(asked, claims, extended) => self.extended(asked, claims, extended),
            Told::Read(id, changes, found) => self.found(&id, changes, found),
            Told::Stood(id) => self.stood(&id),
            Told::Closed(id, notice) => self.closed(&id, notice),
        }
    }

    /// Gives an endpoint its turn, once its subscription has been read lately.
    pub(super) fn open(&mut self, id: &SubscriptionId) {
        let Some(place) = self.places.get(id) else {
            return;
        };
        // The store gives what somebody has resumed, or what was leased before it stopped.
        let stopped = place.stopped().is_some() && !place.closing;
        let fresh = place
            .read
            .is_some_and(|read| read.elapsed() < self.options.refresh);
        if !fresh || stopped {
            self.read(id);
        }
        self.places.enter(id);
    }

    /// Asks for a subscription.
    pub(super) fn read(&mut self, id: &SubscriptionId) {
        let Some(place) = self.places.get(id) else {
            return;
        };
        if std::mem::replace(&mut place.reading, true) {
            return;
        }
        let (store, id, changes) = (self.store.clone(), id.clone(), place.changes);
        let answer = async move {
            let mut backoff = Backoff::default();
            loop {
                match store.subscription(&id).await {
                    Ok(found) => return Told::Read(id, changes, found.map(Box::new)),
                    Err(error) => wait(&mut backoff, &error).await,
                }
            }
        };
        self.asked.push(Box::pin(answer));
    }

    fn found(&mut self, id: &SubscriptionId, changes: u64, found: Option<Box<Subscription>>) {
        let now = self.now();
        let Some(place) = self.places.get(id) else {
            return;
        };
        place.reading = false;
        let Some(subscription) = found else {
            // It was removed, and its deliveries with it.
            let gone = std::mem::take(&mut place.queue);
            let idle = place.is_idle();
            for leased in gone {
                self.hands.forget(leased.claim);
            }
            if idle {
                self.places.forget(id);
            }
            return;
        };
        place.read = Some(Instant::now());
        let (sender, signers) = (&self.sender, &*self.signers);
        let make = || {
            Arc::new(Route::new(
                &subscription,
                sender,
                signers,
                &self.options,
                now,
            ))
        };
        match &mut place.open {
            None => {
                let route = make();
                let limits = route.limits(&self.options);
                let endpoint = Endpoint::new(limits, subscription.standing);
                place.open = Some(Open { endpoint, route });
            }
            Some(open) => {
                if !open.route.is_of(&subscription, now) {
                    let route = make();
                    if route.sink != open.route.sink {
                        open.endpoint.resume();
                    }
                    open.endpoint.limit(route.limits(&self.options));
                    open.route = route;
                }
                // What this worker knows better is on its way to the store.
                let newest = place.changes == changes && place.standing == Writing::Clean;
                if newest && !place.closing {
                    open.endpoint.restore(subscription.standing);
                }
            }
        }
        self.places.enter(id);
    }

    /// Writes down how an endpoint stands.
    pub(super) fn stand(&mut self, id: &SubscriptionId) {
        let Some(place) = self.places.get(id) else {
            return;
        };
        let Some(open) = &place.open else {
            return;
        };
        if place.standing != Writing::Clean {
            place.standing = Writing::Again;
            return;
        }
        place.standing = Writing::Now;
        let standing = open.endpoint.standing().clone();
        let (store, id) = (self.store.clone(), id.clone());
        let answer = async move {
            let mut backoff = Backoff::default();
            while let Err(error) = merge(&*store, &id, &standing).await {
                wait(&mut backoff, &error).await;
            }
            Told::Stood(id)
        };
        self.asked.push(Box::pin(answer));
    }

    fn stood(&mut self, id: &SubscriptionId) {
        if let Some(place) = self.places.get(id) {
            let again = place.standing == Writing::Again;
            place.standing = Writing::Clean;
            if again {
                self.stand(id);
            }
        }
    }

    /// Sends nothing more, and sets the subscription into a state; whoever is to be told is told when that is durable.
    pub(super) fn close(&mut self, route: &Arc<Route>, to: State, notice: Notice) {
        let id = &route.id;
        let Some(place) = self.places.get(id) else {
            return;
        };
        if std::mem::replace(&mut place.closing, true) {
            return;
        }
        self.release(id, std::time::Duration::ZERO);
        let (store, route) = (self.store.clone(), Arc::clone(route));
        let answer = async move {
            let mut backoff = Backoff::default();
            loop {
                match close(&*store, &route, to).await {
                    Ok(told) => return Told::Closed(route.id.clone(), told.then_some(notice)),
                    Err(error) => wait(&mut backoff, &error).await,
                }
            }
        };
        self.asked.push(Box::pin(answer));
    }

    fn closed(&mut self, id: &SubscriptionId, notice: Option<Notice>) {
        if let Some(notice) = notice {
            self.tell(notice);
        }
        if let Some(place) = self.places.get(id) {
            place.closing = false;
            place.read = None;
        }
        self.places.enter(id);
        self.look(id);
    }

    /// Somebody says that it works again; the store has been told.
    pub(super) fn resume(&mut self, id: &SubscriptionId) {
        self.places.wait(id, None);
        if let Some(place) = self.places.get(id) {
            place.changes += 1;
            place.read = None;
            if let Some(open) = &mut place.open {
                open.endpoint.resume();
            }
        }
        self.places.enter(id);
        self.look(id);
        self.leasing.want = true;
    }
}

/// Writes down a standing, without undoing what another worker has written: that nothing is sent for a while, or at all.
async fn merge(store: &dyn Store, id: &SubscriptionId, ours: &Standing) -> Result<()> {
    let Some(Subscription { standing: kept, .. }) = store.subscription(id).await? else {
        return Ok(());
    };
    let merged = Standing {
        failing_since: ours.failing_since,
        held_until: ours.held_until.max(kept.held_until),
        stopped: ours.stopped.or(kept.stopped),
    };
    if merged != kept {
        store.stand(id, &merged).await?;
    }
    Ok(())
}

/// Sets a subscription into a state; `true` when this is news.
async fn close(store: &dyn Store, route: &Route, to: State) -> Result<bool> {
    loop {
        let Some(subscription) = store.subscription(&route.id).await? else {
            return Ok(false);
        };
        let Subscription {
            id,
            revision,
            mut terms,
            standing,
        } = subscription;
        if terms.sink != route.sink {
            // The endpoint that said so is nobody's any more.
            return Ok(false);
        }
        if let State::Disabled { why } = to {
            let stopped = Standing {
                stopped: Some(why),
                ..standing
            };
            store.stand(&id, &stopped).await?;
        }
        if !follows(terms.state, to) {
            return Ok(to != State::VersionMismatch);
        }
        terms.state = to;
        match store.update(&id, revision, terms).await? {
            Updated::Done(_) => return Ok(true),
            Updated::Absent => return Ok(false),
            Updated::Stale(_) => {}
        }
    }
}

async fn wait(backoff: &mut Backoff, error: &Error) {
    let what = "webhook subscriptions cannot be read or changed";
    sleep(backoff.failed(what, error)).await;
}
