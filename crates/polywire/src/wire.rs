//! The runtime: channels by name, opened when they are first used and shared by whoever uses them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use polywire_core::config::nearest;
use polywire_core::contract::{Contract, Requirement, Track};
use polywire_core::{
    Channel, ContractClient, Environment, Error, ErrorKind, Health, Result, Service, Session,
    Transport, Versions,
};
use polywire_layers::{Retry, Timeout};
use tokio::sync::OnceCell;

use crate::builder::Builder;
use crate::provided::Provided;
use crate::settings::{ChannelSettings, Settings};

/// Everything a process needs to talk: its channels and transports, as configured.
///
/// Cloning is cheap, and clones are one runtime. Nothing is opened before it is used, and nothing waits for the far
/// side: providers and consumers start in any order.
///
/// ```
/// use polywire::Polywire;
///
/// let text = "[channel.orders]\ntransport = \"memory\"\n";
/// let wire = Polywire::builder().config_text("polywire.toml", text).build()?;
/// assert_eq!(wire.channels().collect::<Vec<_>>(), ["orders"]);
/// # Ok::<(), polywire::Error>(())
/// ```
#[derive(Clone)]
pub struct Polywire {
    inner: Arc<Inner>,
}

struct Inner {
    file: String,
    drain_timeout: Duration,
    environment: Environment,
    channels: BTreeMap<String, Link>,
    transports: Vec<Arc<dyn Transport>>,
    closed: AtomicBool,
}

/// A configured channel, opened or not.
struct Link {
    settings: ChannelSettings,
    transport: Arc<dyn Transport>,
    opened: OnceCell<Arc<dyn Channel>>,
    serves: AtomicBool,
}

