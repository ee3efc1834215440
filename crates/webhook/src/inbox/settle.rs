//! What became of messages, committed together.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use polywire_core::{Error, ErrorKind, Result, Shelf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fate::Outcome;
use super::held::Ticket;
use super::shared::Shared;
use crate::record::{Fate, Settlement};
use crate::store::MAX_BATCH;

/// A message to settle.
pub(super) struct Asked {
    ticket: Ticket,
    outcome: Outcome,
    answer: Option<oneshot::Sender<Result<()>>>,
}

enum Told {
    Settle(Asked),
    /// To be answered when everything before it is settled.
    Flush(oneshot::Sender<()>),
}

/// Tells the task that settles. No longer than there are places, so it never has to wait.
#[derive(Clone)]
pub(super) struct Settler(mpsc::UnboundedSender<Told>);

impl Asked {
    pub(super) fn new(ticket: Ticket, outcome: Outcome) -> Self {
        Self {
            ticket,
            outcome,
            answer: None,
        }
    }
}

impl Settler {
    /// The task ends when everybody who can tell it something is gone, or when it is closed.
    pub(super) fn start(
        shared: Arc<Shared>,
        closing: CancellationToken,
    ) -> (Self, BoxFuture<'static, ()>) {
        let (tell, told) = mpsc::unbounded_channel();
        (Self(tell), work(shared, told, closing).boxed())
    }

    pub(super) fn tell(&self, asked: Asked) {
        // After the end its lease runs out, and it is delivered again.
        let _ = self.0.send(Told::Settle(asked));
    }

    pub(super) fn ask(&self, mut asked: Asked) -> BoxFuture<'static, Result<()>> {
        let (answer, answered) = oneshot::channel();
        asked.answer = Some(answer);
        self.tell(asked);
        Box::pin(async move {
            answered
                .await
                .unwrap_or_else(|_| Err(untold("the inbox is closed")))
        })
    }

    /// Resolves when everything told before is settled.
    pub(super) async fn flush(&self) {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Told::Flush(answer)).is_ok() {
            let _ = answered.await;
        }
    }
}

async fn work(
    shared: Arc<Shared>,
    mut told: mpsc::UnboundedReceiver<Told>,
    closing: CancellationToken,
) {
    let mut batch = Batch::default();
    loop {
        if batch.is_empty() {
            let first = tokio::select! {
                biased;
                first = told.recv() => first,
                () = closing.cancelled(), if !told.is_closed() => {
                    told.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            batch.add(first);
        }
        while batch.has_room() {
            let Ok(next) = told.try_recv() else { break };
            batch.add(next);
        }
        batch = batch.settle(&shared).await;
    }
}

/// What is settled in one commit: of each message one outcome.
#[derive(Default)]
struct Batch {
    asked: Vec<Asked>,
    ids: HashSet<i64>,
    flushes: Vec<oneshot::Sender<()>>,
    /// A message that was leased here again before its first outcome was settled.
    next: Option<Asked>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.flushes.is_empty()
    }

    fn has_room(&self) -> bool {
        self.asked.len() < MAX_BATCH && self.next.is_none()
    }

    fn add(&mut self, told: Told) {
        match told {
            Told::Flush(answer) => self.flushes.push(answer),
            Told::Settle(asked) if self.ids.insert(asked.ticket.claim.id.0) => {
                self.asked.push(asked);
            }
            Told::Settle(asked) => self.next = Some(asked),
        }
    }

    /// Settles all, and gives the next batch.
    async fn settle(self, shared: &Arc<Shared>) -> Self {
        let settlements: Vec<_> = {
            let state = shared.state.lock();
            let settlement = |asked: &Asked| Settlement {
                claim: asked.ticket.claim,
                fate: {
                    let returns = state.returns(asked.ticket.claim.id);
                    let attempts = asked.ticket.attempts;
                    asked.outcome.fate(&shared.bounds, attempts, returns)
                },
                attempt: None,
            };
            self.asked.iter().map(settlement).collect()
        };
        let outcome = if settlements.is_empty() {
            Ok(Vec::new())
        } else {
            shared.store.settle(settlements.clone()).await
        };
        if let Err(error) = &outcome {
            tracing::warn!(%error, messages = self.asked.len(), "messages could not be settled; they are delivered again");
        }
        let answers = note(shared, self.asked, &settlements, &outcome);
        for (asked, answer) in answers {
            // Whoever asked may have left.
            let _ = asked.answer.map(|told| told.send(answer));
            drop(asked.ticket);
        }
        shared.settled.notify_waiters();
        for flush in self.flushes {
            let _ = flush.send(());
        }
        let mut next = Self::default();
        if let Some(asked) = self.next {
            next.add(Told::Settle(asked));
        }
        next
    }
}

/// Notes what was settled, and gives the answers, as places are not to be freed under the lock.
fn note(
    shared: &Shared,
    batch: Vec<Asked>,
    settlements: &[Settlement],
    outcome: &Result<Vec<bool>>,
) -> Vec<(Asked, Result<()>)> {
    let now = Instant::now();
    let mut state = shared.state.lock();
    state.changes += 1;
    let mut answers = Vec::with_capacity(batch.len());
    for (at, (asked, settlement)) in batch.into_iter().zip(settlements).enumerate() {
        let Ticket {
            claim, line, size, ..
        } = &asked.ticket;
        if state.held.get(&claim.id) == Some(&claim.fence) {
            state.held.remove(&claim.id);
        }
        let answer = match outcome {
            Err(error) => Err(untold(&error.to_string()).caused_by(error.clone())),
            Ok(settled) if settled.get(at) != Some(&true) => Err(untold(
                "its lease has run out, and somebody else may have it",
            )),
            Ok(_) => {
                let letter = match &settlement.fate {
                    Fate::Done => Some(None),
                    Fate::Dead { reason } => Some(Some((Shelf::Dead, reason))),
                    Fate::Park { reason } => Some(Some((Shelf::Parked, reason))),
                    Fate::Retry { after, .. } | Fate::Release { after } => {
                        if matches!(asked.outcome, Outcome::Returned) {
                            state.returned(claim.id);
                        }
                        if let Some(at) = now.checked_add(*after) {
                            state.due_at(at);
                        }
                        None
                    }
                };
                if let Some(letter) = letter {
                    state.forget_returns(claim.id);
                    if let Some((shelf, reason)) = letter {
                        tracing::warn!(queue = %line, delivery = %claim.id, %reason, %shelf, "message set aside");
                    }
                    if let Some(line) = state.lines.get_mut(line) {
                        line.kept.finished(*size, letter.is_some());
                    }
                }
                Ok(())
            }
        };
        answers.push((asked, answer));
    }
    drop(state);
    shared.look.notify_one();
    answers
}

fn untold(why: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the verdict could not be kept: {why}; the message is delivered again"),
    )
}
