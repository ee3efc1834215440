//! The process of a worker, which says what its store has answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_core::Result;
use polywire_webhook::deliver::{DeliverOptions, Deliverer, SendLimits, SenderOptions};
use polywire_webhook::record::{Claim, Fate, Settlement};
use polywire_webhook::schedule::EndpointLimits;
use polywire_webhook::store::{LeasedBatch, PostgresOptions, PostgresStore};
use tokio::sync::mpsc;

use super::{AT_ONCE, Beats, FROZEN, LEASE};
use crate::process::{say, setting};
use crate::watched::{Ask, Between, Watched};
use crate::world::{Keys, SOON, Told, sender};

pub(crate) const ROLE: &str = "worker";
/// The URL of its store.
pub(super) const STORE: &str = "POLYWIRE_TEST_FAULTS_STORE";
/// What it calls itself at sinks.
pub(super) const NAME: &str = "POLYWIRE_TEST_FAULTS_NAME";
/// Its [`Beats`].
pub(super) const BEATS: &str = "POLYWIRE_TEST_FAULTS_BEATS";

/// Delivers until it is told to drain.
pub(crate) async fn work(mut told: mpsc::UnboundedReceiver<String>) {
    let options = PostgresOptions::new(setting(STORE));
    let store = PostgresStore::open(options).await.unwrap();
    let between = Saying {
        withheld: setting(BEATS) == Beats::Withheld.name(),
        beat: Mutex::new(Instant::now()),
    };
    let watched = Watched {
        store: Arc::new(store),
        between: Arc::new(between),
    };
    let name = setting(NAME);
    let is_frozen = name == FROZEN;
    let options = DeliverOptions {
        // The other one has to find by itself that leases have run out, and keeps its own however busy the machine is. The
        // first one is not to be the first to find it.
        poll: if is_frozen {
            SOON
        } else {
            Duration::from_millis(20)
        },
        lease: if is_frozen { LEASE } else { SOON },
        user_agent: name,
        endpoint: EndpointLimits {
            concurrency: AT_ONCE,
            ..EndpointLimits::default()
        },
        send: SendLimits {
            deadline: SOON,
            ..SendLimits::default()
        },
        ..DeliverOptions::default()
    };
    let keys = Arc::new(Keys(Mutex::new(None)));
    let sender = sender(SenderOptions::default());
    let notices = Arc::<Told>::default();
    let deliverer = Deliverer::start(Arc::new(watched), sender, keys, notices, options).unwrap();
    say("started");
    assert_eq!(told.recv().await.as_deref(), Some("drain"));
    deliverer.drain().await;
    say("drained");
}

/// Says what became of claims.
#[derive(Debug)]
struct Saying {
    withheld: bool,
    /// When leases were given or prolonged last.
    beat: Mutex<Instant>,
}

#[async_trait]
impl Between for Saying {
    async fn before(&self, asked: Ask) -> Result<()> {
        if asked == Ask::Extend && self.withheld {
            let late = {
                let mut beat = self.beat.lock();
                let late = beat.elapsed() >= LEASE;
                if !late {
                    *beat = Instant::now();
                }
                late
            };
            if late {
                // The store takes its time, just now.
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    }

    fn leased(&self, leased: &LeasedBatch) {
        if !leased.deliveries.is_empty() {
            *self.beat.lock() = Instant::now();
        }
    }

    fn extended(&self, claims: &[Claim], extended: &[bool]) {
        for (claim, extended) in claims.iter().zip(extended) {
            if !extended {
                say(&format!("lost {} {}", claim.id, claim.fence));
            }
        }
    }

    fn settled(&self, settlements: &[Settlement], settled: &[bool]) {
        for (settlement, settled) in settlements.iter().zip(settled) {
            let fate = match settlement.fate {
                Fate::Done => "done",
                Fate::Retry { .. } => "retry",
                Fate::Release { .. } => "release",
                Fate::Dead { .. } | Fate::Park { .. } => "letter",
            };
            let carried_out = if *settled { "settled" } else { "refused" };
            say(&format!("{carried_out} {} {fate}", settlement.claim.id));
        }
    }
}
