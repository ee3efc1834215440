//! The runtime: channels by name, opened when they are first used and shared by whoever uses them.

mod directory;
mod ending;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    transports: Vec<Opened>,
    closed: AtomicBool,
}

/// A transport in use.
struct Opened {
    transport: Arc<dyn Transport>,
    /// Whether its providers run in this process and may call out through other channels.
    within: bool,
}

/// A configured channel, opened or not.
struct Link {
    settings: ChannelSettings,
    transport: Arc<dyn Transport>,
    opened: OnceCell<Arc<dyn Channel>>,
    /// Whether providers of this channel run in this process, by which it is drained before those that they use.
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
        tracing::info!(
            service = service.name,
            instance = service.instance,
            file,
            "configuration read"
        );
        let inner = Arc::new_cyclic(|inner| {
            let directory = directory::of(inner);
            let attached: Vec<_> = transports
                .into_iter()
                .filter_map(|found| {
                    let transport = found.transport?;
                    let within = transport.attach(&directory);
                    Some((found.name, Opened { transport, within }))
                })
                .collect();
            Inner {
                file: file.to_owned(),
                drain_timeout: service.drain_timeout,
                environment,
                channels: links(channels, &attached),
                transports: attached.into_iter().map(|(_, opened)| opened).collect(),
                closed: AtomicBool::new(false),
            }
        });
        Self { inner }
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

/// What stands behind each channel, which is logged.
fn links(
    channels: BTreeMap<String, ChannelSettings>,
    transports: &[(String, Opened)],
) -> BTreeMap<String, Link> {
    let link = |(name, settings): (String, ChannelSettings)| {
        let found = transports
            .iter()
            .find(|(transport, _)| settings.transport.as_ref() == Some(transport));
        let (_, opened) = found?;
        tracing::info!(
            channel = name,
            contract = settings.contract.as_deref(),
            transport = settings.transport,
            because = settings.reason,
            "channel configured"
        );
        let link = Link {
            settings,
            transport: opened.transport.clone(),
            opened: OnceCell::new(),
            serves: AtomicBool::new(opened.within),
        };
        Some((name, link))
    };
    channels.into_iter().filter_map(link).collect()
}

fn closed(name: &str) -> Error {
    Error::new(
        ErrorKind::Closed,
        format!("channel {name:?} cannot be used any more: the runtime is closed"),
    )
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
