//! A process that is told to stop. Signals reach the whole process, so this is a program of its own with one test.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::future::pending;
use std::pin::pin;
use std::process::Command;
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use polywire::config::Environment;
use polywire::prelude::*;
use tokio::sync::mpsc;
use tokio::time::timeout;

#[polywire::contract(name = "clock", version = "1.0.0")]
trait Clock {
    async fn never(&self, cx: &Context) -> Result<(), std::convert::Infallible>;
}

struct Stuck(mpsc::UnboundedSender<()>);

impl Clock for Stuck {
    async fn never(&self, _: &Context) -> Result<(), std::convert::Infallible> {
        let _ = self.0.send(());
        pending().await
    }
}

fn wire() -> Polywire {
    Polywire::builder()
        .config_text("polywire.toml", "[channel.clock]\ntransport = \"memory\"\n")
        .environment(Environment::new())
        .build()
        .unwrap()
}

fn signal(name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &std::process::id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

const BOUND: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_first_signal_drains_and_the_second_ends() {
    for name in ["TERM", "INT"] {
        let wire = wire();
        let mut run = pin!(wire.run());
        // Polled once, it listens.
        assert!(poll!(run.as_mut()).is_pending());
        signal(name);
        timeout(BOUND, run).await.unwrap().unwrap();
    }

    let wire = wire();
    let (started, mut seen) = mpsc::unbounded_channel();
    wire.provide("clock", ClockServer::new(Stuck(started)))
        .await
        .unwrap();
    let client: ClockClient = wire.connect("clock").await.unwrap();
    let held = tokio::spawn(async move { client.never().await });
    timeout(BOUND, seen.recv()).await.unwrap().unwrap();
    let mut run = pin!(wire.run());
    assert!(poll!(run.as_mut()).is_pending());
    signal("TERM");
    timeout(BOUND, async {
        while wire.health()["clock"] == polywire::Health::Ready {
            assert!(matches!(poll!(run.as_mut()), Poll::Pending));
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    signal("TERM");
    let error = timeout(BOUND, run).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "drain: told to stop twice while work still ran, and was cut off"
    );
    assert!(timeout(BOUND, held).await.unwrap().unwrap().is_err());
}
