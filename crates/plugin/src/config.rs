//! `[transport.plugin]`: `repository`, `keys` and `state` are required, everything else has a default.

mod repository;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use polywire_contract::Name;
use polywire_core::Bounds;
use polywire_core::config::Section;

use crate::fetch::HttpRepository;
use crate::format::{InstanceId, PluginName};
use crate::host::Overrun;
use crate::native::Limits;
use crate::trust::TrustedKeys;
use crate::window::{Proof, Window};

/// Where a repository is.
#[derive(Clone, Debug)]
pub enum Repository {
    /// In a folder, on this machine or mounted.
    Folder(PathBuf),
    /// Behind a web server.
    Http(HttpRepository),
}

impl From<PathBuf> for Repository {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<HttpRepository> for Repository {
    fn from(http: HttpRepository) -> Self {
        Self::Http(http)
    }
}

/// The settings of a plugin transport.
#[derive(Clone, Debug)]
pub struct PluginConfig {
    /// Where the repository is.
    pub repository: Repository,
    /// Whose signatures count; the newest key stands first.
    pub keys: TrustedKeys,
    /// A private folder, where libraries are kept and what was seen of the repository is remembered.
    pub state: PathBuf,
    /// For how long a release may be called without proof that it is still deployed.
    pub window: Duration,
    /// What proves it.
    pub proof: Proof,
    /// What becomes of calls that still run when it may not be called any more.
    pub overrun: Overrun,
    /// Plugins by the contract that they serve, where they have another name than it.
    pub plugins: BTreeMap<Name, PluginName>,
    /// A folder with a file for each plugin, of its name, which it is configured with.
    pub settings: Option<PathBuf>,
    /// For how long a release that was replaced is kept, to go back to when its successor fails.
    pub bake: Duration,
    /// The name under which this process acknowledges what it runs; no other has it.
    pub instance: InstanceId,
    /// How many calls of one release may run at once.
    pub workers: usize,
    /// The largest payload either way, in bytes.
    pub max_payload: usize,
    /// The bounds of libraries.
    pub limits: Limits,
    /// The bounds of queues, retries and shelves.
    pub bounds: Bounds,
}

impl PluginConfig {
    const WINDOW: Duration = Duration::from_secs(60);

    /// The defaults.
    #[must_use]
    pub fn new(
        repository: impl Into<Repository>,
        keys: TrustedKeys,
        state: PathBuf,
        instance: InstanceId,
    ) -> Self {
        Self {
            repository: repository.into(),
            keys,
            state,
            window: Self::WINDOW,
            proof: Proof::Write,
            overrun: Overrun::default(),
            plugins: BTreeMap::new(),
            settings: None,
            bake: Duration::from_secs(30),
            instance,
            workers: 256,
            max_payload: 2 * 1024 * 1024,
            limits: Limits::default(),
            bounds: Bounds::default(),
        }
    }

    /// Reads a section; what is wrong is noted there, and `None` says that something was.
    #[must_use]
    pub fn read(section: &Section, instance: InstanceId) -> Option<Self> {
        let window = section.duration("window", Window::MIN..=Window::MAX);
        let repository = repository::read(section, window.unwrap_or(Self::WINDOW));
        let state = section.require("state", section.path("state"));
        let keys = section
            .require("keys", section.list("keys"))
            .and_then(|keys| match TrustedKeys::parse(&keys) {
                Ok(keys) => Some(keys),
                Err(error) => {
                    section.mistake("keys", error.to_string());
                    None
                }
            });
        let proof = match section.one_of("proof", &["write", "beacon"]) {
            Some("beacon") => Proof::Beacon {
                skew: section
                    .duration("clock_skew", Duration::ZERO..=Duration::from_secs(3600))
                    .unwrap_or(Duration::from_secs(5)),
            },
            _ => Proof::Write,
        };
        let overrun = match section.one_of("overrun", &["fence", "abort"]) {
            Some("abort") => Overrun::Abort,
            _ => Overrun::Fence,
        };
        let plugins = plugins(section);
        let times = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
        let bake = section.duration("bake", times.clone());
        let quiesce = section.duration("quiesce", times);
        let settings = section.path("settings");
        let workers = section.integer("workers", 1..=4096);
        let max_resident = section.integer("max_resident", 1..=1000);
        let max_payload = section
            .size("max_payload", 1..=1 << 30)
            .and_then(|size| usize::try_from(size).ok());
        let bounds = Bounds::read(section, &Bounds::default());
        section.finish();
        let default = Self::new(repository?, keys?, state?, instance);
        let limits = Limits {
            max_resident: max_resident.unwrap_or(default.limits.max_resident),
            quiesce: quiesce.unwrap_or(default.limits.quiesce),
            max_answer: max_payload.unwrap_or(default.max_payload),
        };
        Some(Self {
            window: window.unwrap_or(default.window),
            proof,
            overrun,
            plugins: plugins?,
            settings,
            bake: bake.unwrap_or(default.bake),
            workers: workers.unwrap_or(default.workers),
            max_payload: max_payload.unwrap_or(default.max_payload),
            limits,
            bounds,
            ..default
        })
    }

    /// The plugin that serves a contract.
    ///
    /// # Errors
    /// Says why the contract's name is no plugin's.
    pub fn plugin_of(&self, contract: &Name) -> Result<PluginName, String> {
        if let Some(plugin) = self.plugins.get(contract) {
            return Ok(plugin.clone());
        }
        contract.as_str().parse().map_err(|error| {
            format!("contract {contract} names no plugin: {error}; say which one serves it by plugins = [\"contract=plugin\"] in [transport.plugin]")
        })
    }
}

/// `plugins = ["orders=orders-core"]`: contracts and the plugins that serve them.
fn plugins(section: &Section) -> Option<BTreeMap<Name, PluginName>> {
    let mut plugins = BTreeMap::new();
    let mut sound = true;
    for text in section.list("plugins").unwrap_or_default() {
        let read = text
            .split_once('=')
            .ok_or_else(|| {
                format!("{text:?}: expected contract=plugin, such as orders=orders-core")
            })
            .and_then(|(contract, plugin)| {
                let contract: Name = contract
                    .trim()
                    .parse()
                    .map_err(|error| format!("{error}"))?;
                let plugin: PluginName =
                    plugin.trim().parse().map_err(|error| format!("{error}"))?;
                Ok((contract, plugin))
            });
        match read {
            Ok((contract, plugin)) => {
                plugins.insert(contract, plugin);
            }
            Err(why) => {
                section.mistake("plugins", why);
                sound = false;
            }
        }
    }
    sound.then_some(plugins)
}

#[cfg(test)]
mod tests;
