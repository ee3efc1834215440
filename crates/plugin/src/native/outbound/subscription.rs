//! Events of other services to a plugin.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use polywire_contract::Name;
use polywire_core::{
    Deliveries, Delivery, Dispatched, Error, ErrorKind, Kind, Result, Subscription, Verdict,
};
use polywire_plugin_abi::raw;
use polywire_plugin_abi::read::CallView;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::request::{LONGEST, Request, request};
use super::{Outbound, ending};
use crate::native::contain::contain;

/// How many subscriptions one library may have.
const MOST: usize = 64;
/// The most events that may be unsettled in one of them.
const MAX_PREFETCH: usize = 10_000;
/// How long a verdict may take to be certain.
const SETTLING: Duration = Duration::from_secs(30);
/// How much later than it was asked for something may be answered, on a host that is busy.
const BUSY: Duration = Duration::from_secs(30);

/// The subscriptions of a library, by number.
#[derive(Default)]
pub(super) struct Subscriptions {
    joined: Mutex<HashMap<u64, Arc<Joined>>>,
    numbers: AtomicU64,
}

/// A plugin's membership in a group.
struct Joined {
    what: String,
    /// There while no thread waits for the next.
    deliveries: Mutex<Option<Deliveries>>,
    /// What it has and has not settled, also when it has left.
    held: Mutex<HashMap<u64, Delivery>>,
    numbers: AtomicU64,
    left: CancellationToken,
}

/// What came of waiting for an event.
pub(super) enum Next {
    /// An event, by its number.
    Event(u64, Box<polywire_core::Head>, bytes::Bytes),
    /// Nothing within the time.
    Nothing,
    /// Nothing will come any more.
    Ended,
}

impl Outbound {
    /// Joins a group. Answers the number of the subscription.
    pub(super) fn subscribe(&self, channel: &str, call: &CallView<'_>) -> Result<u64> {
        let request = request(&*self.outside.directory, channel, Kind::Event, call)?;
        let Request {
            message,
            deadline,
            what,
            prefetch,
            ..
        } = request;
        let head = *message.head;
        let Some(requirement) = head.requirement else {
            return Err(invalid("no version is required".to_owned()));
        };
        let subscription = Subscription {
            contract: head.contract,
            event: head.interaction,
            group: group(call)?,
            requirement,
            prefetch: stated_prefetch(call)?
                .unwrap_or(prefetch)
                .clamp(1, MAX_PREFETCH),
            token: head.token,
        };
        if self.subscriptions.joined.lock().len() >= MOST {
            return Err(too_many());
        }
        let opened = self.opened(channel);
        let deliveries = self.wait(call.id, deadline, &what, async move {
            opened.await?.subscribe(subscription).await
        })?;
        let number = self.subscriptions.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let joined = Joined {
            what,
            deliveries: Mutex::new(Some(deliveries)),
            held: Mutex::default(),
            numbers: AtomicU64::new(0),
            left: self.closing.child_token(),
        };
        let joined = Arc::new(joined);
        let mut all = self.subscriptions.joined.lock();
        let fits = all.len() < MOST;
        if fits {
            all.insert(number, joined.clone());
        }
        drop(all);
        if !fits {
            self.leave(&joined);
            return Err(too_many());
        }
        if self.closing.is_cancelled() {
            self.unsubscribe(number);
            return Err(ending());
        }
        Ok(number)
    }

    /// Waits for the next event of a subscription.
    pub(super) fn next(&self, subscription: u64, wait: Duration) -> Result<Next> {
        let Some(joined) = self.joined(subscription) else {
            return Ok(Next::Ended);
        };
        let Some(deliveries) = joined.deliveries.lock().take() else {
            if joined.left.is_cancelled() {
                return Ok(Next::Ended);
            }
            let text = format!("{}: a thread waits for its next event already", joined.what);
            return Err(invalid(text));
        };
        let left = joined.left.clone();
        let wait = wait.min(LONGEST);
        let deadline = Instant::now() + wait + BUSY;
        let waited = self.wait(0, deadline, &joined.what, async move {
            let mut deliveries = deliveries;
            let next = tokio::select! {
                biased;
                () = left.cancelled() => None,
                next = timeout(wait, deliveries.next()) => Some(next),
            };
            Ok((deliveries, next))
        });
        let (deliveries, next) = match waited {
            Ok(waited) => waited,
            Err(_) if joined.left.is_cancelled() => return Ok(Next::Ended),
            Err(error) => {
                self.unsubscribe(subscription);
                return Err(error);
            }
        };
        *joined.deliveries.lock() = Some(deliveries);
        let delivery = match next {
            Some(Ok(Some(delivery))) => delivery,
            Some(Err(_)) => return Ok(Next::Nothing),
            Some(Ok(None)) | None => return Ok(Next::Ended),
        };
        let number = joined.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let (head, body) = (Box::new(delivery.head.clone()), delivery.body.clone());
        joined.held.lock().insert(number, delivery);
        if joined.left.is_cancelled() {
            // It was left meanwhile, and nobody has heard of this one.
            self.leave(&joined);
            let unheard = joined.held.lock().remove(&number);
            self.drop_outside(unheard);
            return Ok(Next::Ended);
        }
        Ok(Next::Event(number, head, body))
    }

