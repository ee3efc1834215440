//! The life of a plugin in one consumer: the recorder is the process's, so that there is one test.

use std::collections::BTreeMap;
use std::fs;

use polywire_core::{Error, ErrorKind, Kind, Result};
use polywire_plugin::format::ReleaseId;
use polywire_plugin::window::ManualBootClock;
use tokio::task::JoinHandle;

use crate::consumer::{BAKE, Consumer, WINDOW, call, message, until};
use crate::scrape::Scrape;
use crate::world::{Build, World};

type Answer = Result<(String, String)>;

struct Story {
    scrape: Scrape,
    world: World,
    consumer: Consumer,
    clock: ManualBootClock,
    /// How often calls ended how, by release.
    ended: BTreeMap<(String, &'static str), u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_a_plugin_is_shown() {
    let scrape = Scrape::install();
    let world = World::new();
    let first = world.publish(&build("1.2.0", "1.2.0"));
    world.deploy(&first);
    let (consumer, clock) = Consumer::clocked(&world);
    let mut story = Story {
        scrape,
        world,
        consumer,
        clock,
        ended: BTreeMap::new(),
    };
    story.is_loaded().await;
    story.is_upgraded().await;
    story.refuses_what_is_wrong().await;
    story.leaves_what_panics().await;
    story.has_a_stuck_call().await;
    story.is_cut_off().await;
    story.stops_what_is_revoked().await;
    story.ends().await;
}

fn build(version: &str, serves: &str) -> Build {
    Build::new(version, serves).with("CONCURRENT").with("DEAF")
}

impl Story {
    async fn is_loaded(&mut self) {
        self.until_answered("1.2.0").await;
        let nobody = self.consumer.greet("^9").await.unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::NoMatch, "{nobody}");
        self.count("none", "refused");
        // A method that answers so.
        let fails = message(Kind::Operation, "^1.2", "count", b"");
        let busy = self.consumer.call(fails).await.unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Overloaded, "{busy}");
        self.count("1.2.0", "failed");
        self.scrape
            .shows(&[
                (
                    r#"release_info{contract="greeter",major="1",release="1.2.0",sequence="1"}"#,
                    1.0,
                ),
                (r#"swaps_total{contract="greeter"}"#, 1.0),
                (r#"healthy{contract="greeter"}"#, 1.0),
                (r#"window_remaining_seconds{contract="greeter"}"#, 60.0),
                (r#"generations{contract="greeter",state="resident"}"#, 1.0),
                (r#"generations{contract="greeter",state="draining"}"#, 0.0),
                (r#"stuck_calls{contract="greeter",release="1.2.0"}"#, 0.0),
                // What has not happened is there to be seen when it does.
                (r#"window_expirations_total{contract="greeter"}"#, 0.0),
                (
                    r#"rollbacks_total{contract="greeter",reason="panics"}"#,
                    0.0,
                ),
                (r#"overrun_total{contract="greeter",release="1.2.0"}"#, 0.0),
            ])
            .await;
        let reached = r#"contacts_total{contract="greeter",outcome="reached"}"#;
        self.scrape.reaches(reached, 1.0).await;
        self.calls_are_shown().await;
    }

    async fn is_upgraded(&mut self) {
        let under_way = self.under_way().await;
        let second = self.world.publish(&build("1.3.0", "1.3.0"));
        self.world.deploy(&second);
        self.until_answered("1.3.0").await;
        self.scrape
            .shows(&[
                (
                    r#"release_info{contract="greeter",major="1",release="1.3.0",sequence="2"}"#,
                    1.0,
                ),
                (
                    r#"release_info{contract="greeter",major="1",release="1.2.0",sequence="1"}"#,
                    0.0,
                ),
                (r#"swaps_total{contract="greeter"}"#, 2.0),
                (r#"generations{contract="greeter",state="resident"}"#, 1.0),
                (r#"generations{contract="greeter",state="draining"}"#, 1.0),
                (r#"generations{contract="greeter",state="kept"}"#, 0.0),
            ])
            .await;
        self.lets_go(under_way, "1.2.0").await.unwrap();
        self.scrape
            .shows(&[
                (r#"generations{contract="greeter",state="draining"}"#, 0.0),
                (r#"generations{contract="greeter",state="kept"}"#, 1.0),
            ])
            .await;
        // What the last calls of a release were is told though it is gone.
        self.clock.advance(BAKE);
        self.scrape
            .shows(&[
                (r#"generations{contract="greeter",state="resident"}"#, 1.0),
                (r#"generations{contract="greeter",state="kept"}"#, 0.0),
                (r#"generations{contract="greeter",state="retired"}"#, 0.0),
                (r#"window_remaining_seconds{contract="greeter"}"#, 60.0),
            ])
            .await;
        self.calls_are_shown().await;
    }

    async fn refuses_what_is_wrong(&mut self) {
        let (mixed, other) = (
            self.publish("2.0.0", "1.3.0"),
            self.publish("2.0.1", "1.3.0"),
        );
        let signature = |release: &ReleaseId| {
            let folder = self.world.repository().release_folder(release);
            folder.join("manifest.toml.minisig")
        };
        fs::copy(signature(&other), signature(&mixed)).unwrap();
        self.world.force(&mixed, &self.world.repository().key());
        let refused = r#"refused_releases_total{contract="greeter",reason="signature"}"#;
        let unhealthy = (r#"healthy{contract="greeter"}"#, 0.0);
        self.scrape.shows(&[(refused, 1.0), unhealthy]).await;
        // It is tried again, and counted once.
        self.consumer.looks(&self.world, &self.clock).await;
        let lower = self.publish("2.0.2", "1.1.0");
        self.world.deploy(&lower);
        let less = r#"refused_releases_total{contract="greeter",reason="no-match"}"#;
        self.scrape
            .shows(&[(refused, 1.0), (less, 1.0), unhealthy])
            .await;
        self.until_answered("1.3.0").await;
        let good = self.publish("3.0.0", "1.3.0");
        self.world.deploy(&good);
        self.until_answered("3.0.0").await;
        self.scrape
            .shows(&[
                (
                    r#"release_info{contract="greeter",major="1",release="3.0.0",sequence="5"}"#,
                    1.0,
                ),
                (r#"swaps_total{contract="greeter"}"#, 3.0),
                (r#"healthy{contract="greeter"}"#, 1.0),
                (refused, 1.0),
                (less, 1.0),
            ])
            .await;
    }

    async fn leaves_what_panics(&mut self) {
        let bad = self.world.publish(&build("3.1.0", "1.3.0").with("PANICS"));
        self.world.deploy(&bad);
        while self.greet("3.1.0").await.is_ok() {}
        self.until_answered_by("3.0.0", "3.1.0").await;
        self.scrape
            .shows(&[
                (
                    r#"rollbacks_total{contract="greeter",reason="panics"}"#,
                    1.0,
                ),
                (
                    r#"rollbacks_total{contract="greeter",reason="faults"}"#,
                    0.0,
                ),
                (
                    r#"refused_releases_total{contract="greeter",reason="rolled-back"}"#,
                    1.0,
                ),
                (
                    r#"release_info{contract="greeter",major="1",release="3.0.0",sequence="6"}"#,
                    1.0,
                ),
                (r#"swaps_total{contract="greeter"}"#, 4.0),
                (r#"healthy{contract="greeter"}"#, 0.0),
            ])
            .await;
        self.calls_are_shown().await;
        let good = self.publish("3.2.0", "1.3.0");
        self.world.deploy(&good);
        self.until_answered("3.2.0").await;
        self.scrape
            .shows(&[(r#"healthy{contract="greeter"}"#, 1.0)])
            .await;
    }

    async fn has_a_stuck_call(&mut self) {
        let under_way = self.under_way().await;
        under_way.abort();
        assert!(under_way.await.unwrap_err().is_cancelled());
        let stuck = r#"stuck_calls{contract="greeter",release="3.2.0"}"#;
        self.scrape.shows(&[(stuck, 1.0)]).await;
        fs::write(self.world.path("hold"), "").unwrap();
        self.count("3.2.0", "answered");
        self.scrape.shows(&[(stuck, 0.0)]).await;
        self.calls_are_shown().await;
        fs::remove_file(self.world.path("hold")).unwrap();
    }

    async fn is_cut_off(&mut self) {
        let under_way = self.under_way().await;
        self.world.rename("repository", "away");
        // It says so while it goes on.
        let unhealthy = (r#"healthy{contract="greeter"}"#, 0.0);
        let remaining = r#"window_remaining_seconds{contract="greeter"}"#;
        self.scrape.shows(&[unhealthy, (remaining, 60.0)]).await;
        self.until_answered("3.2.0").await;
        self.clock.advance(WINDOW);
        let expired = (r#"window_expirations_total{contract="greeter"}"#, 1.0);
        self.scrape
            .shows(&[unhealthy, (remaining, 0.0), expired])
            .await;
        let failed = r#"contacts_total{contract="greeter",outcome="missing"}"#;
        self.scrape.reaches(failed, 1.0).await;
        let refused = self.consumer.greet("^1.2").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        self.count("3.2.0", "refused");
        let late = self.lets_go(under_way, "3.2.0").await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Unavailable, "{late}");
        let overrun = r#"overrun_total{contract="greeter",release="3.2.0"}"#;
        self.scrape.shows(&[(overrun, 1.0)]).await;
        self.calls_are_shown().await;
        self.world.rename("away", "repository");
        self.clock.advance(WINDOW / 4);
        self.scrape
            .shows(&[
                (r#"healthy{contract="greeter"}"#, 1.0),
                (remaining, 60.0),
                expired,
                (overrun, 1.0),
            ])
            .await;
        self.until_answered("3.2.0").await;
    }

    async fn stops_what_is_revoked(&mut self) {
        let index = self.world.ack("host").unwrap();
        let current = index.running.get(&1).unwrap();
        let plugin = &self.world.repository().plugin;
        self.world.publisher().revoke(plugin, current).unwrap();
        self.scrape
            .shows(&[
                (r#"revoked_releases_total{contract="greeter"}"#, 1.0),
                // The release before serves again, which is the one that panics.
                (
                    r#"release_info{contract="greeter",major="1",release="3.1.0",sequence="8"}"#,
                    1.0,
                ),
                (
                    r#"release_info{contract="greeter",major="1",release="3.2.0",sequence="7"}"#,
                    0.0,
                ),
                (r#"swaps_total{contract="greeter"}"#, 6.0),
            ])
            .await;
    }

    async fn ends(self) {
        let Self {
            scrape,
            world,
            consumer,
            ended,
            ..
        } = self;
        drop(consumer);
        scrape
            .shows(&[
                (r#"healthy{contract="greeter"}"#, 0.0),
                (r#"window_remaining_seconds{contract="greeter"}"#, 0.0),
                (
                    r#"release_info{contract="greeter",major="1",release="3.1.0",sequence="8"}"#,
                    0.0,
                ),
            ])
            .await;
        let series = scrape.series();
        for (name, value) in &series {
            let gauge = ["release_info{", "generations{", "stuck_calls{"];
            if gauge.iter().any(|gauge| name.starts_with(gauge)) {
                assert_eq!(*value, 0.0, "{name}");
            }
        }
        assert_eq!(shown(&series), ended);
        names_no_secret(&scrape.text(), &world);
    }

    fn publish(&self, version: &str, serves: &str) -> ReleaseId {
        self.world.publish(&build(version, serves))
    }

    fn count(&mut self, release: &str, outcome: &'static str) {
        let key = (release.to_owned(), outcome);
        *self.ended.entry(key).or_default() += 1;
    }

    /// Greets, where this is what panics if anything does.
    async fn greet(&mut self, panics: &str) -> Result<String> {
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

    async fn until_answered(&mut self, release: &str) {
        self.until_answered_by(release, "none").await;
    }

    async fn until_answered_by(&mut self, release: &str, panics: &str) {
        let end = std::time::Instant::now() + crate::consumer::PATIENCE;
        loop {
            let answered: std::result::Result<String, Error> = self.greet(panics).await;
            if answered.as_ref().is_ok_and(|found| found == release) {
                return;
            }
            assert!(std::time::Instant::now() < end, "{release}: {answered:?}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// A call that is in the plugin until it is let go.
    async fn under_way(&self) -> JoinHandle<Answer> {
        let before = self.world.lines("marks").len();
        let channel = self.consumer.channel.clone();
        let waits = message(Kind::Operation, "^1.2", "wait", b"");
        let under_way = tokio::spawn(async move { call(&channel, waits).await });
        let waits = || (self.world.lines("marks").len() > before).then_some(());
        until("a call under way", waits).await;
        under_way
    }

    /// Lets a call go that is in this release, and answers what its caller gets.
    async fn lets_go(&mut self, under_way: JoinHandle<Answer>, release: &str) -> Answer {
        fs::write(self.world.path("hold"), "").unwrap();
        let answer = under_way.await.unwrap();
        self.count(release, "answered");
        fs::remove_file(self.world.path("hold")).unwrap();
        answer
    }

    /// Waits until each call is shown, and no other.
    async fn calls_are_shown(&self) {
        let all = || (shown(&self.scrape.series()) == self.ended).then_some(());
        until("every call", all).await;
    }
}

/// The calls of a scrape, without what has never happened.
fn shown(series: &BTreeMap<String, f64>) -> BTreeMap<(String, &'static str), u64> {
    let mut shown = BTreeMap::new();
    for (name, value) in series {
        let Some(labels) = name.strip_prefix(r#"calls_total{contract="greeter",release=""#) else {
            continue;
        };
        let (release, outcome) = labels.split_once(r#"",outcome=""#).unwrap();
        let outcome = ["answered", "failed", "panicked", "refused"]
            .into_iter()
            .find(|known| outcome == format!("{known}\"}}"))
            .unwrap();
        if *value > 0.0 {
            shown.insert((release.to_owned(), outcome), *value as u64);
        }
    }
    shown
}

/// Every label is a name, a version or a number, and no text of anybody's is in it.
fn names_no_secret(text: &str, world: &World) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        for value in line.split('"').skip(1).step_by(2) {
            let valid = |letter: char| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-".contains(letter)
            };
            assert!(!value.is_empty() && value.chars().all(valid), "{line}");
        }
    }
    let folder = world.path("").display().to_string();
    let secret = &world.repository().secret;
    for said in [folder.trim_end_matches('/'), "/tmp", "://", "host", secret] {
        assert!(!text.contains(said), "{said:?} is in {text}");
    }
    for line in secret.lines().skip(1) {
        assert!(!text.contains(line), "a secret is in {text}");
    }
}
