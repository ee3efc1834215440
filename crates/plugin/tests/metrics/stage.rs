//! A consumer whose recorder is looked at, and what is known of its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use polywire_core::{ErrorKind, Kind, Result};
use polywire_plugin::Observer;
use polywire_plugin::fetch::Reader;
use polywire_plugin::format::ReleaseId;
use polywire_plugin::window::ManualBootClock;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};

use crate::consumer::{Answer, Consumer, PATIENCE, message};
use crate::gate::Gate;
use crate::scrape::Scrape;
use crate::world::{Build, World};

/// How often calls ended how, by release.
pub(crate) type Ended = BTreeMap<(String, String), u64>;

pub(crate) struct Stage {
    pub(crate) scrape: Scrape,
    pub(crate) world: World,
    pub(crate) consumer: Consumer,
    pub(crate) clock: ManualBootClock,
    /// In front of the repository.
    pub(crate) gate: Arc<Gate>,
    ended: Ended,
}

/// A release that takes calls at once, and does not heed who gives them up.
pub(crate) fn build(version: &str, serves: &str) -> Build {
    Build::new(version, serves).with("CONCURRENT").with("DEAF")
}

impl Stage {
    /// One with a first release.
    pub(crate) fn new() -> Self {
        let scrape = Scrape::install();
        let world = World::new();
        let first = world.publish(&build("1.2.0", "1.2.0"));
        world.deploy(&first);
        let gate = Arc::new(Gate::default());
        let before = gate.clone();
        let observer: Arc<Observer> = Arc::new(move |_| {
            before.pass();
            Ok(())
        });
        let reader = Reader::new(world.repository().reading(Some(observer)));
        let (consumer, clock) = Consumer::clocked_by(&world, reader);
        Self {
            scrape,
            world,
            consumer,
            clock,
            gate,
            ended: Ended::new(),
        }
    }

    pub(crate) fn publish(&self, version: &str, serves: &str) -> ReleaseId {
        self.world.publish(&build(version, serves))
    }

    pub(crate) async fn shows(&self, wanted: &[&str]) {
        self.scrape.shows(wanted).await;
    }

    /// Notes how a call has ended.
    pub(crate) fn count(&mut self, release: &str, outcome: &str) {
        let key = (release.to_owned(), outcome.to_owned());
        *self.ended.entry(key).or_default() += 1;
    }

    /// Greets, where this is what panics if anything does.
    pub(crate) async fn greet(&mut self, panics: &str) -> Result<String> {
        match self.consumer.greet("^1.2").await {
            Ok((_, body)) => {
                let release = body.trim_matches('"').to_owned();
                self.count(&release, "answered");
                Ok(release)
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
                self.count(panics, "panicked");
                Err(error)
            }
        }
    }

    pub(crate) async fn until_answered(&mut self, release: &str) {
        self.until_answered_by(release, "none").await;
    }

    /// The same, where this is what panics meanwhile.
    pub(crate) async fn until_answered_by(&mut self, release: &str, panics: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let answered = self.greet(panics).await;
            if answered.as_ref().is_ok_and(|found| found == release) {
                return;
            }
            assert!(Instant::now() < end, "{release}: {answered:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn until_panicked(&mut self, release: &str) {
        let end = Instant::now() + PATIENCE;
        while self.greet(release).await.is_ok() {
            assert!(Instant::now() < end, "{release} does not serve");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Calls what is let in no more.
    pub(crate) async fn is_refused(&mut self, release: &str) {
        let refused = self.consumer.greet("^1.2").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        self.count(release, "refused");
    }

    /// A call that is in the plugin until it is let go.
    pub(crate) async fn under_way(&self) -> JoinHandle<Answer> {
        let waits = message(Kind::Operation, "^1.2", "wait", b"");
        self.consumer.under_way(&self.world, waits).await
    }

    /// Lets a call go that is in this release. Answers what its caller gets.
    pub(crate) async fn lets_go(&mut self, under_way: JoinHandle<Answer>, release: &str) -> Answer {
        fs::write(self.world.path("hold"), "").unwrap();
        let answer = under_way.await.unwrap();
        self.count(release, "answered");
        fs::remove_file(self.world.path("hold")).unwrap();
        answer
    }

    /// Waits until each call is shown, and no other.
    pub(crate) async fn calls_are_shown(&self) {
        let differ = |series: &BTreeSet<String>| {
            let same = calls(series) == self.ended;
            (!same).then(|| format!("{:?}", self.ended))
        };
        self.scrape.until(differ).await;
    }

    /// Ends the consumer. What is left is its recorder, its repository, and how its calls have ended.
    pub(crate) fn end(self) -> (Scrape, World, Ended) {
        (self.scrape, self.world, self.ended)
    }
}

/// The calls of a scrape, without what has never happened.
pub(crate) fn calls(series: &BTreeSet<String>) -> Ended {
    let calls = series
        .iter()
        .filter_map(|line| line.strip_prefix("calls_total{release="));
    let calls = calls.map(|line| {
        let (release, rest) = line.split_once(",outcome=").unwrap();
        let (outcome, times) = rest.split_once("} ").unwrap();
        let key = (release.to_owned(), outcome.to_owned());
        (key, times.parse::<u64>().unwrap())
    });
    calls.filter(|(_, times)| *times > 0).collect()
}
