//! Programs in other languages, with nothing of ours: they do what the pages of `docs/interop` say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails here fails the test"
)]

mod amqp;
mod document;
mod shop;
mod webhook;

use std::time::Duration;

use tokio::time::timeout;

/// How long anything here may take, with everything else on the machine.
const SOON: Duration = Duration::from_secs(60);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(SOON, what).await.unwrap()
}
