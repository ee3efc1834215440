//! Connections that come back: one task per connection that connects, watches and reconnects, for as long as it takes.
//!
//! lapin's own recovery is not used: it can hang without a sign, and its consumers may end without one.

mod connect;
mod live;
mod supervisor;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polywire_core::{Dispatched, Error, ErrorKind, Result};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use live::Live;

use crate::config::{AmqpConfig, Identity};
use crate::error::closed;

/// How long one protocol step with the broker, such as opening a channel, may take.
pub(crate) const STEP: Duration = Duration::from_secs(15);

/// Where a connection stands.
#[derive(Clone)]
pub(crate) enum State {
    /// Not there yet, or not any more; with the last failure.
    Down(Option<Error>),
    /// The broker will not have us, until somebody changes something.
    Refused(Error),
    /// There.
    Up(Arc<Live>),
    /// Let go of, for good.
    Closed,
}

/// A supervised connection. Cloning shares it; it ends with the last clone.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    role: &'static str,
    config: Arc<AmqpConfig>,
    identity: Identity,
    state: Arc<watch::Sender<State>>,
    closing: CancellationToken,
    started: AtomicBool,
    _end: DropGuard,
}

impl Link {
    pub(crate) fn new(role: &'static str, config: Arc<AmqpConfig>, identity: Identity) -> Self {
        let closing = CancellationToken::new();
        Self(Arc::new(Inner {
            role,
            config,
            identity,
            state: Arc::new(watch::Sender::new(State::Down(None))),
            closing: closing.clone(),
            started: AtomicBool::new(false),
            _end: closing.drop_guard(),
        }))
    }

    /// Starts to connect, the first time that it is called.
    pub(crate) fn start(&self) {
        if self.0.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = &self.0;
        tokio::spawn(supervisor::supervise(supervisor::Supervisor {
            role: inner.role,
            config: inner.config.clone(),
            identity: inner.identity.clone(),
            state: inner.state.clone(),
            closing: inner.closing.clone(),
        }));
    }

    /// What is there now.
    pub(crate) fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    /// Where the state can be watched.
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// The connection, once there is one, however long that takes.
    ///
    /// # Errors
    /// The broker's refusal, or `Closed`.
    pub(crate) async fn live(&self) -> Result<Arc<Live>> {
        let mut watch = self.watch();
        let state = watch
            .wait_for(|state| !matches!(state, State::Down(_)))
            .await
            .map_err(|_| closed())?
            .clone();
        match state {
            State::Up(live) => Ok(live),
            State::Refused(error) => Err(error),
            State::Down(_) | State::Closed => Err(closed()),
        }
    }

    /// The connection, once there is one, until a deadline.
    ///
    /// # Errors
    /// As [`live`](Self::live), and `Unavailable` with the last failure at the deadline.
    pub(crate) async fn live_until(&self, deadline: Instant) -> Result<Arc<Live>> {
        if let State::Up(live) = &*self.0.state.borrow() {
            return Ok(live.clone());
        }
        match timeout_at(deadline, self.live()).await {
            Ok(result) => result,
            Err(_) => Err(self.unreachable()),
        }
    }

    fn unreachable(&self) -> Error {
        let why = match &*self.0.state.borrow() {
            State::Down(Some(error)) | State::Refused(error) => error.message().to_owned(),
            _ => "not connected yet".to_owned(),
        };
        Error::new(
            ErrorKind::Unavailable,
            format!("no connection to the broker before the deadline: {why}"),
        )
        .dispatched_as(Dispatched::No)
    }

    /// Ends the connection for good. Idempotent.
    pub(crate) async fn close(&self) {
        self.0.closing.cancel();
        if !self.0.started.load(Ordering::Acquire) {
            self.0.state.send_replace(State::Closed);
            return;
        }
        let mut watch = self.watch();
        let done = watch.wait_for(|state| matches!(state, State::Closed));
        // The supervisor bounds its goodbye; this bound only covers a runtime that is going down.
        let _ = tokio::time::timeout(STEP, done).await;
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.0.state.borrow() {
            State::Down(_) => "down",
            State::Refused(_) => "refused",
            State::Up(_) => "up",
            State::Closed => "closed",
        };
        f.debug_struct("Link")
            .field("role", &self.0.role)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
