use std::collections::BTreeSet;
use std::fmt;

use polywire_contract::{Digest, Name, Offer, Offered, Status, Version};
use serde::{Deserialize, Serialize};

use super::document::{bounded, contradiction, readable, syntax};
use super::{ArtifactPath, FORMAT, FormatError, Platform, PluginName, ReleaseId};

mod check;
mod digest;

/// `manifest.toml`: what a release is, for those who decide whether to load it.
///
/// Four versions stand in it, and none says anything about another: of the format, of the release, of the binary interface and
/// of each contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    description: Description,
    release: ReleaseId,
}

/// What a release is made of: everything in a manifest but its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The plugin that it is a release of.
    pub plugin: PluginName,
    /// The version of the release.
    pub version: Version,
    /// How it is kept apart from the process that loads it.
    pub isolation: Tier,
    /// The binary interface that it was built for.
    pub abi: Abi,
    /// The files, one for each platform.
    pub artifacts: Vec<Artifact>,
    /// The contracts that it serves, each version on its own.
    pub contracts: Vec<Served>,
}

/// How a plugin is kept apart from the process that loads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// A shared library in the process itself: nothing is kept apart.
    Native,
    /// The same library in a child process. Not supported yet.
    Process,
    /// A WebAssembly component. Not supported yet.
    Wasm,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Process => "process",
            Self::Wasm => "wasm",
        })
    }
}

/// A version of the binary interface. Majors are another interface; within one, minors only append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Abi {
    /// The major version, which is also in the name of the exported symbol.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// One file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What it runs on.
    pub platform: Platform,
    /// Where it stands in the release.
    pub file: ArtifactPath,
    /// Its size in bytes, at most [`Manifest::MAX_ARTIFACT`].
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
}

/// One contract version that a release serves. It has optional keys, so that one that is not known is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The contract.
    pub name: Name,
    /// The version of the contract.
    pub version: Version,
    /// The digest of its canonical document.
    pub digest: Digest,
    /// Where it stands in its life.
    #[serde(default)]
    pub status: Status,
    /// The interactions that it has; every one of the contract where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interactions: Option<BTreeSet<Name>>,
}

#[derive(Serialize, Deserialize)]
struct Raw {
    format: u64,
    plugin: PluginName,
    isolation: Tier,
    release: Release,
    abi: Abi,
    artifact: Vec<Artifact>,
    contract: Vec<Served>,
}

#[derive(Serialize, Deserialize)]
struct Release {
    version: Version,
    digest: Digest,
}

const DOCUMENT: &str = "the manifest";

impl Manifest {
    /// The largest file, in bytes.
    pub const MAX_BYTES: u64 = 512 << 10;
    /// The largest artifact, in bytes.
    pub const MAX_ARTIFACT: u64 = 512 << 20;
    /// The most artifacts.
    pub const MAX_ARTIFACTS: usize = 64;
    /// The most contract versions, of all contracts together.
    pub const MAX_CONTRACTS: usize = 200;

    /// The manifest of a release, with its digest computed.
    ///
    /// # Errors
    /// [`FormatError`] when no reader would accept it.
    pub fn new(description: Description) -> Result<Self, FormatError> {
        check::description(&description)?;
        let draft = Self::raw(&description, Digest::from_bytes([0; 32]));
        let table = toml::Table::try_from(draft).map_err(|error| syntax(DOCUMENT, &error))?;
        let digest = digest::of(table)?;
        let release = release(&description, digest)?;
        Ok(Self {
            description,
            release,
        })
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`FormatError`] when it is too large, newer than this reader, not valid, contradicts itself, asks for a tier that is not
    /// there, or has another digest than it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        bounded(DOCUMENT, bytes.len(), Self::MAX_BYTES)?;
        let text = std::str::from_utf8(bytes).map_err(|error| syntax(DOCUMENT, &error))?;
        let table: toml::Table = text.parse().map_err(|error| syntax(DOCUMENT, &error))?;
        if let Some(needed) = table.get("format").and_then(toml::Value::as_integer) {
            readable(DOCUMENT, u64::try_from(needed).unwrap_or(0))?;
        }
        let raw: Raw = table
            .clone()
            .try_into()
            .map_err(|error| syntax(DOCUMENT, &error))?;
        let stated = raw.release.digest;
        let description = Description {
            plugin: raw.plugin,
            version: raw.release.version,
            isolation: raw.isolation,
            abi: raw.abi,
            artifacts: raw.artifact,
            contracts: raw.contract,
        };
        check::description(&description)?;
        let computed = digest::of(table)?;
        if stated != computed {
            return Err(FormatError::Digest {
                stated: stated.to_string(),
                computed: computed.to_string(),
            });
        }
        let release = release(&description, computed)?;
        Ok(Self {
            description,
            release,
        })
    }

    /// The file.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`], when nobody would read it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        let raw = Self::raw(&self.description, self.release.digest());
        let text = toml::to_string(&raw).map_err(|error| syntax(DOCUMENT, &error))?;
        bounded(DOCUMENT, text.len(), Self::MAX_BYTES)?;
        Ok(text.into_bytes())
    }

    /// The release: its version and the digest of this manifest.
    #[must_use]
    pub fn release(&self) -> &ReleaseId {
        &self.release
    }

    /// What it is made of.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The file for a platform.
    #[must_use]
    pub fn artifact(&self, platform: &Platform) -> Option<&Artifact> {
        let mut artifacts = self.description.artifacts.iter();
        artifacts.find(|artifact| artifact.platform == *platform)
    }

    /// What it offers of a contract, to be negotiated before anything is loaded.
    #[must_use]
    pub fn offer(&self, contract: &Name) -> Offer {
        let served = self.description.contracts.iter();
        let versions = served
            .filter(|served| served.name == *contract)
            .map(|served| Offered {
                digest: Some(served.digest),
                status: served.status,
                interactions: served.interactions.clone(),
                ..Offered::new(served.version.clone())
            });
        // What a manifest may hold was checked when it was made: the offer is valid.
        Offer::new(contract.clone(), versions.collect())
            .unwrap_or_else(|_| Offer::none(contract.clone()))
    }

    /// The major versions of the contracts that it serves.
    #[must_use]
    pub fn majors(&self) -> BTreeSet<u64> {
        let contracts = self.description.contracts.iter();
        contracts.map(|served| served.version.major).collect()
    }

    fn raw(description: &Description, digest: Digest) -> Raw {
        Raw {
            format: FORMAT,
            plugin: description.plugin.clone(),
            isolation: description.isolation,
            release: Release {
                version: description.version.clone(),
                digest,
            },
            abi: description.abi,
            artifact: description.artifacts.clone(),
            contract: description.contracts.clone(),
        }
    }
}

fn release(description: &Description, digest: Digest) -> Result<ReleaseId, FormatError> {
    ReleaseId::new(description.version.clone(), digest)
        .map_err(|name| contradiction(DOCUMENT, name.to_string()))
}
