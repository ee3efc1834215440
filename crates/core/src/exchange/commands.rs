//! Accepted commands of one contract: a queue per requirement, and the workers that run them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use polywire_contract::{Name, Requirement};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::queue::{Entry, Lease, Queue, Taken};
use super::shelves::Shelves;
use super::{Bounds, CommandRunner};
use crate::auth::Caller;
use crate::delivery::Verdict;
use crate::error::{Error, ErrorKind, Result};
use crate::message::{Message, Receipt};
use crate::options::after;

/// How many different requirements a contract's commands may have queued.
const MAX_QUEUES: usize = 1024;

pub(super) struct Commands {
    bounds: Bounds,
    shelves: Arc<Shelves>,
    arrived: Arc<Notify>,
    room: Arc<Notify>,
    /// How many are being taken: decided on, and not in a queue yet.
    coming: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    position: u64,
    /// By what is required and the command, so that each replica takes only what it can run.
    queues: HashMap<(String, Name), Floor>,
}

#[derive(Clone)]
struct Floor {
    queue: Arc<Queue>,
    requirement: Requirement,
    /// Who sent what waits here, as verified when it was accepted.
    callers: Arc<Mutex<HashMap<u64, Caller>>>,
}

enum Found {
    Command(Lease, Option<Caller>),
    Nothing(Option<Instant>),
}

impl Commands {
    pub(super) fn new(bounds: Bounds, shelves: Arc<Shelves>) -> Self {
        Self {
            bounds,
            shelves,
            arrived: Arc::default(),
            room: Arc::default(),
            coming: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    async fn send(&self, mut message: Message, caller: Option<Caller>) -> Result<Receipt> {
        let deadline = message
            .head
            .deadline
            .take()
            .unwrap_or_else(|| after(std::time::Duration::MAX));
        let receipt = Receipt::new(message.head.id.clone(), None);
        let floor = self.floor(&message)?;
        let (bytes, message) = (message.body.len(), Arc::new(message));
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            // Registered before the look, so that room made in between is not missed.
            room.as_mut().enable();
            {
                let mut state = self.state.lock();
                if floor.queue.has_room(bytes) {
                    state.position += 1;
                    if let Some(caller) = caller {
                        floor.callers.lock().insert(state.position, caller);
                    }
                    floor.queue.push(Entry::new(state.position, message));
                    return Ok(receipt);
                }
            }
            timeout_at(deadline, room).await.map_err(|_| {
                Error::new(
                    ErrorKind::Overloaded,
                    format!(
                        "the queue of {}.{} holds its {} commands or {} bytes: retry later",
                        message.head.contract,
                        message.head.interaction,
                        self.bounds.max_messages,
                        self.bounds.max_bytes
                    ),
                )
            })?;
        }
    }

    fn floor(&self, message: &Message) -> Result<Floor> {
        let Some(requirement) = &message.head.requirement else {
            return Err(Error::new(
                ErrorKind::InvalidPayload,
                "a command states the versions it requires, such as ^1.2",
            ));
        };
        let mut state = self.state.lock();
        let key = (
            requirement.list_text().to_owned(),
            message.head.interaction.clone(),
        );
        if let Some(floor) = state.queues.get(&key) {
            return Ok(floor.clone());
        }
        if state.queues.len() >= MAX_QUEUES {
            state.queues.retain(|_, floor| !floor.queue.is_empty());
        }
        if state.queues.len() >= MAX_QUEUES {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!("commands with {MAX_QUEUES} different requirements wait already"),
            ));
        }
        let name = format!("commands.{}", message.head.interaction);
        let queue = Queue::among(
            name,
            self.bounds.clone(),
            self.shelves.clone(),
            self.arrived.clone(),
            self.room.clone(),
        );
        let floor = Floor {
            queue: Arc::new(queue),
            requirement: requirement.clone(),
            callers: Arc::default(),
        };
        state.queues.insert(key, floor.clone());
        Ok(floor)
    }

    /// Wakes the workers.
    pub(super) fn look_again(&self) {
        self.arrived.notify_waiters();
    }

    /// Resolves once every command that was taken, and that a service can run, was run or set aside.
    async fn emptied(&self, runner: &dyn CommandRunner) {
        let waits = |((_, command), floor): (&(String, Name), &Floor)| {
            !floor.queue.is_empty() && runner.can_run(&floor.requirement, command)
        };
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            // Those that come are looked for first: they are in a queue before they are no more.
            if self.coming.load(Ordering::SeqCst) == 0
                && !self.state.lock().queues.iter().any(waits)
            {
                return;
            }
            room.await;
        }
    }

    /// The next command that a service can run.
    fn take(&self, runner: &dyn CommandRunner) -> Found {
        let floors: Vec<(Name, Floor)> = self
            .state
            .lock()
            .queues
            .iter()
            .map(|((_, command), floor)| (command.clone(), floor.clone()))
            .collect();
        let mut soonest = None;
        for (command, floor) in floors {
            if !runner.can_run(&floor.requirement, &command) {
                continue;
            }
            match floor.queue.take() {
                Taken::Lease(lease) => {
                    let caller = floor.callers.lock().get(&lease.position()).cloned();
                    return Found::Command(lease, caller);
                }
                Taken::Nothing(due) => soonest = [soonest, due].into_iter().flatten().min(),
            }
        }
        Found::Nothing(soonest)
    }

    fn forget_caller(&self, position: u64) {
        for floor in self.state.lock().queues.values() {
            floor.callers.lock().remove(&position);
        }
    }
}

