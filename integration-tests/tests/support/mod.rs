//! What the tests with real transports and real faults share.

#![allow(dead_code, reason = "each test target uses its own part")]

pub(crate) mod balancer;
pub(crate) mod broker;

use std::io::Write;
use std::time::Duration;

use polywire::Polywire;
use polywire::config::Environment;
use tokio::time::{interval, timeout};

/// How long one thing may take, on a machine that does others as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime that nothing but a text configures.
pub(crate) fn wire(text: &str) -> Polywire {
    let builder = Polywire::builder().config_text("polywire.toml", text);
    builder.environment(Environment::default()).build().unwrap()
}

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: &str, waited: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, waited).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Looks again and again at something that tells nobody when it changes.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut look = interval(Duration::from_millis(20));
    soon(what, async {
        while !holds() {
            look.tick().await;
        }
    })
    .await;
}

/// Writes a line that is seen also when the test passes: what a test prints is hidden then.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
}

/// Shows how a test went.
pub(crate) fn figures(line: &str) {
    say(&format!("figures: {line}"));
}
