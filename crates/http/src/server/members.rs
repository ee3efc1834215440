//! Members of groups and the deliveries in their hands.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::{Caller, Delivery};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::wire::{Failed, Settlement, Settlements};

/// The members of all groups, by their ids.
#[derive(Debug, Default)]
pub(super) struct Members(Mutex<HashMap<String, Arc<Hands>>>);

/// What one member holds.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) member: String,
    path: String,
    subject: Option<String>,
    held: Mutex<HashMap<u64, Delivery>>,
    next: AtomicU64,
    seen: Mutex<Instant>,
    pub(super) leaving: AtomicBool,
    /// Something was settled, or the member wants to leave.
    pub(super) changed: Notify,
}

/// A member among the others: forgotten when dropped, and what it holds returns.
#[derive(Debug)]
pub(super) struct Joined {
    members: Arc<Members>,
    pub(super) hands: Arc<Hands>,
}

impl Members {
    /// A new member of a path, which only its subscriber may settle for.
    pub(super) fn join(self: &Arc<Self>, path: &str, caller: &Caller) -> Joined {
        // The id is what a settlement is believed by, so nobody must be able to guess it.
        let member = polywire_core::MessageId::random().to_string();
        let hands = Arc::new(Hands {
            member: member.clone(),
            path: path.to_owned(),
            subject: caller.subject().map(str::to_owned),
            held: Mutex::default(),
            next: AtomicU64::new(1),
            seen: Mutex::new(Instant::now()),
            leaving: AtomicBool::new(false),
            changed: Notify::new(),
        });
        self.0.lock().insert(member, hands.clone());
        Joined {
            members: self.clone(),
            hands,
        }
    }

    /// The hands that settlements are about; `None` when the member is gone, or somebody else's.
    pub(super) fn find(&self, member: &str, path: &str, caller: &Caller) -> Option<Arc<Hands>> {
        let hands = self.0.lock().get(member).cloned()?;
        (hands.path == path && hands.subject.as_deref() == caller.subject()).then_some(hands)
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.members.0.lock().remove(&self.hands.member);
        // Outside of its lock, because a delivery that returns wakes other members.
        let held = std::mem::take(&mut *self.hands.held.lock());
        drop(held);
    }
}

impl Hands {
    /// Keeps a delivery until it is settled.
    pub(super) fn hold(&self, delivery: Delivery) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.held.lock().insert(id, delivery);
        id
    }

    /// Lets go of a delivery that did not go out.
    pub(super) fn take(&self, id: u64) -> Option<Delivery> {
        self.held.lock().remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.lock().is_empty()
    }

    /// Whether the member holds something and has not been heard of for so long.
    pub(super) fn is_lost(&self, after: Duration) -> bool {
        !self.is_empty() && self.seen.lock().elapsed() > after
    }

    /// Carries out what a member decided.
    pub(super) async fn settle(&self, request: &Settlements) -> Vec<Failed> {
        *self.seen.lock() = Instant::now();
        let mut failed = Vec::new();
        for settlement in &request.settlements {
            if let Err(reason) = self.settle_one(settlement).await {
                failed.push(Failed {
                    delivery: settlement.delivery.clone(),
                    reason,
                });
            }
        }
        if request.leave {
            self.leaving.store(true, Ordering::Release);
        }
        // Only the member's own stream waits for it.
        self.changed.notify_one();
        failed
    }

    async fn settle_one(&self, settlement: &Settlement) -> Result<(), String> {
        let delivery = settlement
            .delivery
            .parse()
            .ok()
            .and_then(|id| self.take(id));
        let Some(delivery) = delivery else {
            return Err(
                "not in this member's hands: it was settled, or returned to the group".to_owned(),
            );
        };
        match settlement.verdict() {
            // Dropped unsettled, it returns.
            None => Ok(()),
            Some(verdict) => delivery
                .settle(verdict)
                .await
                .map_err(|error| error.to_string()),
        }
    }
}
