//! Provider, worker and consumer are killed again and again, at every step from `publish` to the end of a handler.
//!
//! What follows from the design, and is checked:
//!
//! - Whatever `publish` has accepted is handled.
//! - What a worker had sent and not settled is sent again, as the same `webhook-id`: the inbox keeps it once.
//! - What a consumer had handled and not settled is handled again. That is no more than it may have in its hands, for each
//!   time that it is killed; and nothing whose acknowledgement was durable.

mod actor;
mod after;
pub(crate) mod ends;
mod gate;
mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::world::SOON;
use actor::Actor;
use gate::{Gate, Hold};
use kept::{Place, Purpose, Step};

/// How many events a consumer may have in its hands.
const IN_HAND: usize = 4;
/// The longest that somebody lives who is killed at a random moment.
const LIFE: Duration = Duration::from_millis(150);
/// How many more kills there may be until there was one at every step.
const MORE: usize = 200;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Publisher,
    Replica,
    /// Both: nobody is left who delivers.
    Workers,
    Consumer,
}

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Whatever is under way.
    Whenever,
    /// While a delivery is under way to the consumer.
    Sent,
    /// While the consumer's answer is under way to the worker.
    Taken,
    /// When `publish` has said `Ok`, or an event was handled.
    Said,
}

const WHO: [Who; 4] = [Who::Publisher, Who::Consumer, Who::Replica, Who::Workers];
const WHEN: [When; 4] = [When::Whenever, When::Sent, When::Taken, When::Said];

/// Everybody, and what they leave behind.
struct Stage {
    outgoing: Place,
    incoming: Place,
    gate: Arc<Gate>,
    publisher: Actor,
    replica: Actor,
    consumer: Actor,
    folder: TempDir,
    kills: usize,
    /// At how many kills a step was found to be where something was.
    found: BTreeMap<Step, usize>,
}

pub(crate) async fn in_sqlite() {
    killed(Place::sqlite(), Place::sqlite(), 200).await;
}

pub(crate) async fn in_postgres() {
    killed(Place::postgres().await, Place::postgres().await, 40).await;
}

async fn killed(outgoing: Place, incoming: Place, kills: usize) {
    let begun = Instant::now();
    let mut stage = Stage::set(outgoing, incoming).await;
    let mut turn = 0;
    while stage.kills < kills || !stage.has_seen_all() {
        let most = kills + MORE;
        assert!(
            stage.kills < most,
            "{most} kills, and some step was never found: {:?}",
            stage.found
        );
        // Each of the moments comes to each of them.
        let who = WHO[turn % WHO.len()];
        let when = WHEN[turn / WHO.len() % WHEN.len()];
        let until = timeout(SOON, stage.moment(who, when)).await;
        until.unwrap_or_else(|_| panic!("{who:?} {when:?}: nothing happens"));
        stage.kill(who).await;
        turn += 1;
    }
    stage.finish(begun).await;
}

impl Stage {
    /// Everybody lives, the consumer is subscribed, and events are published.
    async fn set(outgoing: Place, incoming: Place) -> Self {
        let (gate, folder) = (Arc::new(Gate::start().await), tempfile::tempdir().unwrap());
        let provider = |role| {
            let listen = SocketAddr::from((own_host(), 0)).to_string();
            let store = outgoing.setting().to_owned();
            Actor::new(role, vec![(ends::STORE, store), (ends::LISTEN, listen)])
        };
        let (mut publisher, mut replica) = (provider(ends::PUBLISHER), provider(ends::REPLICA));
        for actor in [&mut publisher, &mut replica] {
            actor.start(|_| {});
            actor.said("listens").await;
            // The same address in every life.
            let address = actor.said.all("listens")[0].1.clone();
            actor.set(ends::LISTEN, address);
        }
        let settings = vec![
            (ends::STORE, incoming.setting().to_owned()),
            (
                ends::PROVIDER,
                format!("http://{}", publisher.said.all("listens")[0].1),
            ),
            (ends::PUBLIC, gate.url().to_owned()),
            (
                ends::FILE,
                folder.path().join("handled").to_str().unwrap().to_owned(),
            ),
        ];
        let mut stage = Self {
            consumer: Actor::new(ends::CONSUMER, settings),
            outgoing,
            incoming,
            gate,
            publisher,
            replica,
            folder,
            kills: 0,
            found: BTreeMap::new(),
        };
        stage.consume();
        stage.consumer.said("subscribed").await;
        stage.publisher.tell("publish");
        stage.consumer.said("handled").await;
        stage
    }

