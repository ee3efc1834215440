//! The task that everything comes to.

mod attempt;
mod backoff;
mod beat;
mod endpoints;
mod hands;
mod judge;
mod lease;
mod place;
mod places;
mod request;
mod route;
mod send;
mod settle;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::{DeliverOptions, Notices, Sender, Signers};
use crate::clock::until;
use crate::record::SubscriptionId;
use crate::store::{Store, Wakes};
use attempt::Attempted;
pub(crate) use attempt::probe;
use beat::Beating;
use endpoints::Told;
use hands::Hands;
use lease::Leasing;
use places::Places;
use send::Running;
use settle::Settling;

/// What a worker is told to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Finish what is in its hands, and end.
    Drain,
    /// Finish what has begun, and end.
    Stop,
    /// Begin anew with an endpoint.
    Resume(SubscriptionId),
}

/// How far it is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Working,
    Draining,
    Stopping,
}

/// Everything that is known of endpoints and of deliveries in this worker's hands.
pub(super) struct Worker {
    store: Arc<dyn Store>,
    sender: Sender,
    signers: Arc<dyn Signers>,
    notices: Arc<dyn Notices>,
    options: DeliverOptions,
    commands: mpsc::Receiver<Command>,
    wakes: Wakes,
    phase: Phase,
    /// When it ends, whatever is left.
    ends: Option<Instant>,
    places: Places,
    hands: Hands,
    attempts: JoinSet<Attempted>,
    running: HashMap<Id, Running>,
    /// What the store was asked.
    asked: FuturesUnordered<BoxFuture<'static, Told>>,
    leasing: Leasing,
    settling: Settling,
    beating: Beating,
}

impl Worker {
    pub(super) fn new(
        store: Arc<dyn Store>,
        sender: Sender,
        signers: Arc<dyn Signers>,
        notices: Arc<dyn Notices>,
        options: DeliverOptions,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            wakes: store.wakes(),
            store,
            sender,
            signers,
            notices,
            commands,
            phase: Phase::Working,
            ends: None,
            places: Places::default(),
            hands: Hands::default(),
            attempts: JoinSet::new(),
            running: HashMap::new(),
            asked: FuturesUnordered::new(),
            leasing: Leasing::new(),
            settling: Settling::default(),
            beating: Beating::new(options.lease),
            options,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.work();
            if self.is_done() {
                return;
            }
            let next = self.next();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some(ended) = self.attempts.join_next_with_id(), if !self.attempts.is_empty() => self.ended(ended),
                Some(told) = self.asked.next(), if !self.asked.is_empty() => self.told(told),
                () = self.wakes.next(), if self.phase == Phase::Working => self.leasing.want = true,
                () = sleep_until(next) => {}
            }
            while let Some(ended) = self.attempts.try_join_next_with_id() {
                self.ended(ended);
            }
        }
    }

    /// Does whatever can be done now.
    fn work(&mut self) {
        let now = self.now();
        self.wake(now);
        self.serve(now);
        self.lease();
        self.settle();
        self.beat();
    }

    fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Resume(id) => self.resume(&id),
            Command::Drain if self.phase == Phase::Working => self.end(Phase::Draining),
            Command::Stop if self.phase != Phase::Stopping => self.end(Phase::Stopping),
            Command::Drain | Command::Stop => {}
        }
    }

    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.progress();
        for id in self.places.ids() {
            if phase == Phase::Stopping {
                self.release(&id, Duration::ZERO);
            }
            // Of those that wait, what is theirs goes back in their turn.
            self.places.enter(&id);
        }
    }

    /// Puts the end off: something has been done.
    fn progress(&mut self) {
        if self.phase != Phase::Working {
            self.ends = Some(Instant::now() + self.options.send.deadline + self.options.grace);
        }
    }

    fn is_done(&self) -> bool {
        if self.phase == Phase::Working {
            return false;
        }
        let left = self.hands.len();
        if left == 0 && self.attempts.is_empty() && self.asked.is_empty() {
            return true;
        }
        let over = self.ends.is_some_and(|ends| ends <= Instant::now());
        if over {
            tracing::warn!(
                left,
                "the worker of webhooks ends while its store cannot be reached; what is left is leased for a while"
            );
        }
        over
    }

    /// When there is something to do although nothing happens.
    fn next(&self) -> Instant {
        let now = self.now();
        let at = |time: Timestamp| Instant::now() + until(time, now);
        let times = [
            self.leasing.next(self.phase, at),
            self.places.next().map(at),
            self.settling.next(self.options.gather),
            self.beating.next(),
            self.ends,
        ];
        let far = Instant::now() + self.options.lease;
        times.into_iter().flatten().min().unwrap_or(far)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
