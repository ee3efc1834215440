//! The life of a plugin in one consumer. It is one test, since the recorder is the process's.

use std::fs;

use polywire_core::{ErrorKind, Kind};
use polywire_plugin::format::ReleaseId;

use crate::consumer::{WINDOW, message, until};
use crate::stage::{Stage, build, calls};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_a_plugin_is_shown() {
    let mut stage = Stage::new();
    is_loaded(&mut stage).await;
    is_upgraded(&mut stage).await;
    refuses_what_is_wrong(&mut stage).await;
    leaves_what_panics(&mut stage).await;
    has_a_stuck_call(&mut stage).await;
    is_cut_off(&mut stage).await;
    waits_for_its_repository(&mut stage).await;
    let serves = waits_for_no_recorder(&mut stage).await;
    stops_what_is_revoked(&mut stage, &serves).await;
    ends(stage).await;
}

async fn is_loaded(stage: &mut Stage) {
    stage.until_answered("1.2.0").await;
    let nobody = stage.consumer.greet("^9").await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::NoMatch, "{nobody}");
    stage.count("none", "refused");
    // A method that answers so.
    let count = message(Kind::Operation, "^1.2", "count", b"");
    let busy = stage.consumer.call(count).await.unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Overloaded, "{busy}");
    stage.count("1.2.0", "failed");
    stage
        .shows(&[
            "release_info{major=1,release=1.2.0,sequence=1} 1",
            "swaps_total 1",
            "healthy 1",
            "window_remaining_seconds 60",
            "generations{state=resident} 1",
            "generations{state=draining} 0",
            "stuck_calls{release=1.2.0} 0",
            // What has not happened is there to be seen when it does.
            "window_expirations_total 0",
            "rollbacks_total{reason=panics} 0",
            "overrun_total{release=1.2.0} 0",
        ])
        .await;
    let reached = |line: &String| {
        let times = line.strip_prefix("contacts_total{outcome=reached} ");
        times.is_some_and(|times| times != "0")
    };
    assert!(stage.scrape.series().iter().any(reached));
    stage.calls_are_shown().await;
}

async fn is_upgraded(stage: &mut Stage) {
    let under_way = stage.under_way().await;
    let second = stage.publish("1.3.0", "1.3.0");
    stage.world.deploy(&second);
    stage.until_answered("1.3.0").await;
    stage
        .shows(&[
            "release_info{major=1,release=1.3.0,sequence=2} 1",
            "release_info{major=1,release=1.2.0,sequence=1} 0",
            "swaps_total 2",
            "generations{state=resident} 1",
            "generations{state=draining} 1",
            "generations{state=kept} 0",
        ])
        .await;
    // Its window ends while its call runs on. That of what serves does not.
    for _ in 0..2 {
        stage.consumer.looks(&stage.world, &stage.clock).await;
    }
    let late = stage.lets_go(under_way, "1.2.0").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Unavailable, "{late}");
    stage
        .shows(&[
            "overrun_total{release=1.2.0} 1",
            "generations{state=resident} 1",
            "generations{state=draining} 0",
            "generations{state=kept} 0",
            "generations{state=retired} 0",
            "window_remaining_seconds 60",
            "window_expirations_total 0",
            "healthy 1",
        ])
        .await;
    // Those of the release that is gone, too.
    stage.calls_are_shown().await;
}

async fn refuses_what_is_wrong(stage: &mut Stage) {
    let mixed = stage.publish("2.0.0", "1.3.0");
    let other = stage.publish("2.0.1", "1.3.0");
    let world = &stage.world;
    let signature = |release: &ReleaseId| {
        let folder = world.repository().release_folder(release);
        folder.join("manifest.toml.minisig")
    };
    fs::copy(signature(&other), signature(&mixed)).unwrap();
    world.force(&mixed, &world.repository().key());
    let unsigned = "refused_releases_total{reason=signature} 1";
    stage.shows(&[unsigned, "healthy 0"]).await;
    // It is tried again, and counted once.
    stage.consumer.looks(&stage.world, &stage.clock).await;
    let lower = stage.publish("2.0.2", "1.1.0");
    stage.world.deploy(&lower);
    let less = "refused_releases_total{reason=no-match} 1";
    stage.shows(&[unsigned, less, "healthy 0"]).await;
    stage.until_answered("1.3.0").await;
    let good = stage.publish("3.0.0", "1.3.0");
    stage.world.deploy(&good);
    stage.until_answered("3.0.0").await;
    stage
        .shows(&[
            "release_info{major=1,release=3.0.0,sequence=5} 1",
            "swaps_total 3",
            "generations{state=resident} 1",
            "generations{state=kept} 1",
            "healthy 1",
            unsigned,
            less,
        ])
        .await;
}

