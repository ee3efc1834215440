//! What callers leave behind who stop waiting: a process of its own, as memory is the process's.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use polywire_testkit::sample::{Edition, Happened1};
use tokio::time::timeout;

use support::stage::{event, provider, within};

/// Confirms that nobody waits for are kept by the library, at 0.8 KiB each: these would take 8 MiB.
const ABANDONED: u64 = 10_000;
/// What may be taken, in KiB.
const GROWTH: u64 = 4 * 1024;

/// What this process takes, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let amount = line.unwrap().trim().trim_end_matches(" kB");
    amount.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_publishes_leave_nothing_in_memory() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let publisher = provider.publisher(Edition::V1_4);
    let abandon = async |count| {
        for number in 0..count {
            let event = event(1, number);
            // Begun and given up at once, in most rounds before the confirm.
            let _ = timeout(Duration::ZERO, publisher.publish::<Happened1>(&event)).await;
        }
        // Confirmed in order: behind this one nothing is under way any more.
        let last = event(2, 0);
        let publish = publisher.publish::<Happened1>(&last);
        within("the last", publish).await.unwrap();
    };
    abandon(ABANDONED / 10).await;
    let before = resident();
    abandon(ABANDONED).await;
    let after = resident();
    assert!(
        after.saturating_sub(before) < GROWTH,
        "{before} KiB grew to {after} KiB over {ABANDONED} abandoned publishes"
    );
}
