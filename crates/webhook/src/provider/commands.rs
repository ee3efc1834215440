//! Accepted commands: a queue for each command and each requirement, so that every replica takes only what it can run.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::contract::{Name, Requirement};
use polywire_core::{Dispatched, Error, ErrorKind, Result, Service};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::inbox::{Inbox, Queue, QueueName, QueueTerms, Workers};
use crate::record::SubscriptionId;
use crate::store::{MAX_BATCH, Store, Subscriptions};

/// How many different requirements and commands of one contract may be queued.
const MAX_QUEUES: usize = 1024;
/// How often queues are looked for that another replica has made, and may have left.
const LOOK: Duration = Duration::from_secs(5);
/// Where the queues of commands are among others, as records have it.
const PREFIX: &str = "inbox:commands/";

/// The commands of one contract that this replica runs. Dropping it takes nothing more.
pub(super) struct Commands {
    inner: Arc<Inner>,
    looking: JoinHandle<()>,
}

struct Inner {
    inbox: Inbox,
    store: Arc<dyn Store>,
    service: Arc<Service>,
    run: Mutex<HashMap<QueueName, (Queue, Workers)>>,
}

impl Commands {
    /// Runs what is queued for a service, and what will be.
    pub(super) async fn start(
        inbox: Inbox,
        store: Arc<dyn Store>,
        service: Arc<Service>,
    ) -> Result<Self> {
        let inner = Arc::new(Inner {
            inbox,
            store,
            service,
            run: Mutex::default(),
        });
        inner.look().await?;
        let looks = inner.clone();
        let looking = tokio::spawn(async move {
            loop {
                sleep(LOOK).await;
                if let Err(error) = looks.look().await {
                    tracing::debug!(%error, "queues of commands were not looked for");
                }
            }
        });
        Ok(Self { inner, looking })
    }

    /// The queue of a command, which is run here from then on.
    pub(super) async fn queue(&self, requirement: &Requirement, command: &Name) -> Result<Queue> {
        self.inner.queue(requirement, command).await
    }

    /// Finishes what is queued and can be run here.
    pub(super) async fn finish(&self) {
        self.looking.abort();
        for mut workers in self.inner.take() {
            workers.finish().await;
        }
    }

    /// Finishes what runs.
    pub(super) async fn stop(&self) {
        self.looking.abort();
        for mut workers in self.inner.take() {
            workers.stop().await;
        }
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Inner {
    fn take(&self) -> Vec<Workers> {
        let run = std::mem::take(&mut *self.run.lock());
        run.into_values().map(|(_, workers)| workers).collect()
    }

    async fn queue(&self, requirement: &Requirement, command: &Name) -> Result<Queue> {
        let contract = self.service.name();
        let name: QueueName =
            format!("commands/{contract}/{command}/{}", requirement.list_text()).parse()?;
        {
            let run = self.run.lock();
            if let Some((queue, _)) = run.get(&name) {
                return Ok(queue.clone());
            }
            if run.len() >= MAX_QUEUES {
                let text = format!(
                    "commands of contract {:?} are queued for {MAX_QUEUES} different requirements, the maximum",
                    contract.as_str()
                );
                return Err(Error::new(ErrorKind::Overloaded, text).dispatched_as(Dispatched::No));
            }
        }
        let stamp = self.service.check(requirement, command)?;
        let terms = QueueTerms {
            group: contract.clone(),
            requested: requirement.clone(),
            version: stamp.version.clone(),
            interactions: vec![command.clone()],
        };
        let queue = self.inbox.open(&name, terms).await?;
        let workers = self.inbox.work(&queue, self.service.clone())?;
        let mut run = self.run.lock();
        // Another request may have been faster; one set of workers is enough.
        run.entry(name).or_insert((queue.clone(), workers));
        Ok(queue)
    }

    /// Takes up queues that others have made and that can be run here.
    async fn look(&self) -> Result<()> {
        let mut after: Option<SubscriptionId> = None;
        loop {
            let page = Subscriptions {
                contract: Some(self.service.name().clone()),
                after: after.take(),
                ..Subscriptions::default()
            };
            let found = self.store.subscriptions(&page).await?;
            let full = found.len() == MAX_BATCH;
            after = found.last().map(|last| last.id.clone());
            for record in found {
                let terms = &record.terms;
                let is_queue = terms.sink.starts_with(PREFIX);
                let Some(command) = terms.events.first().filter(|_| is_queue) else {
                    continue;
                };
                if self.service.check(&terms.requested, command).is_ok() {
                    self.queue(&terms.requested, command).await?;
                }
            }
            if !full {
                return Ok(());
            }
        }
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands")
            .field("contract", self.inner.service.name())
            .field("queues", &self.inner.run.lock().len())
            .finish_non_exhaustive()
    }
}
