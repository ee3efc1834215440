//! Releases in a signed repository, and a consumer of them, as users have them.

use std::error::Error;
use std::path::{Path, PathBuf};

use polywire_core::contract::Version;
use polywire_core::{CallError, NoError, Session};
use polywire_plugin::format::{Platform, PluginName, ReleaseId};
use polywire_plugin::publish::{Deploy, Pack, Publisher, describe, pack};
use polywire_plugin::trust::{SigningKey, TrustedKeys};
use polywire_plugin::{PluginConfig, PluginTransport};
use tempfile::TempDir;

use crate::contract::{QUOTE, contract, session};
use crate::payload::{Order, Quote};

/// A repository.
#[derive(Debug)]
pub(super) struct Repository {
    folder: TempDir,
    publisher: Publisher,
    keys: TrustedKeys,
}

/// A release in it.
#[derive(Clone, Debug)]
pub(super) struct Release {
    plugin: PluginName,
    id: ReleaseId,
}

impl Repository {
    pub(super) fn new() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let keys = SigningKey::generate(None)?;
        let root = folder.path().join("repository");
        let publisher = Publisher::create(&root, SigningKey::open(&keys.secret, None)?)?;
        let public = keys.public.lines().last().unwrap_or_default();
        Ok(Self {
            folder,
            publisher,
            keys: TrustedKeys::parse([public])?,
        })
    }

    /// Publishes a library.
    pub(super) fn publish(&self, library: &Path) -> Result<Release, Box<dyn Error>> {
        let descriptor = describe(library, |_, _| {})?;
        let release = Pack::described(&descriptor, vec![(Platform::here(), library.to_owned())])?;
        let packed = self.path(&format!("packed-{}", release.version));
        pack(&release, &packed)?;
        Ok(Release {
            plugin: release.plugin,
            id: self.publisher.publish(&packed)?.release,
        })
    }

    /// Has a release serve what it can.
    pub(super) fn deploy(&self, release: &Release) -> Result<(), Box<dyn Error>> {
        let deploy = Deploy {
            release: release.id.clone(),
            majors: [].into(),
            expected_seq: None,
        };
        self.publisher.deploy(&release.plugin, &deploy)?;
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A consumer, with every default.
#[derive(Debug)]
pub(super) struct Consumer {
    session: Session,
    _transport: PluginTransport,
}

impl Consumer {
    pub(super) fn new(repository: &Repository) -> Result<Self, Box<dyn Error>> {
        let root = repository.path("repository");
        let keys = repository.keys.clone();
        let config = PluginConfig::new(root, keys, repository.path("state"), "bench".parse()?);
        let transport = PluginTransport::new(config, "bench");
        Ok(Self {
            session: session(transport.open(), contract()?)?,
            _transport: transport,
        })
    }

    pub(super) async fn call(&self, order: &Order) -> Result<Quote, CallError<NoError>> {
        self.session.request(QUOTE, order).await
    }

    /// The version that the last call spoke.
    pub(super) fn spoken(&self) -> Option<Version> {
        Some(self.session.agreement()?.version.clone())
    }
}
