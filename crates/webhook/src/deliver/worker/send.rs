//! From a worker's hands to the endpoint, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use tokio::task::{AbortHandle, Id, JoinError};
use tokio::time::Instant;

use super::attempt::{Attempted, attempt};
use super::hands::Stage;
use super::judge::{is_shadow, judge};
use super::route::Way;
use super::settle::Pending;
use super::{Phase, Worker};
use crate::clock::later;
use crate::deliver::{Notice, NoticeCode};
use crate::record::{Attempt, Claim, Settlement, State, SubscriptionId};
use crate::schedule::{Admit, Change, Meaning, Permit, Stop};

/// What has to wait for longer goes back, so that another worker may have it.
const KEEP: Duration = Duration::from_secs(5);
/// How long deliveries wait whose keys cannot be used now.
const KEYS: Duration = Duration::from_secs(10);

/// An attempt that is under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) claim: Claim,
    pub(super) subscription: SubscriptionId,
    pub(super) permit: Permit,
    pub(super) task: AbortHandle,
}

/// What an endpoint's turn came to.
enum Turn {
    /// Another one may follow.
    Again,
    /// Not before something happens.
    Over,
    /// What waits for it goes back for so long.
    Back(Duration),
}

impl Worker {
    /// Begins attempts, each endpoint in its turn, until there are enough.
    pub(super) fn serve(&mut self, now: Timestamp) {
        while self.running.len() < self.options.concurrency {
            let Some(id) = self.places.turn() else {
                return;
            };
            match self.turn(&id, now) {
                Turn::Again => self.places.enter(&id),
                Turn::Over => {}
                Turn::Back(after) => self.release(&id, after),
            }
            self.look(&id);
        }
    }

    fn turn(&mut self, id: &SubscriptionId, now: Timestamp) -> Turn {
        let old = self.options.refresh + Duration::from_secs(1);
        let Some(place) = self.places.get(id) else {
            return Turn::Over;
        };
        if place.reading || (place.wait.is_some() && self.phase == Phase::Working) {
            return Turn::Over;
        }
        if place.wait.is_some() || place.closing {
            return Turn::Back(Duration::ZERO);
        }
        if place.read.is_none_or(|read| read.elapsed() > old) {
            self.read(id);
            return Turn::Over;
        }
        let (Some(open), Some(first)) = (&mut place.open, place.queue.front()) else {
            return Turn::Over;
        };
        if !self.hands.is_good(first.claim, self.options.lease) {
            let claim = first.claim;
            place.queue.pop_front();
            self.give_back(claim, Duration::ZERO);
            return Turn::Again;
        }
        if matches!(open.route.way, Way::Later) {
            self.places.wait(id, Some(later(now, KEYS)));
            return Turn::Back(KEYS);
        }
        match open.endpoint.admit(now) {
            Admit::Go(permit) => {
                self.begin(id, permit);
                Turn::Again
            }
            Admit::Busy => Turn::Over,
            Admit::Stopped(_) => Turn::Back(Duration::ZERO),
            Admit::Wait(wait) => {
                self.places.wait(id, Some(later(now, wait)));
                if wait > KEEP || self.phase != Phase::Working {
                    Turn::Back(wait)
                } else {
                    Turn::Over
                }
            }
        }
    }

    fn begin(&mut self, id: &SubscriptionId, permit: Permit) {
        let Some(place) = self.places.get(id) else {
            return;
        };
        let (Some(open), Some(leased)) = (&place.open, place.queue.pop_front()) else {
            return;
        };
        place.used = Instant::now();
        let (claim, route) = (leased.claim, Arc::clone(&open.route));
        let (sender, clock) = (self.sender.clone(), self.options.clock.clone());
        let task = attempt(leased, route, sender, self.options.send, clock);
        let task = self.attempts.spawn(task);
        self.hands.stage(claim, Stage::Running(task.id()));
        let running = Running {
            claim,
            subscription: id.clone(),
            permit,
            task: task.clone(),
        };
        self.running.insert(task.id(), running);
    }

