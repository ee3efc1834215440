//! A repository with the example's provider, signed by a key of the moment.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use polywire_plugin::format::{Ack, Index, Platform, PluginName, ReleaseId};
use polywire_plugin::publish::{Deploy, Pack, Publisher, describe, pack};
use polywire_plugin::trust::SigningKey;

use super::transport::Loading;
use crate::Result;

/// A repository of one plugin.
pub(super) struct Repository {
    place: PathBuf,
    publisher: Publisher,
    key: String,
}

/// A release that was published.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) plugin: PluginName,
    pub(super) id: ReleaseId,
}

/// The major that the example's first provider serves.
const FIRST: u64 = 1;
/// How long a consumer may take to follow.
const SOON: Duration = Duration::from_secs(60);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(5);

impl Repository {
    /// An empty one, in a folder of the reports.
    pub(super) fn create(reports: &Path, name: &str) -> Result<Self> {
        let place = std::path::absolute(reports)?.join(name);
        // Libraries are large: those of the demonstration before make room.
        if place.exists() {
            std::fs::remove_dir_all(&place)?;
        }
        std::fs::create_dir_all(&place)?;
        let keys = SigningKey::generate(None)?;
        let key = keys.public.lines().last().unwrap_or_default().to_owned();
        let publisher = Publisher::create(
            &place.join("repository"),
            SigningKey::open(&keys.secret, None)?,
        )?;
        Ok(Self {
            place,
            publisher,
            key,
        })
    }

    /// By which settings a process finds it.
    pub(super) fn settings(&self, loading: &Loading) -> [(&'static str, String); 3] {
        let path = |name| self.place.join(name).display().to_string();
        [
            (loading.repository, path("repository")),
            (loading.keys, self.key.clone()),
            (loading.state, path("state")),
        ]
    }

    /// Packs and publishes a library.
    pub(super) fn publish(&self, library: &Path) -> Result<Release> {
        let descriptor = describe(library, |_, _| {})?;
        let release = Pack::described(&descriptor, vec![(Platform::here(), library.to_owned())])?;
        let packed = self.place.join(format!("packed-{}", release.version));
        pack(&release, &packed)?;
        let id = self.publisher.publish(&packed)?.release;
        std::fs::remove_dir_all(&packed)?;
        Ok(Release {
            plugin: release.plugin,
            id,
        })
    }

    /// Has a release serve the major that it can, or another one.
    pub(super) fn deploy(&self, release: &Release, major: Option<u64>) -> Result<Index> {
        let deploy = Deploy {
            release: release.id.clone(),
            majors: major.into_iter().collect(),
            expected_seq: None,
        };
        Ok(self.publisher.deploy(&release.plugin, &deploy)?)
    }

    /// Has the release before serve the first major again.
    pub(super) fn roll_back(&self, release: &Release) -> Result<Index> {
        Ok(self.publisher.rollback(&release.plugin, FIRST, None)?)
    }

    /// Waits until a consumer says that it runs what an index names for the first major. Answers how long that took.
    pub(super) fn followed(&self, index: &Index) -> Result<Duration> {
        let begin = Instant::now();
        let named = index.majors.get(&FIRST);
        while begin.elapsed() < SOON {
            let acks = self.publisher.acks(&index.plugin)?;
            // One that has seen the index may not have loaded anything yet.
            let follows = |ack: &Ack| ack.seq_seen >= index.seq && ack.running.get(&FIRST) == named;
            if acks.iter().any(follows) {
                return Ok(begin.elapsed());
            }
            sleep(PAUSE);
        }
        Err(format!("no consumer runs what was deployed within {SOON:?}").into())
    }

    /// Takes it away, or brings it back.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        Ok(std::fs::rename(self.place.join(from), self.place.join(to))?)
    }
}
