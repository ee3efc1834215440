//! From a config file, an environment and a registry to a runtime.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polywire_core::config::{Document, Environment, Mistakes};
use polywire_core::{
    Authenticator, Error, ErrorKind, Registry, Result, Transport, TransportFactory,
};

use crate::report::Report;
use crate::settings::{Brought, Settings};
use crate::wire::Polywire;

/// The config file that is read when no other is named.
pub(crate) const DEFAULT_FILE: &str = "polywire.toml";
/// The environment variable that names the config file.
pub(crate) const FILE_VARIABLE: &str = "POLYWIRE_CONFIG";

/// Says where a [`Polywire`] gets its configuration, and what it brings that no file can say.
///
/// ```
/// use polywire::Polywire;
///
/// let text = "[channel.orders]\ntransport = \"memory\"\n";
/// let wire = Polywire::builder().config_text("polywire.toml", text).build()?;
/// assert_eq!(wire.channels().collect::<Vec<_>>(), ["orders"]);
/// # Ok::<(), polywire::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Builder {
    source: Source,
    registry: Registry,
    environment: Option<Environment>,
    brought: Brought,
}

#[derive(Clone)]
enum Source {
    /// The one that `POLYWIRE_CONFIG` names, or `polywire.toml`.
    Default,
    File(PathBuf),
    Text {
        name: String,
        text: String,
    },
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            source: Source::Default,
            registry: default_registry(),
            environment: None,
            brought: Brought::default(),
        }
    }

    /// Reads this file instead of the one that `POLYWIRE_CONFIG` names, or else `polywire.toml`.
    pub fn config_file(mut self, path: impl AsRef<Path>) -> Self {
        self.source = Source::File(path.as_ref().to_owned());
        self
    }

    /// Reads this text as if it stood in a file of that name, which need not exist. Paths in it are relative to the
    /// folder of the name.
    pub fn config_text(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.source = Source::Text {
            name: name.into(),
            text: text.into(),
        };
        self
    }

    /// Uses these variables instead of those of the process, for overrides and `${VAR}`.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Knows these transports instead of [`default_registry`].
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Knows one more transport, under its own name.
    ///
    /// # Errors
    /// `Config` when the name is taken.
    pub fn transport(mut self, factory: impl TransportFactory) -> Result<Self> {
        self.registry.register(factory)?;
        Ok(self)
    }

    /// Verifies callers with this, on every transport, instead of what `[service.auth]` configures.
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.brought.authenticator = Some(authenticator);
        self
    }

    /// Uses a transport that the program made itself, under this name and without a table of its own: for one that is
    /// also used otherwise, such as an `HttpTransport` whose router is merged into an
    /// application.
    pub fn ready_transport(
        mut self,
        name: impl Into<String>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        let name = name.into();
        self.brought.transports.retain(|(other, _)| *other != name);
        self.brought.transports.push((name, transport));
        self
    }

    /// Reads the configuration and makes the runtime. Opens nothing: channels are opened when they are first used.
    ///
    /// # Errors
    /// `Config` with every [`Mistakes`] as its source.
    pub fn build(self) -> Result<Polywire> {
        let (document, settings) = self.read().map_err(wrong)?;
        document.finish().map_err(wrong)?;
        Ok(Polywire::new(document.file(), settings))
    }

    /// Reads the configuration and says what each channel would be, and everything that is wrong. Opens nothing.
    #[must_use]
    pub fn check(self) -> Report {
        let file = self.source_and_environment().0;
        match self.read() {
            Ok((document, settings)) => {
                Report::new(document.file(), &settings, document.finish().err().as_ref())
            }
            Err(mistakes) => Report::unread(&file, &mistakes),
        }
    }

    fn source_and_environment(&self) -> (String, Environment) {
        let environment = self
            .environment
            .clone()
            .unwrap_or_else(Environment::process);
        let file = match &self.source {
            Source::Default => environment
                .get(FILE_VARIABLE)
                .unwrap_or(DEFAULT_FILE)
                .to_owned(),
            Source::File(path) => path.display().to_string(),
            Source::Text { name, .. } => name.clone(),
        };
        (file, environment)
    }

    fn read(self) -> Result<(Document, Settings), Mistakes> {
        let (file, environment) = self.source_and_environment();
        let document = match &self.source {
            Source::Text { name, text } => Document::parse(name, text, &environment),
            Source::File(path) => Document::load_with(path, &environment)?,
            Source::Default => Document::load_with(&file, &environment)?,
        };
        let settings = Settings::read(&document, &self.registry, self.brought);
        Ok((document, settings))
    }
}

/// Without the text, which may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Text { name, .. } => write!(f, "Text({name:?})"),
        }
    }
}

/// The transports that this build has: memory, and http, amqp, webhook and plugin with the features of those names.
#[must_use]
pub fn default_registry() -> Registry {
    #[allow(unused_mut, reason = "without a transport feature nothing is added")]
    let mut registry = Registry::new();
    #[cfg(feature = "http")]
    add(&mut registry, polywire_http::HttpFactory);
    #[cfg(feature = "amqp")]
    add(&mut registry, polywire_amqp::AmqpFactory);
    #[cfg(feature = "webhook")]
    add(&mut registry, polywire_webhook::WebhookFactory);
    #[cfg(feature = "plugin")]
    add(&mut registry, polywire_plugin::PluginFactory);
    registry
}

#[cfg(any(
    feature = "http",
    feature = "amqp",
    feature = "plugin",
    feature = "webhook"
))]
fn add(registry: &mut Registry, factory: impl TransportFactory) {
    if let Err(error) = registry.register(factory) {
        tracing::error!(%error, "a transport of this build could not be registered");
    }
}

/// Mistakes as the one error: its line is the first mistake, its source has them all.
fn wrong(mistakes: Mistakes) -> Error {
    let first = mistakes
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    let first = first.lines().next().unwrap_or_default().to_owned();
    let text = match mistakes.count() {
        1 => first,
        2 => format!("{first}; and 1 more mistake"),
        count => format!("{first}; and {} more mistakes", count - 1),
    };
    Error::new(ErrorKind::Config, text).caused_by(mistakes)
}