    /// Says what becomes of an event.
    pub(super) fn settle(
        &self,
        subscription: u64,
        delivery: u64,
        verdict: Option<Verdict>,
    ) -> Result<()> {
        let joined = self.joined(subscription);
        let held = joined
            .as_ref()
            .and_then(|joined| Some((joined, joined.held.lock().remove(&delivery)?)));
        if let Some((joined, _)) = &held
            && joined.left.is_cancelled()
            && joined.held.lock().is_empty()
        {
            self.subscriptions.joined.lock().remove(&subscription);
        }
        let Some((joined, held)) = held else {
            let text = format!(
                "subscription {subscription} has no event {delivery} that is unsettled; what it held when it ended is delivered \
                 again"
            );
            return Err(Error::new(ErrorKind::Closed, text).dispatched_as(Dispatched::No));
        };
        let Some(verdict) = verdict else {
            self.drop_outside(held);
            return Ok(());
        };
        self.wait(
            0,
            Instant::now() + SETTLING,
            &joined.what,
            held.settle(verdict),
        )
    }

    /// Leaves a group. What it holds may still be settled.
    pub(super) fn unsubscribe(&self, subscription: u64) {
        let Some(joined) = self.joined(subscription) else {
            return;
        };
        self.leave(&joined);
        if joined.held.lock().is_empty() {
            self.subscriptions.joined.lock().remove(&subscription);
        }
    }

    /// Leaves every group. What was held returns there.
    pub(super) fn unsubscribe_all(&self) {
        let all = std::mem::take(&mut *self.subscriptions.joined.lock());
        for joined in all.values() {
            self.leave(joined);
            let held = std::mem::take(&mut *joined.held.lock());
            self.drop_outside(held);
        }
    }

    fn leave(&self, joined: &Joined) {
        joined.left.cancel();
        let deliveries = joined.deliveries.lock().take();
        self.drop_outside(deliveries);
    }

    /// Drops what is a transport's, which may tell its far side by a task, and may fail at it.
    fn drop_outside<T>(&self, it: T) {
        let _inside = self.outside.runtime.enter();
        contain((), || {
            drop(it);
            Some(())
        });
    }

    fn joined(&self, subscription: u64) -> Option<Arc<Joined>> {
        self.subscriptions.joined.lock().get(&subscription).cloned()
    }
}

/// A verdict as a plugin writes it; `None` gives the event back.
pub(super) fn verdict(verdict: u32, after_ns: u64, reason: &str) -> Result<Option<Verdict>> {
    let reason = || reason.chars().take(1000).collect();
    Ok(Some(match verdict {
        raw::ACK => Verdict::Ack,
        raw::RETRY => Verdict::Retry {
            after: (after_ns != 0).then(|| Duration::from_nanos(after_ns)),
        },
        raw::REJECT => Verdict::Reject { reason: reason() },
        raw::PARK => Verdict::Park { reason: reason() },
        raw::RETURN => return Ok(None),
        other => {
            let text = format!(
                "verdict is {other}: expected {} to {}",
                raw::ACK,
                raw::RETURN
            );
            return Err(invalid(text));
        }
    }))
}

fn group(call: &CallView<'_>) -> Result<Option<Name>> {
    let Some(text) = call.headers.get("contract-group") else {
        return Ok(None);
    };
    let found = || text.chars().take(40).collect::<String>();
    let name = text
        .parse()
        .map_err(|error: polywire_contract::NameError| {
            invalid(format!("header contract-group is {:?}: {error}", found()))
        })?;
    Ok(Some(name))
}

fn stated_prefetch(call: &CallView<'_>) -> Result<Option<usize>> {
    let Some(text) = call.headers.get("contract-prefetch") else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        let found: String = text.chars().take(40).collect();
        invalid(format!(
            "header contract-prefetch is {found:?}: expected a number from 1 to {MAX_PREFETCH}"
        ))
    })
}

fn too_many() -> Error {
    let text = format!("the plugin has {MOST} subscriptions already: leave one");
    Error::new(ErrorKind::Overloaded, text)
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidPayload, text).dispatched_as(Dispatched::No)
}
