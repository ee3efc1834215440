//! The transport: channels to the plugins of one repository, which this process has once each.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use parking_lot::Mutex;
use polywire_contract::Name;
use polywire_core::config::Section;
use polywire_core::{
    Capability, Channel, Directory, Environment, Error, ErrorKind, Result, Transport,
    TransportFactory,
};

use crate::channel::{Hosts, PluginChannel};
use crate::config::{PluginConfig, Repository};
use crate::fetch::{self, Cache, Fetcher, FolderFetcher, HttpFetcher, Reader, ReaderConfig};
use crate::format::{InstanceId, Platform};
use crate::host::{Deployment, HostConfig, Keeper, PluginHost};
use crate::trust::SeenStore;
use crate::watch::Watch;
use crate::window::SystemBootClock;

/// Makes plugin transports from `[transport.plugin]`.
#[derive(Clone, Copy, Debug)]
pub struct PluginFactory;

impl TransportFactory for PluginFactory {
    fn name(&self) -> &'static str {
        "plugin"
    }

    fn summary(&self) -> &'static str {
        "the provider in this process, upgraded in place from a signed repository"
    }

    fn build(&self, section: &Section, environment: &Environment) -> Option<Arc<dyn Transport>> {
        let config = PluginConfig::read(section, instance(environment)?)?;
        Some(Arc::new(PluginTransport::new(
            config,
            &environment.instance,
        )))
    }
}

/// A name of this process, in the letters that names of files have.
fn instance(environment: &Environment) -> Option<InstanceId> {
    let text = format!("{}-{}", environment.service, environment.instance);
    let text: String = text
        .to_ascii_lowercase()
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "._-".contains(*letter))
        .take(60)
        .collect();
    let unique = |text: &str| format!("{text}-{:08x}", rand::random::<u32>());
    let named = unique(&text).parse();
    named.or_else(|_| unique("instance").parse()).ok()
}

/// A configured plugin transport. Nothing is looked for before the first message.
#[derive(Debug)]
pub struct PluginTransport {
    plugins: Arc<Plugins>,
    channels: Mutex<Vec<Weak<PluginChannel>>>,
}

/// The plugins that were asked for, each with what keeps it current.
#[derive(Debug)]
struct Plugins {
    config: PluginConfig,
    /// A name for this process, which replies carry.
    instance: String,
    /// What the plugins may call out through.
    directory: OnceLock<Arc<dyn Directory>>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    closed: bool,
    by_contract: BTreeMap<Name, (Arc<PluginHost>, Keeper)>,
}

/// The major of the binary interface that this host has.
const ABI: u16 = polywire_plugin_abi::raw::ABI_MAJOR;

impl PluginTransport {
    /// A transport over a repository, in a process of this name.
    #[must_use]
    pub fn new(config: PluginConfig, instance: &str) -> Self {
        Self {
            plugins: Arc::new(Plugins {
                config,
                instance: instance.to_owned(),
                directory: OnceLock::new(),
                kept: Mutex::default(),
            }),
            channels: Mutex::default(),
        }
    }

    /// A channel. Nothing is looked for before its first message.
    pub fn open(&self) -> Arc<PluginChannel> {
        let max_payload = self.plugins.config.max_payload;
        let channel = Arc::new(PluginChannel::new(self.plugins.clone(), max_payload));
        let mut channels = self.channels.lock();
        channels.retain(|channel| channel.strong_count() > 0);
        channels.push(Arc::downgrade(&channel));
        channel
    }

