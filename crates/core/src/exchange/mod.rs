//! An in-process broker: topics with groups that compete, command queues, retries, dead letters and parked messages.
//!
//! The memory transport is one; a transport without a broker of its own, such as HTTP, keeps one at the provider.

mod bounds;
mod commands;
mod member;
mod queue;
mod runner;
mod shelves;
mod topic;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use polywire_contract::Name;
use tokio::time::timeout_at;

use crate::auth::Caller;
use crate::channel::Subscription;
use crate::error::{Error, ErrorKind, Result};
use crate::letters::Letters;
use crate::message::{Message, Receipt};
use crate::options::after;

pub use bounds::Bounds;
use commands::Commands;
pub use commands::{Taking, Workers};
pub use member::{Member, Received};
pub use runner::CommandRunner;
use shelves::Shelves;
use topic::{Publish, Topic};

/// What happens when a group's bound is reached while members are there. A group without members always evicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The publisher waits until its deadline.
    Wait,
    /// The oldest message goes, and the group is told how many it missed.
    Evict,
}

/// An in-process broker. Cloning shares it.
#[derive(Clone)]
pub struct Exchange(Arc<Inner>);

struct Inner {
    bounds: Bounds,
    overflow: Overflow,
    topics: Mutex<HashMap<(Name, Name), Arc<Topic>>>,
    commands: Mutex<HashMap<Name, Arc<Commands>>>,
    shelves: Arc<Shelves>,
    draining: AtomicBool,
    closed: AtomicBool,
}

/// How many topics and how many contracts with commands there may be.
const MAX_NAMES: usize = 10_000;

impl Exchange {
    /// An exchange within bounds.
    #[must_use]
    pub fn new(bounds: Bounds, overflow: Overflow) -> Self {
        let shelves = Arc::new(Shelves::new(bounds.max_letters));
        Self(Arc::new(Inner {
            bounds,
            overflow,
            topics: Mutex::default(),
            commands: Mutex::default(),
            shelves,
            draining: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }))
    }

    /// Publishes an event on the track of its stamp, to every group of that track.
    ///
    /// # Errors
    /// `Overloaded` naming the group whose bound stayed reached until the deadline, `Closed` after [`refuse_new`](Self::refuse_new).
    pub async fn publish(&self, message: Message) -> Result<Receipt> {
        self.refuse_when_draining()?;
        let topic = self.topic(&message.head.contract, &message.head.interaction)?;
        let receipt = Receipt::new(message.head.id.clone(), message.head.stamp.clone());
        let deadline = message
            .head
            .deadline
            .unwrap_or_else(|| after(Duration::MAX));
        let mut message = message;
        message.head.deadline = None;
        let message = Arc::new(message);
        loop {
            let mut room = std::pin::pin!(topic.room.notified());
            // Registered before the look, so that room made in between is not missed.
            room.as_mut().enable();
            match topic.publish(&message) {
                Publish::Taken => return Ok(receipt),
                Publish::Full(group) => {
                    let full = || {
                        let bounds = &self.0.bounds;
                        let text = format!(
                            "group {group:?} holds its {} messages or {} bytes: let it catch up or raise its bound",
                            bounds.max_messages, bounds.max_bytes
                        );
                        Error::new(ErrorKind::Overloaded, text)
                    };
                    timeout_at(deadline, room).await.map_err(|_| full())?;
                    self.refuse_when_draining()?;
                }
            }
        }
    }

