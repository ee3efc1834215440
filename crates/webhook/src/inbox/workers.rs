//! Accepted commands, run by a service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use polywire_core::{ErrorKind, Result, Service, Verdict};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arrived::{self, Message};
use super::fate::Outcome;
use super::held::Opened;
use super::member::Member;
use super::{Inbox, Queue};
use crate::clock::until;
use crate::record::DeliveryState;
use crate::store::Page;

/// How long a command that nobody here can run waits at least and at most before the next look: as long as it has waited.
const UNSERVED: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Runs the accepted commands of a queue for one service. Dropping it takes nothing more.
pub struct Workers {
    inbox: Inbox,
    queue: Queue,
    service: Arc<Service>,
    stop: CancellationToken,
    running: TaskTracker,
    taking: Option<JoinHandle<()>>,
}

impl Workers {
    pub(super) fn start(inbox: Inbox, queue: &Queue, service: Arc<Service>) -> Result<Self> {
        let (stop, running) = (CancellationToken::new(), TaskTracker::new());
        let at_once = inbox.shared().bounds.command_workers;
        let seat = inbox.shared().join(queue, at_once, true)?;
        let member = Member::new(inbox.clone(), seat);
        let taking = take(member, service.clone(), stop.clone(), running.clone());
        Ok(Self {
            inbox,
            queue: queue.clone(),
            service,
            stop,
            running,
            taking: Some(tokio::spawn(taking)),
        })
    }

    /// Waits until every accepted command that the service can run was run or set aside, then stops. What other processes
    /// have in their hands is theirs.
    ///
    /// # Behavior
    /// Waits also for commands that wait for a retry: bounded by whoever calls it, who then calls [`stop`](Self::stop), or
    /// leaves them to whoever opens the queue next.
    pub async fn finish(&mut self) {
        let shared = self.inbox.shared().clone();
        loop {
            let mut settled = std::pin::pin!(shared.settled.notified());
            // Registered before the look, so that what is settled in between is not missed.
            settled.as_mut().enable();
            if shared.ended.is_cancelled() || self.is_finished().await {
                break;
            }
            tokio::select! {
                () = shared.ended.cancelled() => break,
                _ = timeout(shared.options.poll, settled) => {}
            }
        }
        self.stop().await;
    }

    /// Takes nothing more and waits for the commands that run.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(taking) = self.taking.take() {
            // It ends by itself at the next look; a panic in it is logged by the runtime.
            let _ = taking.await;
        }
        self.running.close();
        self.running.wait().await;
    }

    /// Whether nothing is in our hands, and nothing waits that we could run.
    async fn is_finished(&self) -> bool {
        let Some(before) = self.idle() else {
            return false;
        };
        match self.finds_something().await {
            // What was leased or settled meanwhile may wait again.
            Ok(found) => !found && self.idle() == Some(before),
            // There is nothing that could be run any more.
            Err(error) if error.kind() == ErrorKind::Closed => true,
            Err(error) => {
                tracing::warn!(%error, "it cannot be seen whether commands wait");
                false
            }
        }
    }

    /// The count of changes, while nothing of the queue is in the hands of this process.
    fn idle(&self) -> Option<u64> {
        let state = self.inbox.shared().state.lock();
        let taken = state.lines.get(&self.queue.id).map_or(0, |line| line.taken);
        (taken == 0 && !state.leasing).then_some(state.changes)
    }

    /// Whether a command waits that the service can run. One that waits for another of its key is as good as that one.
    async fn finds_something(&self) -> Result<bool> {
        let shared = self.inbox.shared();
        let mut page = Page {
            subscription: self.queue.id.clone(),
            state: Some(DeliveryState::Ready),
            after: 0,
            limit: Page::MAX,
        };
        loop {
            let found = shared.store.deliveries(&page).await?;
            let Some(last) = found.last() else {
                return Ok(false);
            };
            page.after = last.sequence;
            for mut delivery in found {
                // What cannot be read is set aside by whoever takes it.
                let runs = arrived::read(&*shared.reader, &mut delivery)
                    .map_or(true, |message| runs(&self.service, &message));
                if runs {
                    return Ok(true);
                }
            }
        }
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("contract", self.service.name())
            .field("queue", self.queue.name())
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Whether a service has a version for a command. One without a requirement is refused by admission, which says why.
fn runs(service: &Service, message: &Message) -> bool {
    let requirement = message.head.requirement.as_ref();
    requirement.is_none_or(|required| service.check(required, &message.head.interaction).is_ok())
}

async fn take(
    mut member: Member,
    service: Arc<Service>,
    stop: CancellationToken,
    running: TaskTracker,
) {
    loop {
        let opened = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            opened = member.opened() => opened,
        };
        let Some(mut opened) = opened else { return };
        if runs(&service, &opened.message) {
            running.spawn(run(opened, service.clone()));
        } else {
            let now = member.now();
            opened
                .held
                .tell(Outcome::Later(unserved(opened.arrived_at, now)));
        }
    }
}

/// How long a command waits that nobody here can run: another replica may, or the next deployment.
fn unserved(arrived_at: Timestamp, now: Timestamp) -> Duration {
    let (least, most) = UNSERVED;
    until(now, arrived_at).clamp(least, most)
}

async fn run(opened: Opened, service: Arc<Service>) {
    let Opened {
        message: Message { head, body, caller },
        mut held,
        ..
    } = opened;
    let id = head.id.clone();
    let result = match service.admit_accepted(head, caller) {
        Ok(admission) => admission.dispatch_accepted(body).await,
        Err(error) => Err(error),
    };
    if let Err(error) = held.ask(Verdict::of_command(result)).await {
        tracing::error!(%id, %error, "command could not be settled; it will run again");
    }
}