    fn consume(&mut self) {
        let gate = self.gate.clone();
        self.consumer.start(move |line| {
            if let Some(address) = line.strip_prefix("listens ") {
                gate.lead_to(address.parse().unwrap());
            }
        });
    }

    /// Whether somebody was killed at every step.
    fn has_seen_all(&self) -> bool {
        Step::ALL.iter().all(|step| self.found.contains_key(step))
    }

    /// Waits until it is time.
    async fn moment(&self, who: Who, when: When) {
        match (when, who) {
            (When::Sent, _) => self.gate.hold(Hold::Deliveries).await,
            (When::Taken, _) => self.gate.hold(Hold::Answers).await,
            (When::Said, Who::Publisher | Who::Workers) => self.publisher.says("accepted").await,
            (When::Said, Who::Consumer) => self.consumer.says("handled").await,
            (When::Whenever, _) | (When::Said, Who::Replica) => {
                sleep(rand::rng().random_range(Duration::ZERO..LIFE)).await;
            }
        }
    }

    /// Kills, looks what is left behind, and brings to life again.
    async fn kill(&mut self, who: Who) {
        let publishes = matches!(who, Who::Publisher | Who::Workers);
        let replica = matches!(who, Who::Replica | Who::Workers);
        let consumes = who == Who::Consumer;
        for (actor, dies) in [
            (&mut self.publisher, publishes),
            (&mut self.replica, replica),
            (&mut self.consumer, consumes),
        ] {
            if dies {
                actor.kill().await;
                self.kills += 1;
            }
        }
        // What was under way when its sender died may arrive after that.
        let posts = self.gate.posts();
        self.gate.release();
        let mut found = BTreeSet::new();
        if who == Who::Workers {
            found = kept::after_workers(&self.outgoing, &posts).await;
            self.outgoing.lapse(Purpose::Outbox).await;
        }
        if consumes {
            let handled = after::handled(&self.folder).await;
            let handled = handled.into_iter().map(|handled| handled.id).collect();
            found = kept::after_consumer(&self.incoming, &handled).await;
            self.incoming.lapse(Purpose::Inbox).await;
        }
        for step in found {
            *self.found.entry(step).or_default() += 1;
        }
        if publishes {
            self.publisher.start(|_| {});
            self.publisher.tell("publish");
        }
        if replica {
            self.replica.start(|_| {});
        }
        if consumes {
            self.consume();
        }
    }

    /// Nothing more is published, everybody who had something in his hands is dead, and the next ones go on to the end.
    async fn finish(mut self, begun: Instant) {
        for actor in [&mut self.publisher, &mut self.replica, &mut self.consumer] {
            actor.kill().await;
        }
        self.outgoing.lapse(Purpose::Outbox).await;
        self.incoming.lapse(Purpose::Inbox).await;
        self.replica.start(|_| {});
        self.consume();
        after::emptied(&self.outgoing, Purpose::Outbox).await;
        after::emptied(&self.incoming, Purpose::Inbox).await;
        self.replica.kill().await;
        self.consumer.kill().await;
        after::check(&self).await;
        println!(
            "{} kills in {:?}, which found {:?}",
            self.kills,
            begun.elapsed(),
            self.found
        );
    }
}

/// Where all of 127.0.0.0/8 is this machine, a host of this process's own: nobody else takes an address there meanwhile.
fn own_host() -> [u8; 4] {
    let [.., high, low] = std::process::id().to_be_bytes();
    if cfg!(target_os = "linux") {
        [127, 3, high, low]
    } else {
        [127, 0, 0, 1]
    }
}
