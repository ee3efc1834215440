//! What the sample's handlers did, and the gate that some of them wait at.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::Name;
use polywire_core::Context;
use tokio::sync::watch;
use tokio::time::timeout;

use super::contract::Edition;
use crate::failure::{Checked, Failure};

/// Observes the handlers of one provider. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Probe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Duration,
    log: watch::Sender<Log>,
    gate: watch::Sender<bool>,
}

/// What handlers did so far.
#[derive(Debug, Default)]
pub struct Log {
    /// Every handler that started, in order.
    pub entered: Vec<Entry>,
    /// How many came to their end.
    pub finished: usize,
    /// How many were dropped where they waited.
    pub cancelled: usize,
}

/// A handler that started.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The version it handles.
    pub edition: Edition,
    /// What it was told.
    pub cx: Context,
    /// The payload.
    pub body: Bytes,
}

impl Log {
    /// How many handlers of an interaction started.
    #[must_use]
    pub fn count(&self, interaction: &Name) -> usize {
        self.of(interaction).count()
    }

    /// The handlers of an interaction that started.
    pub fn of(&self, interaction: &Name) -> impl Iterator<Item = &Entry> {
        self.entered
            .iter()
            .filter(move |entry| entry.cx.head().interaction == *interaction)
    }
}

impl Probe {
    /// A probe that waits at most this long.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        let (log, gate) = (watch::Sender::default(), watch::Sender::new(false));
        Self(Arc::new(Inner {
            patience,
            log,
            gate,
        }))
    }

    /// What happened so far.
    #[must_use]
    pub fn log(&self) -> watch::Ref<'_, Log> {
        self.0.log.borrow()
    }

    /// How many handlers of an interaction started so far.
    #[must_use]
    pub fn count(&self, interaction: &Name) -> usize {
        self.log().count(interaction)
    }

    /// Lets everybody through who waits at the gate, now and later.
    pub fn open(&self) {
        self.0.gate.send_replace(true);
    }

    /// Waits until what happened satisfies the condition.
    ///
    /// # Errors
    /// When it did not within the suite's patience, with what did happen.
    pub async fn until(
        &self,
        what: &str,
        mut condition: impl FnMut(&Log) -> bool + Send,
    ) -> Checked {
        let mut log = self.0.log.subscribe();
        let patience = self.0.patience;
        let waited = timeout(patience, log.wait_for(|log| condition(log))).await;
        if matches!(waited, Ok(Ok(_))) {
            return Ok(());
        }
        let log = self.log();
        let started: Vec<&str> = log
            .entered
            .iter()
            .rev()
            .take(20)
            .map(|entry| entry.cx.head().interaction.as_str())
            .collect();
        Err(Failure::new(format!(
            "{what} did not happen within {patience:?}: {} handlers started, {} finished, {} were cancelled; the latest: {started:?}",
            log.entered.len(),
            log.finished,
            log.cancelled
        )))
    }

    pub(super) fn enter(&self, edition: Edition, cx: &Context, body: &Bytes) -> Guard {
        let entry = Entry {
            edition,
            cx: cx.clone(),
            body: body.clone(),
        };
        self.0.log.send_modify(|log| log.entered.push(entry));
        Guard {
            probe: self.clone(),
            finished: false,
        }
    }

    pub(super) async fn pass_gate(&self) {
        let mut gate = self.0.gate.subscribe();
        // The sender lives in this probe, so waiting cannot fail.
        let _ = gate.wait_for(|open| *open).await;
    }

    pub(super) async fn until_count(&self, interaction: &Name, count: usize) {
        let mut log = self.0.log.subscribe();
        let _ = log.wait_for(|log| log.count(interaction) >= count).await;
    }
}

/// Notes how a handler ended.
pub(super) struct Guard {
    probe: Probe,
    finished: bool,
}

impl Guard {
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let finished = self.finished || std::thread::panicking();
        self.probe.0.log.send_modify(|log| {
            if finished {
                log.finished += 1;
            } else {
                log.cancelled += 1;
            }
        });
    }
}