async fn leaves_what_panics(stage: &mut Stage) {
    let bad = build("3.1.0", "1.3.0").with("PANICS");
    let bad = stage.world.publish(&bad);
    stage.world.deploy(&bad);
    stage.until_panicked("3.1.0").await;
    stage.until_answered_by("3.0.0", "3.1.0").await;
    stage
        .shows(&[
            "rollbacks_total{reason=panics} 1",
            "rollbacks_total{reason=faults} 0",
            "refused_releases_total{reason=rolled-back} 1",
            "release_info{major=1,release=3.0.0,sequence=6} 1",
            "swaps_total 4",
            "healthy 0",
        ])
        .await;
    stage.calls_are_shown().await;
    let good = stage.publish("3.2.0", "1.3.0");
    stage.world.deploy(&good);
    stage.until_answered("3.2.0").await;
    stage.shows(&["swaps_total 5", "healthy 1"]).await;
}

async fn has_a_stuck_call(stage: &mut Stage) {
    let under_way = stage.under_way().await;
    under_way.abort();
    assert!(under_way.await.unwrap_err().is_cancelled());
    stage.shows(&["stuck_calls{release=3.2.0} 1"]).await;
    fs::write(stage.world.path("hold"), "").unwrap();
    stage.count("3.2.0", "answered");
    stage.shows(&["stuck_calls{release=3.2.0} 0"]).await;
    stage.calls_are_shown().await;
    fs::remove_file(stage.world.path("hold")).unwrap();
}

async fn is_cut_off(stage: &mut Stage) {
    let under_way = stage.under_way().await;
    stage.world.rename("repository", "away");
    // It says so while it goes on.
    stage
        .shows(&["healthy 0", "window_remaining_seconds 60"])
        .await;
    stage.until_answered("3.2.0").await;
    stage.clock.advance(WINDOW);
    stage
        .shows(&[
            "healthy 0",
            "window_remaining_seconds 0",
            "window_expirations_total 1",
            "contacts_total{outcome=missing} 1",
        ])
        .await;
    stage.is_refused("3.2.0").await;
    let late = stage.lets_go(under_way, "3.2.0").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Unavailable, "{late}");
    stage.shows(&["overrun_total{release=3.2.0} 1"]).await;
    stage.calls_are_shown().await;
    stage.world.rename("away", "repository");
    stage.clock.advance(WINDOW / 4);
    stage
        .shows(&[
            "healthy 1",
            "window_remaining_seconds 60",
            "window_expirations_total 1",
            "overrun_total{release=3.2.0} 1",
        ])
        .await;
    stage.until_answered("3.2.0").await;
}

async fn waits_for_its_repository(stage: &mut Stage) {
    stage.gate.shut(true);
    stage.clock.advance(WINDOW);
    stage.is_refused("3.2.0").await;
    // Whoever keeps it waits, and the figures go on.
    stage
        .shows(&["healthy 0", "window_remaining_seconds 0"])
        .await;
    stage.calls_are_shown().await;
    stage.gate.shut(false);
    stage
        .shows(&[
            "healthy 1",
            "window_remaining_seconds 60",
            "window_expirations_total 2",
        ])
        .await;
    stage.until_answered("3.2.0").await;
    stage.calls_are_shown().await;
}

async fn waits_for_no_recorder(stage: &mut Stage) -> ReleaseId {
    let gate = stage.scrape.gate.clone();
    gate.shut(true);
    until("the recorder to hang", || gate.holds().then_some(())).await;
    let next = stage.publish("3.2.1", "1.3.0");
    stage.world.deploy(&next);
    stage.until_answered("3.2.1").await;
    gate.shut(false);
    // Nothing is forgotten meanwhile.
    stage
        .shows(&[
            "release_info{major=1,release=3.2.1,sequence=8} 1",
            "swaps_total 6",
        ])
        .await;
    stage.calls_are_shown().await;
    next
}

async fn stops_what_is_revoked(stage: &mut Stage, release: &ReleaseId) {
    let plugin = &stage.world.repository().plugin;
    let publisher = stage.world.publisher();
    publisher.revoke(plugin, release).unwrap();
    stage
        .shows(&[
            "revoked_releases_total 1",
            "release_info{major=1,release=3.2.1,sequence=8} 0",
            // The release before serves again.
            "release_info{major=1,release=3.2.0,sequence=9} 1",
            "swaps_total 7",
        ])
        .await;
    let last = stage.publish("3.3.0", "1.3.0");
    stage.world.deploy(&last);
    stage.until_answered("3.3.0").await;
    stage
        .shows(&["swaps_total 8", "generations{state=kept} 1"])
        .await;
    // Not told yet when it ends.
    stage.until_answered("3.3.0").await;
}

async fn ends(stage: Stage) {
    let (scrape, world, ended) = stage.end();
    scrape
        .shows(&[
            "healthy 0",
            "window_remaining_seconds 0",
            "generations{state=resident} 0",
            "release_info{major=1,release=3.3.0,sequence=10} 0",
        ])
        .await;
    assert_eq!(calls(&scrape.series()), ended);
    for line in scrape.series() {
        let now = ["release_info", "stuck_calls", "generations"];
        if now.iter().any(|gauge| line.starts_with(gauge)) {
            assert!(line.ends_with(" 0"), "{line}");
        }
    }
    names_no_secret(&scrape.text(), &world);
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
    let secret = secret.lines().filter(|line| line.len() > 20);
    for said in secret.chain([folder.trim_end_matches('/'), "://"]) {
        assert!(!text.contains(said), "{said:?} is in {text}");
    }
}