    /// Joins a group, or a group of one. `since` is a position after which kept events are replayed to a group of one.
    ///
    /// # Errors
    /// `Overloaded` when the event has as many groups as it may, `Closed` after [`close`](Self::close).
    pub fn join(&self, subscription: &Subscription, since: Option<u64>) -> Result<Member> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        self.topic(&subscription.contract, &subscription.event)?
            .join(subscription, since)
    }

    /// Takes a command, which the workers of a service that fits will run, on behalf of a caller verified at acceptance;
    /// with `None` the caller is verified then.
    ///
    /// # Errors
    /// `Overloaded` when the queue stayed full until the deadline, `Closed` after [`refuse_new`](Self::refuse_new).
    pub async fn send(&self, message: Message, caller: Option<Caller>) -> Result<Receipt> {
        let taking = self.take_one(&message.head.contract)?;
        taking.queue(message, caller).await
    }

    /// Begins to take a command of a contract. A transport that has its own way of refusing what is new looks for it after
    /// this.
    ///
    /// # Errors
    /// `Closed` after [`refuse_new`](Self::refuse_new), `Overloaded` when there are too many contracts.
    pub fn take_one(&self, contract: &Name) -> Result<Taking> {
        let taking = Taking::new(self.commands(contract)?);
        self.refuse_when_draining()?;
        Ok(taking)
    }

    /// Starts to run the commands that a service can take, until the handle is stopped or dropped.
    ///
    /// # Errors
    /// `Overloaded` when there are too many contracts.
    pub fn work(&self, runner: impl CommandRunner) -> Result<Workers> {
        Ok(Workers::start(
            self.commands(runner.contract())?,
            Arc::new(runner),
            self.0.bounds.command_workers,
        ))
    }

    /// Has workers look again at commands that they could not run before: what they can run has changed.
    pub fn look_again(&self) {
        for commands in self.0.commands.lock().values() {
            commands.look_again();
        }
    }

    /// The shelves.
    #[must_use]
    pub fn letters(&self) -> Arc<dyn Letters> {
        self.0.shelves.clone()
    }

    /// How many events a group has missed because they were evicted; zero for a group that is not there.
    #[must_use]
    pub fn missed(&self, contract: &Name, event: &Name, group: &str) -> u64 {
        let topic = self
            .0
            .topics
            .lock()
            .get(&(contract.clone(), event.clone()))
            .cloned();
        topic.map_or(0, |topic| topic.missed(group))
    }

    /// Refuses new events and commands; what was accepted goes on. Idempotent.
    pub fn refuse_new(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
        for topic in self.0.topics.lock().values() {
            topic.room.notify_waiters();
        }
    }

    /// Ends every member's stream. Idempotent.
    pub fn close(&self) {
        self.refuse_new();
        self.0.closed.store(true, Ordering::Release);
        for topic in self.0.topics.lock().values() {
            topic.close();
        }
    }

    fn refuse_when_draining(&self) -> Result<()> {
        if self.0.draining.load(Ordering::SeqCst) {
            Err(closed())
        } else {
            Ok(())
        }
    }

    fn topic(&self, contract: &Name, event: &Name) -> Result<Arc<Topic>> {
        let mut topics = self.0.topics.lock();
        let key = (contract.clone(), event.clone());
        if let Some(topic) = topics.get(&key) {
            return Ok(topic.clone());
        }
        if topics.len() == MAX_NAMES {
            return Err(too_many("events"));
        }
        let topic = Arc::new(Topic::new(
            format!("{contract}.{event}"),
            self.0.bounds.clone(),
            self.0.overflow,
            self.0.shelves.clone(),
        ));
        topics.insert(key, topic.clone());
        Ok(topic)
    }

    fn commands(&self, contract: &Name) -> Result<Arc<Commands>> {
        let mut commands = self.0.commands.lock();
        if let Some(found) = commands.get(contract) {
            return Ok(found.clone());
        }
        if commands.len() == MAX_NAMES {
            return Err(too_many("contracts with commands"));
        }
        let new = Arc::new(Commands::new(self.0.bounds.clone(), self.0.shelves.clone()));
        commands.insert(contract.clone(), new.clone());
        Ok(new)
    }
}

fn too_many(what: &str) -> Error {
    Error::new(
        ErrorKind::Overloaded,
        format!("{MAX_NAMES} {what} are the most that are kept"),
    )
}

fn closed() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the channel is draining or closed and takes nothing new",
    )
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("bounds", &self.0.bounds)
            .field("overflow", &self.0.overflow)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
