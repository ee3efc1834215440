//! Consumers that compete for the events of one group, and what they handled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use polywire::Polywire;
use polywire::core::MessageId;
use tokio::task::JoinSet;

use crate::contract::{GROUP, LoadClient, config};
use crate::load::Ids;
use crate::support::broker::Place;
use crate::support::{figures, soon, until, wire};

/// How often each event was handled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handled(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    times: HashMap<MessageId, u32>,
    /// How many deliveries were not the first of their event.
    redelivered: u64,
}

impl Handled {
    /// Notes that an event was handled, and which attempt at delivering it that was.
    pub(crate) fn note(&self, id: MessageId, attempt: u32) {
        let mut counts = self.0.lock().unwrap();
        counts.redelivered += u64::from(attempt > 1);
        *counts.times.entry(id).or_default() += 1;
    }

    /// How often an event was handled.
    pub(crate) fn times(&self, id: &MessageId) -> u32 {
        let counts = self.0.lock().unwrap();
        counts.times.get(id).copied().unwrap_or_default()
    }

    /// How many deliveries were not the first of their event.
    pub(crate) fn redelivered(&self) -> u64 {
        self.0.lock().unwrap().redelivered
    }

    /// How many events were handled.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().times.len()
    }

    /// Waits until every accepted event was handled.
    pub(crate) async fn all(&self, accepted: &Ids) {
        until("every accepted event", || {
            let counts = self.0.lock().unwrap();
            accepted.iter().all(|id| counts.times.contains_key(id))
        })
        .await;
    }

    /// Shows how a test went.
    pub(crate) fn report(&self, test: &str, accepted: &Ids, begun: Instant) {
        let counts = self.0.lock().unwrap();
        let handled = accepted.iter().filter(|id| counts.times.contains_key(id));
        let more = counts.times.values().map(|times| times - 1).sum::<u32>();
        figures(&format!(
            "{test}: {} accepted, {} handled, {} redelivered, {more} handled again, {:.1} s",
            accepted.len(),
            handled.count(),
            counts.redelivered,
            begun.elapsed().as_secs_f64()
        ));
    }
}

/// Consumers under way, each with connections of its own.
pub(crate) struct Consumers {
    wires: Vec<Polywire>,
    tasks: JoinSet<()>,
}

impl Consumers {
    pub(crate) async fn start(place: &Place, count: usize, handled: &Handled) -> Self {
        let (mut wires, mut tasks) = (Vec::new(), JoinSet::new());
        for number in 0..count {
            let wire = wire(&config(place, &format!("consumer-{number}"), "10s"));
            let client: LoadClient = wire.connect("load").await.unwrap();
            let mut events = soon("subscribing", client.happened(GROUP)).await.unwrap();
            let handled = handled.clone();
            tasks.spawn(async move {
                while let Some(delivery) = events.next().await {
                    let head = delivery.head();
                    handled.note(head.id.clone(), head.attempt);
                    // After a lost connection this is an error, and the event comes again.
                    let _ = delivery.ack().await;
                }
            });
            wires.push(wire);
        }
        Self { wires, tasks }
    }

    /// Lets all go on to their end.
    pub(crate) async fn stop(mut self) {
        for wire in &self.wires {
            soon("draining", wire.drain()).await.unwrap();
        }
        while let Some(ended) = soon("the last delivery", self.tasks.join_next()).await {
            ended.unwrap();
        }
        for wire in &self.wires {
            wire.close().await.unwrap();
        }
    }
}