impl Polywire {
    /// Reads a config file, with the overrides of the environment.
    ///
    /// # Errors
    /// `Config` when the file cannot be read or anything in it is wrong; [`std::error::Error::source`] is
    /// [`Mistakes`](crate::config::Mistakes) with all of it, and `Debug` prints it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().config_file(path).build()
    }

    /// Reads the config file that `POLYWIRE_CONFIG` names, or else `polywire.toml` in the working directory.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_default() -> Result<Self> {
        Self::builder().build()
    }

    /// More ways to configure: a text instead of a file, further transports, an authenticator.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(file: &str, settings: Settings) -> Self {
        let Settings {
            service,
            environment,
            channels,
            transports,
        } = settings;
        let mut links = BTreeMap::new();
        for (name, channel) in channels {
            let found = transports
                .iter()
                .find(|transport| channel.transport.as_ref() == Some(&transport.name));
            let Some(transport) = found.and_then(|found| found.transport.clone()) else {
                continue;
            };
            tracing::info!(
                channel = name,
                contract = channel.contract.as_deref(),
                transport = channel.transport,
                because = channel.reason,
                "channel configured"
            );
            let link = Link {
                settings: channel,
                transport,
                opened: OnceCell::new(),
                serves: AtomicBool::new(false),
            };
            links.insert(name, link);
        }
        tracing::info!(
            service = service.name,
            instance = service.instance,
            file,
            "configuration read"
        );
        let inner = Inner {
            file: file.to_owned(),
            drain_timeout: service.drain_timeout,
            environment,
            channels: links,
            transports: transports
                .into_iter()
                .filter_map(|transport| transport.transport)
                .collect(),
            closed: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Serves a contract on a channel: a generated server, or [`Versions`] for several versions at once. Returns once
    /// it can be reached.
    ///
    /// # Errors
    /// `Config` for a channel that is not configured or is of another contract, and for what [`Service::new`] refuses;
    /// otherwise as [`Channel::serve`].
    pub async fn provide(&self, channel: &str, versions: impl Into<Versions>) -> Result<Provided> {
        let link = self.link(channel)?;
        let mut service = Service::new(versions)?
            .with_limits(link.settings.limits.clone())
            .with_instance(&self.inner.environment.instance);
        if let Some(authenticator) = &self.inner.environment.authenticator {
            service = service.with_authenticator(authenticator.clone());
        }
        if Some(service.name()) != link.settings.contract.as_ref() {
            return Err(self.other_contract(channel, link, service.name()));
        }
        let service = Arc::new(service);
        let opened = self.open(channel, link).await?;
        opened
            .serve(service.clone())
            .await
            .map_err(|error| error.attempting(format!("serve {channel}")))?;
        link.serves.store(true, Ordering::Release);
        tracing::info!(channel, offer = service.offer().header_text(), "serving");
        Ok(Provided::new(opened, service, link.settings.policy.timeout))
    }

    /// A generated client of a channel's contract. Does not wait for a provider.
    ///
    /// # Errors
    /// `Config` for a channel that is not configured or is of another contract; otherwise as [`Transport::channel`].
    pub async fn connect<C: ContractClient>(&self, channel: &str) -> Result<C> {
        let link = self.link(channel)?;
        let contract = C::contract()?;
        if Some(contract.name()) != link.settings.contract.as_ref() {
            return Err(self.other_contract(channel, link, contract.name()));
        }
        let requirement = requirement(channel, link, &contract);
        let opened = self.open(channel, link).await?;
        Ok(C::new(Session::new(
            opened,
            contract,
            requirement,
            link.settings.policy.clone(),
        )?))
    }

    /// A channel with its layers, for what has no generated client. It is the same for every caller.
    ///
    /// # Errors
    /// `Config` for a channel that is not configured, `Closed` after [`close`](Self::close); otherwise as
    /// [`Transport::channel`].
    pub async fn channel(&self, name: &str) -> Result<Arc<dyn Channel>> {
        self.open(name, self.link(name)?).await
    }

    /// The names of the configured channels, in alphabetical order.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.inner.channels.keys().map(String::as_str)
    }

    /// The name of this instance among its replicas.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.inner.environment.instance
    }

    /// The health of every channel that was opened, by name.
    #[must_use]
    pub fn health(&self) -> BTreeMap<String, Health> {
        let opened = self
            .inner
            .channels
            .iter()
            .filter_map(|(name, link)| Some((name, link.opened.get()?)));
        opened
            .map(|(name, channel)| (name.clone(), channel.health()))
            .collect()
    }

    /// Stops taking new work and waits until what runs has finished, first where this process serves, then where it
    /// only consumes, so that a handler may still use its own clients. Idempotent, and without a bound of its own:
    /// [`run`](Self::run) bounds it by `[service] drain_timeout`.
    ///
    /// # Errors
    /// The first error of a channel or transport; the others are drained all the same.
    pub async fn drain(&self) -> Result<()> {
        let (serving, consuming): (Vec<&Link>, Vec<&Link>) = self
            .inner
            .channels
            .values()
            .partition(|link| link.serves.load(Ordering::Acquire));
        let mut result = Ok(());
        for links in [serving, consuming] {
            let opened: Vec<_> = links.iter().filter_map(|link| link.opened.get()).collect();
            result = first_error(
                result,
                join_all(opened.iter().map(|channel| channel.drain())).await,
            );
        }
        first_error(
            result,
            join_all(
                self.inner
                    .transports
                    .iter()
                    .map(|transport| transport.drain()),
            )
            .await,
        )
    }

    /// Lets go of everything at once; what still runs is cancelled. Idempotent.
    ///
    /// # Errors
    /// The first error of a channel or transport; the others are closed all the same.
    pub async fn close(&self) -> Result<()> {
        self.inner.closed.store(true, Ordering::Release);
        let opened: Vec<_> = self
            .inner
            .channels
            .values()
            .filter_map(|link| link.opened.get())
            .collect();
        let result = first_error(
            Ok(()),
            join_all(opened.iter().map(|channel| channel.close())).await,
        );
        first_error(
            result,
            join_all(
                self.inner
                    .transports
                    .iter()
                    .map(|transport| transport.close()),
            )
            .await,
        )
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        self.inner.drain_timeout
    }

    fn link(&self, name: &str) -> Result<&Link> {
        self.inner
            .channels
            .get(name)
            .ok_or_else(|| self.not_configured(name))
    }

    async fn open(&self, name: &str, link: &Link) -> Result<Arc<dyn Channel>> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(closed(name));
        }
        let opened = link.opened.get_or_try_init(|| async {
            let channel = link
                .transport
                .channel(name)
                .await
                .map_err(|error| error.attempting(format!("open channel {name}")))?;
            Ok::<_, Error>(layered(channel, &link.settings))
        });
        let opened = opened.await?.clone();
        // It may have been closed while the channel was being opened, and then nobody else closes this one.
        if self.inner.closed.load(Ordering::Acquire) {
            opened.close().await?;
            return Err(closed(name));
        }
        Ok(opened)
    }

    fn not_configured(&self, name: &str) -> Error {
        let names: Vec<&str> = self.channels().collect();
        let near = nearest(name, names.iter().copied())
            .map_or_else(String::new, |near| format!(" did you mean {near:?}?"));
        let configured = if names.is_empty() {
            "none is".to_owned()
        } else {
            format!("configured: {}", names.join(", "))
        };
        Error::new(
            ErrorKind::Config,
            format!(
                "channel {name:?} is not configured in {}:{near} {configured}; write [channel.{name}] with its transport",
                self.inner.file
            ),
        )
    }

    fn other_contract(&self, name: &str, link: &Link, contract: &str) -> Error {
        let configured = link.settings.contract.as_deref().unwrap_or_default();
        Error::new(
            ErrorKind::Config,
            format!(
                "channel {name:?} is of contract {configured:?} in {} and is used for contract {contract:?}: write contract = {contract:?} in [channel.{name}], or use a channel of that contract",
                self.inner.file
            ),
        )
    }
}

fn closed(name: &str) -> Error {
    Error::new(
        ErrorKind::Closed,
        format!("channel {name:?} cannot be used any more: the runtime is closed"),
    )
}

fn first_error(result: Result<()>, others: Vec<Result<()>>) -> Result<()> {
    others.into_iter().fold(result, Result::and)
}

/// What a client requires: what is configured, or the version it was generated from.
fn requirement(channel: &str, link: &Link, contract: &Contract) -> Requirement {
    let Some(requirement) = &link.settings.require else {
        return Requirement::caret(contract.name().clone(), contract.version());
    };
    let own = Track::of(contract.version());
    let tracks = requirement.tracks();
    if !tracks.is_empty() && !tracks.contains(&own) {
        tracing::warn!(
            channel,
            client = %contract.version(),
            require = requirement.list_text(),
            "the client was generated from another track than the configuration requires, and may not understand its payloads"
        );
    }
    requirement.clone()
}

/// The layers that the settings ask for, around a transport's channel.
fn layered(channel: Arc<dyn Channel>, settings: &ChannelSettings) -> Arc<dyn Channel> {
    let retried: Arc<dyn Channel> = match settings.retry.max_retries {
        0 => channel,
        _ => Arc::new(Retry::new(channel, settings.retry.clone())),
    };
    match settings.max_timeout {
        Some(longest) => Arc::new(Timeout::new(retried, settings.policy.timeout, longest)),
        None => retried,
    }
}

impl fmt::Debug for Polywire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polywire")
            .field("file", &self.inner.file)
            .field("environment", &self.inner.environment)
            .field("channels", &self.inner.channels.keys())
            .finish_non_exhaustive()
    }
}
