use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Cache, Fetcher};
use crate::format::{Index, Manifest, Platform, PluginName, ReleaseId, RepositoryId};
use crate::refusal::Refusal;
use crate::trust::{SeenStore, TrustedKeys};
use crate::verified;

/// What one consumer believes of a repository, and nothing else.
#[derive(Clone, Debug)]
pub struct Reader {
    config: Arc<ReaderConfig>,
}

/// What a [`Reader`] is made of.
#[derive(Debug)]
pub struct ReaderConfig {
    /// How the repository is reached.
    pub fetcher: Arc<dyn Fetcher>,
    /// Whose signatures count.
    pub keys: TrustedKeys,
    /// The newest index that was seen, which survives a restart.
    pub seen: SeenStore,
    /// Where artifacts are kept.
    pub cache: Cache,
    /// Which repository it must be; the one that was seen first where this is missing.
    pub repository: Option<RepositoryId>,
    /// What this process runs on.
    pub platform: Platform,
    /// The majors of the binary interface that this process has.
    pub abi: Vec<u16>,
}

impl Reader {
    /// A reader.
    #[must_use]
    pub fn new(config: ReaderConfig) -> Self {
        Self {
            config: Arc::new(config),
        }
    }

    /// How the repository is reached.
    #[must_use]
    pub fn fetcher(&self) -> &dyn Fetcher {
        &*self.config.fetcher
    }

    /// The index of a plugin, opened afresh; remembered durably, so that no older one is taken from now on.
    ///
    /// # Errors
    /// [`Refusal`] says why it is not taken.
    pub fn index(&self, plugin: &PluginName) -> Result<Index, Refusal> {
        let ReaderConfig {
            fetcher,
            keys,
            seen,
            repository,
            ..
        } = &*self.config;
        let (index, sighting) = verified::index(&fetcher.index(plugin)?, keys, plugin)?;
        if let Some(wanted) = repository
            .as_ref()
            .filter(|wanted| **wanted != index.repository)
        {
            return Err(Refusal::OtherRepository {
                found: index.repository,
                wanted: wanted.clone(),
            });
        }
        seen.accept(plugin, keys, &sighting)?;
        Ok(index)
    }

    /// When the publisher was last there by its own word, as an age by this machine's clock. For repositories that cannot be
    /// written to: it takes clocks that agree.
    ///
    /// # Errors
    /// [`Refusal::Beacon`] when it is older than `most` or more than `skew` in the future, [`Refusal::Rewound`] when the index is
    /// older than the beacon, and the others as for an index.
    pub fn beacon(
        &self,
        index: &Index,
        most: Duration,
        skew: Duration,
    ) -> Result<Duration, Refusal> {
        let config = &*self.config;
        let file = config.fetcher.beacon(&index.plugin)?;
        let (beacon, key) =
            verified::beacon(&file, &config.keys, &index.repository, &index.plugin)?;
        if beacon.seq > index.seq {
            return Err(Refusal::Rewound {
                found: index.seq,
                seen: beacon.seq,
                key,
            });
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let age_ms =
            i128::try_from(now.as_millis()).unwrap_or(i128::MAX) - i128::from(beacon.issued_ms);
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let skew_ms = i128::try_from(skew.as_millis()).unwrap_or(i128::MAX);
        if age_ms > i128::from(most_ms) || age_ms < -skew_ms {
            return Err(Refusal::Beacon { age_ms, most_ms });
        }
        Ok(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
    }

    /// The release that serves a major by an index.
    ///
    /// # Errors
    /// [`Refusal::NoMajor`] names those that there are.
    pub fn named<'a>(&self, index: &'a Index, major: u64) -> Result<&'a ReleaseId, Refusal> {
        index.majors.get(&major).ok_or_else(|| {
            let majors: Vec<_> = index.majors.keys().map(u64::to_string).collect();
            Refusal::NoMajor {
                plugin: index.plugin.clone(),
                major,
                majors: if majors.is_empty() {
                    "none".to_owned()
                } else {
                    majors.join(", ")
                },
            }
        })
    }

    /// The manifest of a release that this process could load, before anything of it is loaded: what it offers is negotiated next.
    ///
    /// # Errors
    /// [`Refusal::Revoked`], [`Refusal::Signature`], [`Refusal::Format`], [`Refusal::Contradiction`], [`Refusal::Abi`],
    /// [`Refusal::Platform`], and those of [`Fetcher::manifest`].
    pub fn manifest(&self, index: &Index, release: &ReleaseId) -> Result<Manifest, Refusal> {
        if index.revoked.contains(release) {
            return Err(Refusal::Revoked {
                release: release.clone(),
            });
        }
        let config = &*self.config;
        let files = config.fetcher.manifest(&index.plugin, release)?;
        let (manifest, signature) = (&files.manifest, &files.signature);
        let manifest =
            verified::manifest(manifest, signature, &config.keys, &index.plugin, release)?;
        let description = manifest.description();
        if !config.abi.contains(&description.abi.major) {
            let spoken: Vec<_> = config.abi.iter().map(u16::to_string).collect();
            return Err(Refusal::Abi {
                release: release.clone(),
                found: description.abi,
                spoken: spoken.join(", "),
            });
        }
        if manifest.artifact(&config.platform).is_none() {
            let offered = description.artifacts.iter();
            let offered: Vec<_> = offered.map(|artifact| artifact.platform.as_str()).collect();
            return Err(Refusal::Platform {
                release: release.clone(),
                offered: offered.join(", "),
                wanted: config.platform.clone(),
            });
        }
        Ok(manifest)
    }

    /// The library of a release in the cache, for this platform. It has the bytes that the manifest names.
    ///
    /// # Errors
    /// [`Refusal::Platform`], and those of [`Cache::take`].
    pub fn cached(&self, manifest: &Manifest) -> Result<PathBuf, Refusal> {
        let config = &*self.config;
        let (plugin, release) = (&manifest.description().plugin, manifest.release());
        let artifact = manifest
            .artifact(&config.platform)
            .ok_or_else(|| Refusal::Platform {
                release: release.clone(),
                offered: "others".to_owned(),
                wanted: config.platform.clone(),
            })?;
        config
            .cache
            .take(&*config.fetcher, plugin, release, artifact)
    }
}
