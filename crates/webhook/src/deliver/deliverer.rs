//! The handle of a worker.

use std::sync::Arc;

use polywire_core::{Error, ErrorKind, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::notice::Notices;
use super::options::DeliverOptions;
use super::sender::Sender;
use super::signers::Signers;
use super::worker::{Command, Worker};
use crate::record::SubscriptionId;
use crate::schedule::Standing;
use crate::store::Store;

/// A worker that delivers what a store holds, until it is drained, stopped or dropped.
#[derive(Debug)]
pub struct Deliverer {
    store: Arc<dyn Store>,
    commands: mpsc::Sender<Command>,
    worker: JoinHandle<()>,
}

impl Deliverer {
    /// Begins to deliver. Any number of workers may share a store.
    ///
    /// # Errors
    /// `Config` when an option is out of its bounds.
    ///
    /// # Panics
    /// When called outside of a runtime of tokio.
    pub fn start(
        store: Arc<dyn Store>,
        sender: Sender,
        signers: Arc<dyn Signers>,
        notices: Arc<dyn Notices>,
        options: DeliverOptions,
    ) -> Result<Self> {
        options.check()?;
        let (commands, asked) = mpsc::channel(16);
        let worker = Worker::new(store.clone(), sender, signers, notices, options, asked);
        Ok(Self {
            store,
            commands,
            worker: tokio::spawn(worker.run()),
        })
    }

    /// Leases nothing more, and resolves when everything in its hands has been attempted and settled.
    ///
    /// # Behavior
    /// What its endpoint does not take now goes back instead. A store that cannot be reached is waited for no longer than
    /// [`DeliverOptions::grace`]. Afterwards the worker has ended.
    ///
    /// # Cancel safety
    /// Safe: it goes on to its end.
    pub async fn drain(&self) {
        self.end(Command::Drain).await;
    }

    /// Gives back what has not begun, and resolves when what has begun is settled. Else as [`drain`](Self::drain).
    ///
    /// # Cancel safety
    /// Safe: it goes on to its end.
    pub async fn stop(&self) {
        self.end(Command::Stop).await;
    }

    /// Forgets how an endpoint stood, durably, because an operator or the subscriber says that it works: deliveries begin at
    /// once. Its subscription must be [active](crate::record::State::Active).
    ///
    /// # Errors
    /// Those of the store, and `Closed` when the worker has ended.
    pub async fn resume(&self, subscription: &SubscriptionId) -> Result<()> {
        self.store.stand(subscription, &Standing::default()).await?;
        let command = Command::Resume(subscription.clone());
        let asked = self.commands.send(command).await;
        asked.map_err(|_| Error::new(ErrorKind::Closed, "the worker of webhooks has ended"))
    }

    async fn end(&self, command: Command) {
        // One that has ended already takes none.
        let _ = self.commands.send(command).await;
        self.commands.closed().await;
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.worker.abort();
    }
}
