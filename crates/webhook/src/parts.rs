//! What both ends and operators make of a configuration: stores, keys, the sender, and what the two of a provider do with them.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polywire_core::{Authenticator, Error, ErrorKind, MessageId, Result};
use polywire_http::TlsConfig;

use crate::clock::Clock;
use crate::config::{StoreConfig, WebhookConfig, sealing_keys};
use crate::deliver::{DeliverOptions, SendLimits, Sender, SenderOptions};
use crate::guard::{GuardedConnector, SystemResolver};
use crate::seal::Keyring;
use crate::server::ServerOptions;
use crate::store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};

/// The file of the sealing key where the configuration has none, beside what it seals.
const KEY_FILE: &str = "sealing.key";

/// What one of the two stores of an end is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Subscriptions and what is delivered to them.
    Outbox,
    /// What has arrived.
    Inbox,
}

impl Purpose {
    fn file(self) -> &'static str {
        match self {
            Self::Outbox => "outbox.db",
            Self::Inbox => "inbox.db",
        }
    }

    fn schema(self) -> &'static str {
        match self {
            Self::Outbox => "polywire_webhook",
            Self::Inbox => "polywire_webhook_inbox",
        }
    }
}

impl WebhookConfig {
    /// What keys are encrypted with at rest.
    ///
    /// # Errors
    /// `Config` when there is no key and none can be made.
    pub(crate) fn keyring(&self) -> Result<Keyring> {
        if let (None, StoreConfig::Directory(directory)) = (&self.keys, &self.store) {
            make_key(directory)?;
        }
        self.keyring_there()
    }

    /// The same, of which nothing is made.
    ///
    /// # Errors
    /// `Config` when there is no key.
    pub(crate) fn keyring_there(&self) -> Result<Keyring> {
        match (&self.keys, &self.store) {
            (Some(keys), _) => Ok(keys.clone()),
            (None, StoreConfig::Directory(directory)) => read_key(&directory.join(KEY_FILE)),
            (None, StoreConfig::Postgres(_)) => Err(Error::new(
                ErrorKind::Config,
                "webhooks in PostgreSQL need sealing_keys = \"NAME:BASE64\", a name and 32 random bytes, the same for every process: keys of subscriptions are encrypted with it",
            )),
        }
    }

    /// Whether something has been kept in a folder by an end that may have subscribed.
    pub(crate) fn has_inbox(&self) -> bool {
        match &self.store {
            StoreConfig::Directory(directory) => directory.join(Purpose::Inbox.file()).exists(),
            StoreConfig::Postgres(_) => false,
        }
    }

    /// Opens a store.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be, `Config` for a URL that is none.
    pub(crate) async fn open(&self, purpose: Purpose) -> Result<Arc<dyn Store>> {
        match &self.store {
            StoreConfig::Directory(directory) => {
                make_directory(directory)?;
                let file = directory.join(purpose.file());
                Ok(Arc::new(SqliteStore::open(SqliteOptions::new(file)).await?))
            }
            StoreConfig::Postgres(url) => {
                let options = PostgresOptions::new(url.as_str()).schema(purpose.schema());
                Ok(Arc::new(PostgresStore::open(options).await?))
            }
        }
    }

    /// Opens a store that is there and of this version; nothing is made or brought to another version.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Config` when there is none, or of another version.
    pub(crate) async fn open_there(&self, purpose: Purpose) -> Result<Arc<dyn Store>> {
        match &self.store {
            StoreConfig::Directory(directory) => {
                let file = directory.join(purpose.file());
                if !file.exists() {
                    return Err(Error::new(
                        ErrorKind::Config,
                        format!(
                            "there is no webhook store {}: no provider has run with it; a store that is a relative path is looked for in the directory that the provider runs in",
                            file.display()
                        ),
                    ));
                }
                let options = SqliteOptions::new(file).existing();
                Ok(Arc::new(SqliteStore::open(options).await?))
            }
            StoreConfig::Postgres(url) => {
                let options = PostgresOptions::new(url.as_str()).schema(purpose.schema());
                Ok(Arc::new(PostgresStore::open(options.existing()).await?))
            }
        }
    }

    /// What sends to sinks.
    ///
    /// # Errors
    /// `Config` when the certificates cannot be used.
    pub(crate) fn sender(&self, clock: &Arc<dyn Clock>) -> Result<Sender> {
        let own: Vec<_> = self
            .http
            .listen
            .into_iter()
            .filter(|address| address.port() != 0)
            .collect();
        let policy = self.sinks.clone().own_addresses(&own);
        let policy = policy.map_err(|error| Error::new(ErrorKind::Config, error.to_string()))?;
        let connector = GuardedConnector::new(policy, SystemResolver::new(), self.timeout);
        let tls = TlsConfig {
            ca: self.sinks_ca.clone(),
            ..TlsConfig::default()
        };
        let options = SenderOptions {
            tls: Some(tls.client()?),
            clock: clock.clone(),
            ..SenderOptions::default()
        };
        Sender::new(connector, options)
    }

    pub(crate) fn server_options(
        &self,
        authenticator: Option<Arc<dyn Authenticator>>,
        clock: &Arc<dyn Clock>,
    ) -> ServerOptions {
        ServerOptions {
            authenticator,
            tenant_claim: self.tenant_claim.clone(),
            origin: self.origin.clone(),
            max_subscriptions: self.max_subscriptions,
            lease: self.lease,
            consent_deadline: self.timeout,
            recent: self.bounds.replay_messages,
            recent_bytes: self.bounds.replay_bytes,
            clock: clock.clone(),
            ..ServerOptions::default()
        }
    }

    pub(crate) fn deliver_options(&self, clock: &Arc<dyn Clock>) -> DeliverOptions {
        DeliverOptions {
            endpoint: self.endpoint.clone(),
            retries: self.retry.clone(),
            send: SendLimits {
                deadline: self.timeout,
                ..SendLimits::default()
            },
            origin: Some(self.origin.clone()),
            clock: clock.clone(),
            ..DeliverOptions::default()
        }
    }
}

fn make_directory(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|error| {
        Error::new(
            ErrorKind::Config,
            format!(
                "store {} cannot be made: {error}; name a directory that this process may write to, or a postgres:// URL",
                directory.display()
            ),
        )
        .caused_by(error)
    })
}

fn unusable(key: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the sealing key {} cannot be used: {error}; give sealing_keys instead",
            key.display()
        ),
    )
    .caused_by(error)
}

/// Makes the key beside an embedded store where there is none: readable for the owner alone, as the store is.
fn make_key(directory: &Path) -> Result<()> {
    make_directory(directory)?;
    let path = directory.join(KEY_FILE);
    if path.exists() {
        return Ok(());
    }
    let cannot = |error| unusable(&path, error);
    let key = format!("own:{}", STANDARD.encode(rand::random::<[u8; 32]>()));
    // Whole under another name first: two processes that begin at once must not read half of it.
    let draft = directory.join(format!("{KEY_FILE}.{}", MessageId::random()));
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft).map_err(cannot)?;
    std::io::Write::write_all(&mut file, key.as_bytes()).map_err(cannot)?;
    file.sync_all().map_err(cannot)?;
    match std::fs::hard_link(&draft, &path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(cannot(error)),
        _ => std::fs::remove_file(&draft).map_err(cannot),
    }
}

fn read_key(path: &Path) -> Result<Keyring> {
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    sealing_keys(&text)
}
