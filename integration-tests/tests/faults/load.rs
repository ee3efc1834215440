//! Fifty publishers, and what was accepted of them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use polywire::core::MessageId;
use polywire::{Polywire, Versions};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::contract::{Happened, LoadPublisher, LoadServer, Nothing, config};
use crate::support::broker::Place;
use crate::support::{soon, wire};

/// How many events are published.
pub(crate) const EVENTS: usize = 10_000;
const PROCESSES: usize = 5;
const PUBLISHERS: usize = 50;
/// How long the text of an event is, in bytes.
pub(crate) const SIZE: usize = 256;
/// Longer than any fault here: what is published during it waits, and is accepted after.
const TIMEOUT: &str = "60s";

/// The ids of what was accepted.
pub(crate) type Ids = HashSet<MessageId>;

/// Publishers under way, ten in each of five runtimes with connections of their own.
pub(crate) struct Publishers {
    wires: Vec<Polywire>,
    tasks: JoinSet<()>,
    accepted: Arc<Mutex<Ids>>,
    progress: watch::Sender<usize>,
}

impl Publishers {
    pub(crate) async fn start(place: &Place) -> Self {
        let (mut wires, mut tasks) = (Vec::new(), JoinSet::new());
        let accepted = Arc::<Mutex<Ids>>::default();
        let progress = watch::Sender::new(0);
        for process in 0..PROCESSES {
            let (wire, publisher) =
                publisher(place, &format!("publisher-{process}"), TIMEOUT).await;
            for publishers in 0..PUBLISHERS / PROCESSES {
                let number = process * (PUBLISHERS / PROCESSES) + publishers;
                let (publisher, accepted) = (publisher.clone(), accepted.clone());
                let progress = progress.clone();
                tasks.spawn(async move {
                    for event in events(number) {
                        let receipt = publisher.happened(&event).await.unwrap();
                        assert!(accepted.lock().unwrap().insert(receipt.id));
                        progress.send_modify(|accepted| *accepted += 1);
                    }
                });
            }
            wires.push(wire);
        }
        Self {
            wires,
            tasks,
            accepted,
            progress,
        }
    }

    /// Waits until so many were accepted, and shows that the fault to come is amid the load.
    pub(crate) async fn reached(&self, count: usize) {
        let mut progress = self.progress.subscribe();
        let reached = progress.wait_for(|accepted| *accepted >= count);
        let accepted = *soon("accepted events", reached).await.unwrap();
        assert!(accepted < EVENTS, "the load is over before its fault");
    }

    /// Waits until all were accepted.
    pub(crate) async fn finished(mut self) -> Ids {
        while let Some(published) = soon("publishing", self.tasks.join_next()).await {
            published.unwrap();
        }
        for wire in &self.wires {
            wire.close().await.unwrap();
        }
        let accepted = std::mem::take(&mut *self.accepted.lock().unwrap());
        assert_eq!(accepted.len(), EVENTS);
        accepted
    }
}

/// A publisher in a runtime with connections of its own, each of whose events is accepted within a time or refused.
pub(crate) async fn publisher(
    place: &Place,
    instance: &str,
    timeout: &str,
) -> (Polywire, LoadPublisher) {
    let wire = wire(&config(place, instance, timeout));
    let versions = Versions::new().serve(LoadServer::new(Nothing));
    let provided = soon("providing", wire.provide("load", versions)).await;
    let publisher = provided.unwrap().publisher().unwrap();
    (wire, publisher)
}

/// The share of one publisher.
fn events(publisher: usize) -> impl Iterator<Item = Happened> {
    (0..EVENTS / PUBLISHERS).map(move |number| event(publisher, number))
}

/// One event.
pub(crate) fn event(publisher: usize, number: usize) -> Happened {
    Happened {
        publisher: u64::try_from(publisher).unwrap(),
        number: u64::try_from(number).unwrap(),
        text: "x".repeat(SIZE),
    }
}