    fn opened(&self) -> Vec<Arc<PluginChannel>> {
        let channels = self.channels.lock();
        channels.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Plugins {
    fn start(&self, contract: &Name) -> Result<(Arc<PluginHost>, Keeper)> {
        let wrong = |text: String| Error::new(ErrorKind::Config, text);
        let config = &self.config;
        let plugin = config.plugin_of(contract).map_err(wrong)?;
        // Whoever may write to it could put another folder in the place of one of ours.
        if config.state.exists() {
            fetch::private("state folder", &config.state)
                .map_err(|error| wrong(format!("[transport.plugin] state: {error}")))?;
        }
        let cache = Cache::open(&config.state.join("libraries"))
            .map_err(|refusal| wrong(format!("[transport.plugin] state: {refusal}")))?;
        let seen = SeenStore::open(&config.state.join("seen"))
            .map_err(|error| wrong(format!("[transport.plugin] state: {error}")))?;
        let (fetcher, watch) = reached(&config.repository, config.window)?;
        let reader = Reader::new(ReaderConfig {
            fetcher,
            keys: config.keys.clone(),
            seen,
            cache,
            repository: None,
            platform: Platform::here(),
            abi: vec![ABI],
        });
        let host = PluginHost::new(HostConfig {
            instance: Some(self.instance.clone()).filter(|name| !name.is_empty()),
            limits: config.limits.clone(),
            bounds: config.bounds.clone(),
            workers: config.workers,
            overrun: config.overrun,
            directory: self.directory.get().cloned(),
            ..HostConfig::new(contract.clone())
        })?;
        // Each host acknowledges for itself, also where several contracts have one plugin.
        let instance = if contract.as_str() == plugin.as_str() {
            config.instance.clone()
        } else {
            format!("{}.{contract}", config.instance)
                .parse()
                .map_err(|error| wrong(format!("the acknowledgement of {contract}: {error}")))?
        };
        let deployment = Deployment {
            plugin,
            reader,
            watch,
            window: config.window,
            proof: config.proof,
            instance,
            bake: config.bake,
            settings: config.settings.clone(),
            clock: Arc::new(SystemBootClock),
        };
        let keeper = Keeper::start(host.clone(), deployment)?;
        Ok((host, keeper))
    }
}

/// How a repository is reached, and what tells that it may have changed.
fn reached(repository: &Repository, window: Duration) -> Result<(Arc<dyn Fetcher>, Watch)> {
    Ok(match repository {
        Repository::Folder(folder) => (
            Arc::new(FolderFetcher::new(folder)),
            Watch::new(folder, window),
        ),
        Repository::Http(http) => {
            let fetcher = HttpFetcher::new(http).map_err(|error| {
                let text = format!("[transport.plugin] {}", error.message());
                Error::new(error.kind(), text).caused_by(error)
            })?;
            (Arc::new(fetcher), Watch::remote(window))
        }
    })
}

impl Hosts for Plugins {
    fn host(&self, contract: &Name) -> Result<Arc<PluginHost>> {
        let mut kept = self.kept.lock();
        if let Some((host, _)) = kept.by_contract.get(contract) {
            return Ok(host.clone());
        }
        if kept.closed {
            return Err(polywire_core::lifecycle::closed());
        }
        let (host, keeper) = self.start(contract)?;
        kept.by_contract
            .insert(contract.clone(), (host.clone(), keeper));
        Ok(host)
    }

    fn started(&self) -> Vec<Arc<PluginHost>> {
        let kept = self.kept.lock();
        kept.by_contract
            .values()
            .map(|(host, _)| host.clone())
            .collect()
    }
}

#[async_trait]
impl Transport for PluginTransport {
    fn capability(&self) -> Capability {
        PluginChannel::capability_of(self.plugins.config.max_payload)
    }

    async fn channel(&self, _: &str) -> Result<Arc<dyn Channel>> {
        Ok(self.open())
    }

    fn attach(&self, directory: &Arc<dyn Directory>) -> bool {
        // One that several runtimes share keeps the first.
        let _ = self.plugins.directory.set(directory.clone());
        true
    }

    async fn drain(&self) -> Result<()> {
        let channels = self.opened();
        let drained = join_all(channels.iter().map(|channel| channel.drain())).await;
        let hosts = self.plugins.started();
        join_all(hosts.iter().map(|host| host.drain())).await;
        drained.into_iter().collect()
    }

    async fn close(&self) -> Result<()> {
        let channels = self.opened();
        let closed = join_all(channels.iter().map(|channel| channel.close())).await;
        let kept = {
            let mut kept = self.plugins.kept.lock();
            kept.closed = true;
            std::mem::take(&mut kept.by_contract)
        };
        for (host, _) in kept.values() {
            host.close();
        }
        // It takes as long as the repository does to answer, and the runtime waits for its own threads when it ends.
        let (left, leave) = tokio::sync::oneshot::channel::<()>();
        let joins = std::thread::Builder::new().name("polywire-leave".to_owned());
        let joins = joins.spawn(move || {
            for (_, keeper) in kept.values() {
                keeper.join();
            }
            drop(left);
        });
        if joins.is_ok() {
            // It is a courtesy to the deployer, which a repository that does not answer may not turn into a wait.
            let _ = tokio::time::timeout(LEAVE, leave).await;
        }
        closed.into_iter().collect()
    }
}

/// How long an acknowledgement may take to be taken back.
const LEAVE: Duration = Duration::from_secs(2);