/// A command that is being taken. Until it is dropped, [`Workers::finish`] waits: who takes one decides under it whether commands
/// are still taken, so that none is accepted when nobody will run it any more.
pub struct Taking(Arc<Commands>);

impl Taking {
    pub(super) fn new(commands: Arc<Commands>) -> Self {
        commands.coming.fetch_add(1, Ordering::SeqCst);
        Self(commands)
    }

    /// Queues it on behalf of a caller verified at acceptance; with `None` the caller is verified when it runs.
    ///
    /// # Errors
    /// `Overloaded` when the queue stayed full until the deadline.
    pub async fn queue(self, message: Message, caller: Option<Caller>) -> Result<Receipt> {
        self.0.send(message, caller).await
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        if self.0.coming.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.room.notify_waiters();
        }
    }
}

impl fmt::Debug for Taking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taking").finish_non_exhaustive()
    }
}

/// Runs accepted commands for one service. Dropping it takes nothing more.
pub struct Workers {
    commands: Arc<Commands>,
    runner: Arc<dyn CommandRunner>,
    stop: CancellationToken,
    running: TaskTracker,
    dispatcher: Option<JoinHandle<()>>,
}

impl Workers {
    pub(super) fn start(
        commands: Arc<Commands>,
        runner: Arc<dyn CommandRunner>,
        at_once: usize,
    ) -> Self {
        let (stop, running) = (CancellationToken::new(), TaskTracker::new());
        let dispatcher = tokio::spawn(dispatch(
            commands.clone(),
            runner.clone(),
            Arc::new(Semaphore::new(at_once.max(1))),
            stop.clone(),
            running.clone(),
        ));
        Self {
            commands,
            runner,
            stop,
            running,
            dispatcher: Some(dispatcher),
        }
    }

    /// Waits until every accepted command that the service can run was run or set aside, then stops.
    pub async fn finish(&mut self) {
        self.commands.emptied(&*self.runner).await;
        self.stop().await;
    }

    /// Takes nothing more and waits for the commands that run.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(dispatcher) = self.dispatcher.take() {
            // It ends by itself at the next look; a panic in it is logged by the runtime.
            let _ = dispatcher.await;
        }
        self.running.close();
        self.running.wait().await;
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("contract", self.runner.contract())
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn dispatch(
    commands: Arc<Commands>,
    runner: Arc<dyn CommandRunner>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    running: TaskTracker,
) {
    loop {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { return };
        let (lease, caller) = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            found = next(&commands, &*runner) => found,
        };
        let (commands, runner) = (commands.clone(), runner.clone());
        running.spawn(async move {
            run(&commands, &*runner, lease, caller).await;
            drop(place);
        });
    }
}

async fn next(commands: &Commands, runner: &dyn CommandRunner) -> (Lease, Option<Caller>) {
    loop {
        let mut arrived = std::pin::pin!(commands.arrived.notified());
        arrived.as_mut().enable();
        match commands.take(runner) {
            Found::Command(lease, caller) => return (lease, caller),
            Found::Nothing(None) => arrived.await,
            Found::Nothing(Some(due)) => tokio::select! {
                () = arrived => {}
                () = sleep_until(due) => {}
            },
        }
    }
}

async fn run(
    commands: &Commands,
    runner: &dyn CommandRunner,
    lease: Lease,
    caller: Option<Caller>,
) {
    let message = lease.message().clone();
    let mut head = message.head.clone();
    head.attempt = lease.attempt();
    let result = runner.run(head, message.body.clone(), caller).await;
    let verdict = Verdict::of_command(result);
    let (id, position) = (message.head.id.clone(), lease.position());
    let is_final = !matches!(verdict, Verdict::Retry { .. });
    if let Err(error) = lease.settle_now(verdict) {
        tracing::error!(%id, %error, "command could not be set aside; it will run again");
    } else if is_final {
        commands.forget_caller(position);
    }
}
