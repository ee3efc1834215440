//! When there may be something to do.

use tokio::sync::watch;

/// Resolves when deliveries may have become ready since the last time. What becomes due by time alone wakes nobody.
#[derive(Clone, Debug)]
pub struct Wakes(watch::Receiver<()>);

impl Wakes {
    /// The next time; at once when there was one since the last call.
    ///
    /// # Behavior
    /// Pending for ever once the store is gone.
    ///
    /// # Cancel safety
    /// Safe: nothing is missed.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The other side: tells everybody.
#[derive(Clone, Debug)]
pub(super) struct Waker(watch::Sender<()>);

impl Waker {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(super) fn wake(&self) {
        self.0.send_replace(());
    }

    pub(super) fn wakes(&self) -> Wakes {
        Wakes(self.0.subscribe())
    }
}
