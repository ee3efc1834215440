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
pub(crate) struct Handled(Arc<Mutex<HashMap<MessageId, u32>>>);

impl Handled {
    /// Notes that an event was handled.
    pub(crate) fn note(&self, id: MessageId) {
        *self.0.lock().unwrap().entry(id).or_default() += 1;
    }

    /// How often an event was handled.
    pub(crate) fn times(&self, id: &MessageId) -> u32 {
        self.0.lock().unwrap().get(id).copied().unwrap_or_default()
    }

    /// Waits until every accepted event was handled.
    pub(crate) async fn all(&self, accepted: &Ids) {
        until("every accepted event", || {
            let handled = self.0.lock().unwrap();
            accepted.iter().all(|id| handled.contains_key(id))
        })
        .await;
    }

    /// Shows how a test went.
    pub(crate) fn report(&self, test: &str, accepted: &Ids, begun: Instant) {
        let handled = self.0.lock().unwrap();
        let distinct = handled.keys().filter(|id| accepted.contains(id)).count();
        assert_eq!(distinct, accepted.len(), "lost events");
        let times: u32 = handled.values().sum();
        let more = usize::try_from(times).unwrap() - handled.len();
        figures(&format!(
            "{test}: {} accepted, {distinct} handled, {more} redelivered, {:.1} s",
            accepted.len(),
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
                    handled.note(delivery.head().id.clone());
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
