//! The provider's side: who subscribes to what, and publishing to those who have.
//!
//! A subscription is created at `/webhooks/subscriptions` and is pending until its sink has consented: it answers the
//! handshake of CloudEvents HTTP webhook 1.0 section 4, and then echoes a challenge that is signed like its deliveries will be. A
//! change of the sink, of keys or of the major is asked for in the same way, and the old state serves until the sink agrees.
//!
//! What is published is rendered and enqueued for each subscription of the event whose version is on the track of the message.
//! Subscriptions are remembered: a change made by this process holds at once, one by another process after
//! [`ServerOptions::poll`] at most.
//!
//! A message of which some copies are published before an upgrade is committed and some after it stays, for that subscription,
//! on the version that the first of them found: it comes once. It may then follow the sequence number that the commit named.
//!
//! Nothing is sent from here but the questions for consent: that is the part of [`deliver`](crate::deliver).

mod agree;
mod change;
mod create;
mod deliveries;
mod document;
mod lifecycle;
mod notice;
mod operate;
mod options;
mod ping;
mod publish;
mod read;
mod reply;
mod rewrite;
mod rotate;
mod route;
mod upgrade;
mod upkeep;
mod verify;
mod who;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use polywire_core::contract::Name;
use polywire_core::{Result, Service};
use tokio::task::{AbortHandle, JoinSet};

pub use notice::{Notice, NoticeCode, Notices};
pub(crate) use operate::{Asks, absent};
pub use options::ServerOptions;
pub(crate) use ping::ping;
pub use publish::Publisher;

use crate::deliver::Sender;
use crate::record::Subscription;
use crate::seal::Keyring;
use crate::store::Store;
use publish::Book;
use verify::Consents;

/// Takes subscriptions and publishes to them. Cloning shares it; its tasks end with the last clone, or [`close`](Self::close).
#[derive(Clone)]
pub struct Server(Arc<Handle>);

struct Handle {
    inner: Arc<Inner>,
    /// `None` once it is closed.
    tasks: Mutex<Option<JoinSet<()>>>,
}

/// What tasks share; it does not hold them, so that they end with their server.
pub(super) struct Inner {
    store: Arc<dyn Store>,
    keys: Keyring,
    sender: Sender,
    options: ServerOptions,
    services: RwLock<BTreeMap<Name, Arc<Service>>>,
    book: Book,
    consents: Consents,
}

impl Server {
    /// Takes subscriptions into a store, with keys sealed by a keyring, and asks sinks for their consent through a sender.
    ///
    /// # Errors
    /// `Config` when an option is out of its bounds; those of [`Store`] when it cannot be read.
    pub async fn start(
        store: Arc<dyn Store>,
        keys: Keyring,
        sender: Sender,
        options: ServerOptions,
    ) -> Result<Self> {
        let server = Self::beside(store, keys, sender, options)?;
        let inner = server.inner();
        inner.book.refresh(&*inner.store).await?;
        // They end with the server.
        let _ = server.spawn(publish::keep_up(inner.clone()));
        let _ = server.spawn(upkeep::keep_up(inner.clone()));
        Ok(server)
    }

    /// A server that does only what it is asked to, beside one that is started elsewhere on the same store.
    ///
    /// # Errors
    /// `Config` when an option is out of its bounds.
    pub(crate) fn beside(
        store: Arc<dyn Store>,
        keys: Keyring,
        sender: Sender,
        options: ServerOptions,
    ) -> Result<Self> {
        options.check()?;
        let inner = Arc::new(Inner {
            book: Book::new(options.recent, options.recent_bytes),
            store,
            keys,
            sender,
            options,
            services: RwLock::default(),
            consents: Consents::default(),
        });
        Ok(Self(Arc::new(Handle {
            inner,
            tasks: Mutex::new(Some(JoinSet::new())),
        })))
    }

    /// Takes subscriptions of a contract; serving it again replaces its service.
    pub fn serve(&self, service: Arc<Service>) {
        let name = service.name().clone();
        self.inner().services.write().insert(name, service);
    }

    /// Takes no more subscriptions of a contract.
    pub(crate) fn withdraw(&self, contract: &Name) {
        self.inner().services.write().remove(contract);
    }

    /// Publishes to those who have subscribed.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.0.inner.clone())
    }

    /// Ends its tasks. Requests are still answered, but no sink is asked for its consent any more. Idempotent.
    pub async fn close(&self) {
        let tasks = self.0.tasks.lock().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.0.inner
    }

    fn is_closed(&self) -> bool {
        self.0.tasks.lock().is_none()
    }

    /// Runs something until it ends or the server does; `None` when that has ended already.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        let mut tasks = self.0.tasks.lock();
        let tasks = tasks.as_mut()?;
        while tasks.try_join_next().is_some() {}
        Some(tasks.spawn(task))
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    fn service(&self, contract: &Name) -> Option<Arc<Service>> {
        self.services.read().get(contract).cloned()
    }

    fn notice(&self, of: &Subscription, code: NoticeCode, detail: impl Into<String>) {
        let notice = Notice::of(of, code, detail, self.now());
        self.options.notices.notice(notice);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<Name> = self.inner().services.read().keys().cloned().collect();
        f.debug_struct("Server")
            .field("services", &services)
            .field("options", &self.inner().options)
            .finish_non_exhaustive()
    }
}
