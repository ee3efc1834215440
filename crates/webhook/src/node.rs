//! What the channels of one transport share: the listener, the stores and both ends, each opened when it is first needed.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use polywire_core::{Authenticator, Error, ErrorKind, Letters, Result};
use polywire_http::HttpTransport;
use tokio::sync::OnceCell;

use crate::client::{Calls, GroupOptions, Groups, Hooks, Place};
use crate::clock::{Clock, SystemClock};
use crate::config::WebhookConfig;
use crate::extension::Paths;
use crate::inbox::{Inbox, InboxOptions};
use crate::parts::Purpose;
use crate::provider::{Provider, ProviderParts};
use crate::store::Store;
use crate::wire::arrived::Documents;

/// What channels share.
pub(crate) struct Node {
    config: WebhookConfig,
    authenticator: Option<Arc<dyn Authenticator>>,
    clock: Arc<dyn Clock>,
    pub(crate) http: Arc<HttpTransport>,
    hooks: Arc<Hooks>,
    place: Arc<Place>,
    inbox: OnceCell<Kept>,
    calls: OnceCell<Arc<Calls>>,
    groups: OnceCell<Arc<Groups>>,
    /// Also in the hands of the listener.
    provider: Arc<OnceLock<Arc<Provider>>>,
    starting: tokio::sync::Mutex<()>,
    /// How many channels are open.
    open: AtomicU64,
}

/// What has arrived, and where it is kept.
#[derive(Clone)]
struct Kept {
    inbox: Inbox,
    store: Arc<dyn Store>,
}

impl Node {
    pub(crate) fn new(
        config: WebhookConfig,
        authenticator: Option<Arc<dyn Authenticator>>,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let hooks = Arc::new(Hooks::new(clock.clone()));
        let provider = Arc::default();
        let paths = Paths::new(hooks.clone(), Arc::clone(&provider));
        let http = HttpTransport::with_extension(config.http.clone(), Arc::new(paths));
        let http = Arc::new(http);
        let place = Place::new(
            http.clone(),
            config.public_url.clone(),
            config.token.clone(),
        );
        Self {
            config,
            authenticator,
            clock,
            http,
            hooks,
            place: Arc::new(place),
            inbox: OnceCell::new(),
            calls: OnceCell::new(),
            groups: OnceCell::new(),
            provider,
            starting: tokio::sync::Mutex::default(),
            open: AtomicU64::new(0),
        }
    }

    pub(crate) fn config(&self) -> &WebhookConfig {
        &self.config
    }

    async fn kept(&self) -> Result<&Kept> {
        self.inbox
            .get_or_try_init(async || {
                let store = self.config.open(Purpose::Inbox).await?;
                let inbox = Inbox::start(
                    store.clone(),
                    Arc::new(Documents),
                    self.config.bounds.clone(),
                    InboxOptions::default(),
                );
                Ok(Kept { inbox, store })
            })
            .await
    }

    pub(crate) async fn calls(&self) -> Result<&Arc<Calls>> {
        // It listens from now on, and groups may be known; who only calls needs no store.
        if self.config.has_inbox()
            && let Err(error) = self.groups().await
        {
            tracing::warn!(%error, "groups that are registered get no events before one is joined");
        }
        self.calls
            .get_or_try_init(async || {
                let calls = Calls::new(
                    self.http.clone(),
                    self.hooks.clone(),
                    self.place.clone(),
                    self.clock.clone(),
                )?;
                Ok(Arc::new(calls))
            })
            .await
    }

    pub(crate) async fn groups(&self) -> Result<&Arc<Groups>> {
        self.groups
            .get_or_try_init(async || {
                let Kept { inbox, store } = self.kept().await?.clone();
                let options = GroupOptions {
                    lease: self.config.lease,
                    sign: self.config.sign.clone(),
                };
                let groups = Groups::new(
                    self.hooks.clone(),
                    self.place.clone(),
                    self.clock.clone(),
                    (inbox, store),
                    self.config.keyring()?,
                    options,
                );
                groups.recall().await?;
                Ok(Arc::new(groups))
            })
            .await
    }

    /// The provider's end, started when something is served or published.
    pub(crate) async fn provider(&self) -> Result<Arc<Provider>> {
        let _one = self.starting.lock().await;
        if let Some(provider) = self.provider.get() {
            return Ok(provider.clone());
        }
        let origin = HeaderValue::from_str(&self.config.origin).map_err(|_| {
            let text = format!(
                "origin is {:?}: expected a name such as \"events.example.com\"",
                self.config.origin
            );
            Error::new(ErrorKind::Config, text)
        })?;
        let Kept { inbox, store } = self.kept().await?.clone();
        let parts = ProviderParts {
            store: self.config.open(Purpose::Outbox).await?,
            inbox,
            kept: store,
            keyring: self.config.keyring()?,
            sender: self.config.sender(&self.clock)?,
            server: self
                .config
                .server_options(self.authenticator.clone(), &self.clock),
            deliver: self.config.deliver_options(&self.clock),
            origin,
        };
        let provider = Arc::new(Provider::start(parts).await?);
        Ok(self.provider.get_or_init(|| provider).clone())
    }

    /// The provider's end, if something was served.
    pub(crate) fn served(&self) -> Option<&Arc<Provider>> {
        self.provider.get()
    }

    /// What was set aside of what has arrived.
    pub(crate) fn letters(&self) -> Option<Arc<dyn Letters>> {
        self.inbox.get().map(|kept| kept.inbox.letters())
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::AcqRel);
    }

    /// Lets go of everything with the last channel.
    pub(crate) async fn closed(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close().await;
        }
    }

    async fn close(&self) {
        if let Some(calls) = self.calls.get() {
            calls.close();
        }
        if let Some(groups) = self.groups.get() {
            groups.close().await;
        }
        if let Some(provider) = self.provider.get() {
            provider.stop().await;
        }
        if let Some(kept) = self.inbox.get() {
            kept.inbox.close().await;
            kept.store.close().await;
        }
        // Its own channel closes the listener with the last contract; a consumer's has none.
        if let Err(error) = polywire_core::Transport::close(self.http.as_ref()).await {
            tracing::debug!(%error, "the listener was not closed");
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
