//! From arguments to a repository, a plugin and a release in it.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use polywire::plugin::Refusal;
use polywire::plugin::format::{PluginName, ReleaseId};
use polywire::plugin::publish::{Inspector, PublishError, Publisher};
use polywire::plugin::trust::{SignatureError, SigningKey, TrustedKeys};

use super::{key, print};
use crate::format::Format;

// No line of documentation: it would stand in the help of every command.
#[derive(Args, Debug)]
struct Place {
    /// The folder of the repository
    #[arg(
        long,
        value_name = "FOLDER",
        value_parser = PathBufValueParser::new().try_map(folder),
        env = "POLYWIRE_PLUGIN_REPOSITORY",
        hide_env_values = true
    )]
    repository: PathBuf,
}

/// A folder, and no address: a repository is written, and checked, in the folder that its server serves.
fn folder(named: PathBuf) -> Result<PathBuf, &'static str> {
    if named.to_string_lossy().contains("://") {
        return Err(
            "an address is for consumers: name the folder that its server serves, such as /srv/plugins",
        );
    }
    Ok(named)
}

/// Where a repository is, for who looks at it.
#[derive(Args, Debug)]
pub(super) struct Reader {
    #[command(flatten)]
    at: Place,
    /// A public key whose signatures count, the newest first
    #[arg(long, value_name = "PUBLIC KEY", required = true)]
    trust: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Where a repository is, for who changes it.
#[derive(Args, Debug)]
pub(super) struct Writer {
    #[command(flatten)]
    at: Place,
    /// The file of the secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A public key whose signatures count, the newest first, while one takes over from another [default: that of --key alone]
    #[arg(long, value_name = "PUBLIC KEY")]
    trust: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl Reader {
    /// The repository.
    ///
    /// # Errors
    /// What is wrong with it or with the keys.
    pub(super) fn open(&self) -> Result<Inspector, String> {
        let keys = trusted(&self.trust)?;
        Inspector::open(&self.at.repository, keys)
            .map_err(|error| unopened(&self.at.repository, &error))
    }
}

impl Writer {
    /// The repository.
    ///
    /// # Errors
    /// What is wrong with it or with the keys.
    pub(super) fn open(&self) -> Result<Publisher, String> {
        self.with(Publisher::open)
    }

    /// The same, which is made when the folder is new or empty.
    ///
    /// # Errors
    /// What is wrong with it or with the keys.
    pub(super) fn create(&self) -> Result<Publisher, String> {
        let foreign = foreign(&self.at.repository)
            .map_err(|error| format!("{:?} cannot be read: {error}", self.at.repository))?;
        if let Some(found) = foreign {
            return Err(format!(
                "{:?} is no repository, and there is {found:?} in it: name a folder that is new or empty",
                self.at.repository
            ));
        }
        self.with(Publisher::create)
    }

    fn with(
        &self,
        open: impl FnOnce(&Path, SigningKey) -> Result<Publisher, PublishError>,
    ) -> Result<Publisher, String> {
        let key = key::read(&self.key)?;
        let trusted = match self.trust.as_slice() {
            [] => None,
            keys => Some(trusted(keys)?),
        };
        let publisher = open(&self.at.repository, key)
            .map_err(|error| unopened(&self.at.repository, &error))?;
        match trusted {
            None => Ok(publisher),
            Some(keys) => publisher
                .trusting(keys)
                .map_err(|error| format!("{error} by --trust")),
        }
    }
}

fn trusted(keys: &[String]) -> Result<TrustedKeys, String> {
    TrustedKeys::parse(keys).map_err(|error| format!("--trust: {error}"))
}

/// Something in a folder that is no part of a repository, unless the folder is one.
fn foreign(folder: &Path) -> io::Result<Option<String>> {
    const OURS: [&str; 6] = [".lock", ".staging", "acks", "beacons", "index", "releases"];
    if folder.join("repo.toml").exists() {
        return Ok(None);
    }
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // A publisher that was interrupted while it made one leaves these.
        if !OURS.contains(&name.as_str()) && name != "repo.toml.tmp" {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Why a folder could not be opened as a repository.
fn unopened(folder: &Path, error: &PublishError) -> String {
    let what = match error {
        PublishError::Refused(Refusal::Missing { .. }) => {
            "is no repository, as it has no repo.toml"
        }
        PublishError::Refused(Refusal::Unreachable { source, .. })
            if source.kind() == io::ErrorKind::NotFound =>
        {
            "is not there"
        }
        _ => return told(error),
    };
    format!(
        "{folder:?} {what}: name a repository by --repository, or make one with \"polywire plugin publish --create\""
    )
}

/// What kept something from being done, and what would work.
pub(super) fn told(error: &PublishError) -> String {
    let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    let advice = match error {
        PublishError::Disk(disk) | PublishError::Refused(Refusal::Storage(disk))
            if denied(&disk.source) =>
        {
            "run it as a user who may write there"
        }
        PublishError::Refused(Refusal::Unreachable { source, .. }) if denied(source) => {
            "run it as a user who may read it"
        }
        PublishError::Refused(Refusal::Signature {
            source: SignatureError::UnknownKey { .. },
            ..
        }) => "where that key is a publisher's, add its public key by --trust",
        _ => return error.to_string(),
    };
    format!("{error}: {advice}")
}

/// The plugin that is meant: the one that was named, or the only one that there is.
///
/// # Errors
/// Which there are.
pub(super) fn plugin(
    inspector: &Inspector,
    named: Option<&PluginName>,
) -> Result<PluginName, String> {
    let known = inspector.plugins().map_err(|error| told(&error))?;
    match (named, known.as_slice()) {
        (Some(named), _) if known.contains(named) => Ok(named.clone()),
        (None, [one]) => Ok(one.clone()),
        (_, []) => Err("the repository has no plugin yet: publish a release first".to_owned()),
        (Some(named), _) => Err(format!(
            "the repository has no plugin {:?}: it has {}",
            named.as_str(),
            listed(&known)
        )),
        (None, _) => Err(format!(
            "the repository has several plugins, {}: add --plugin",
            listed(&known)
        )),
    }
}

/// The release that is meant: by its version, by its id, or by the beginning of its id with some of its digits.
///
/// # Errors
/// Which there are.
pub(super) fn release(
    inspector: &Inspector,
    plugin: &PluginName,
    text: &str,
) -> Result<ReleaseId, String> {
    let known = inspector.releases(plugin).map_err(|error| told(&error))?;
    let meant = |release: &&ReleaseId| {
        let id = release.to_string();
        release.version().to_string() == text || (text.contains('+') && id.starts_with(text))
    };
    let found: Vec<&ReleaseId> = known.iter().filter(meant).collect();
    match found[..] {
        [one] => Ok(one.clone()),
        [] if known.is_empty() => Err(format!(
            "plugin {plugin} has no release {text:?}: it has none"
        )),
        [] => Err(format!(
            "plugin {plugin} has no release {text:?}: it has {}",
            listed(known.iter().map(print::short))
        )),
        _ => Err(format!(
            "release {text:?} of plugin {plugin} is not unique, which no publisher does: it is {}",
            listed(&found)
        )),
    }
}

pub(super) fn listed<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    values.join(", ")
}