    /// Gives back what waits for an endpoint; no attempt is counted.
    pub(super) fn release(&mut self, id: &SubscriptionId, after: Duration) {
        let Some(place) = self.places.get(id) else {
            return;
        };
        for leased in std::mem::take(&mut place.queue) {
            self.give_back(leased.claim, after);
        }
        self.look(id);
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, ended: Result<(Id, Attempted), JoinError>) {
        self.progress();
        let (id, attempted) = match ended {
            Ok((id, attempted)) => (id, Ok(attempted)),
            Err(error) => (error.id(), Err(error)),
        };
        // One whose claim was lost is known no more.
        let Some(running) = self.running.remove(&id) else {
            return;
        };
        match attempted {
            Ok(attempted) => self.attempted(running, &attempted),
            Err(error) => {
                tracing::error!(%error, delivery = %running.claim.id, "an attempt to deliver a webhook broke off");
                self.abandon(&running.subscription, running.permit);
                self.give_back(running.claim, self.options.lease);
            }
        }
    }

    /// Gives a permit back whose attempt says nothing of the endpoint.
    pub(super) fn abandon(&mut self, id: &SubscriptionId, permit: Permit) {
        let now = self.now();
        if let Some(open) = self.places.get(id).and_then(|place| place.open.as_mut()) {
            open.endpoint.abandon(permit, now);
        }
        self.places.enter(id);
    }

    fn attempted(&mut self, running: Running, attempted: &Attempted) {
        let now = self.now();
        let delivery = &attempted.leased.delivery;
        let random = rand::rng().random_range(0.0..=1.0);
        let verdict = judge(&attempted.answer, delivery, &self.options.retries, random);
        let mut notice = None;
        if verdict.exhausted {
            notice = Some(self.notice(attempted, NoticeCode::Exhausted));
        }
        if is_shadow(delivery) {
            self.abandon(&running.subscription, running.permit);
        } else {
            if attempted.answer.meaning() == Meaning::VersionMismatch {
                let told = self.notice(attempted, NoticeCode::VersionMismatch);
                if delivery.version == attempted.route.version {
                    self.close(&attempted.route, State::VersionMismatch, told);
                } else {
                    // A rendering from before an upgrade: what is rendered now may well be understood.
                    notice = Some(told);
                }
            }
            self.judge_endpoint(running.permit, attempted, now);
        }
        let settlement = Settlement {
            claim: running.claim,
            fate: verdict.fate,
            attempt: Some(Attempt {
                at: attempted.at,
                took: attempted.took,
                outcome: attempted.answer.to_string(),
            }),
        };
        self.hands.stage(running.claim, Stage::Settling);
        self.settling.push(Pending { settlement, notice });
        self.places.enter(&running.subscription);
        self.look(&running.subscription);
    }

    fn judge_endpoint(&mut self, permit: Permit, attempted: &Attempted, now: Timestamp) {
        let id = &attempted.route.id;
        let Some(place) = self.places.get(id) else {
            return;
        };
        let Some(open) = &mut place.open else {
            return;
        };
        let settled = open.endpoint.settle(permit, &attempted.answer, now);
        if settled.durable {
            place.changes += 1;
        }
        match settled.change {
            Some(Change::Stopped(why)) => {
                let code = match why {
                    Stop::Gone => NoticeCode::Gone,
                    Stop::Failing => NoticeCode::Disabled,
                };
                let told = self.notice(attempted, code);
                self.close(&attempted.route, State::Disabled { why }, told);
                return;
            }
            Some(Change::Opened) => self.tell(self.notice(attempted, NoticeCode::Failing)),
            Some(Change::Recovered) => self.tell(self.notice(attempted, NoticeCode::Recovered)),
            None => {}
        }
        if settled.durable {
            self.stand(id);
        }
    }

    fn notice(&self, attempted: &Attempted, code: NoticeCode) -> Notice {
        let (route, delivery) = (&attempted.route, &attempted.leased.delivery);
        let of_one = matches!(code, NoticeCode::Exhausted | NoticeCode::VersionMismatch);
        Notice {
            code,
            subscription: route.id.clone(),
            tenant: route.tenant.clone(),
            contract: route.contract.clone(),
            delivery: of_one.then_some(delivery.id),
            message_id: of_one.then(|| delivery.message_id.clone()),
            reason: attempted.answer.to_string(),
            at: self.now(),
        }
    }

    pub(super) fn tell(&self, notice: Notice) {
        self.notices.notice(notice);
    }
}
