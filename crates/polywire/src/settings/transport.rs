//! `[transport.NAME]`: each table is read by the factory of its type.

use std::sync::Arc;

use polywire_core::config::Section;
use polywire_core::{Capability, Environment, Registry, Transport};

/// A transport as configured.
#[derive(Debug)]
pub(crate) struct ConfiguredTransport {
    /// The name of its table.
    pub(crate) name: String,
    /// The registered type.
    pub(crate) kind: &'static str,
    /// What the type is for.
    pub(crate) summary: &'static str,
    /// `None` when something is wrong with its table.
    pub(crate) transport: Option<Arc<dyn Transport>>,
}

impl ConfiguredTransport {
    /// What its channels can do, when nothing is wrong with its table.
    pub(crate) fn capability(&self) -> Option<Capability> {
        self.transport
            .as_ref()
            .map(|transport| transport.capability())
    }
}

/// The transports of a document, and what it takes to add one that needs no table.
pub(super) struct Transports<'a> {
    pub(super) configured: Vec<ConfiguredTransport>,
    /// How many of them the program or the file lists; the others were added because a channel names them.
    listed: usize,
    /// Tables whose type is unknown: their names are known all the same.
    broken: Vec<String>,
    section: &'a Section,
    registry: &'a Registry,
    environment: &'a Environment,
}

/// Reads `[transport.*]`, after those that the program `made` itself.
pub(super) fn read<'a>(
    section: &'a Section,
    registry: &'a Registry,
    environment: &'a Environment,
    made: Vec<(String, Arc<dyn Transport>)>,
) -> Transports<'a> {
    let ready = |(name, transport)| ConfiguredTransport {
        name,
        kind: "ready",
        summary: "made by the program",
        transport: Some(transport),
    };
    let mut transports = Transports {
        configured: made.into_iter().map(ready).collect(),
        listed: 0,
        broken: Vec::new(),
        section,
        registry,
        environment,
    };
    for table in section.sections() {
        let name = table.name();
        if transports.configured.iter().any(|made| made.name == name) {
            section.mistake(
                name,
                format!("the program makes transport {name:?} itself: remove its table"),
            );
        } else {
            transports.add(&table);
        }
    }
    transports.listed = transports.configured.len();
    transports
}

impl Transports<'_> {
    fn add(&mut self, table: &Section) {
        let name = table.name().to_owned();
        let named = table.string("type");
        let kind = named.as_deref().unwrap_or(&name);
        let Some(factory) = self.registry.get(kind) else {
            if named.is_some() {
                table.unknown_value("type", "transport", kind, self.registry.names());
            } else if !table.has("type") {
                let known: Vec<&str> = self.registry.names().collect();
                let hint = polywire_core::config::nearest(kind, known.iter().copied());
                let hint = hint.map_or_else(String::new, |near| {
                    format!(" did you mean [transport.{near}]?")
                });
                table.mistake("type", format!("no transport is called {kind:?}:{hint} name its type with type = \"...\", valid: {}", known.join(", ")));
            }
            self.broken.push(name);
            return;
        };
        let transport = factory.build(table, self.environment);
        table.finish();
        let (kind, summary) = (factory.name(), factory.summary());
        self.configured.push(ConfiguredTransport {
            name,
            kind,
            summary,
            transport,
        });
    }

    /// The transport of a name; a registered type needs no table of its own when all of its keys have defaults.
    pub(super) fn named(&mut self, name: &str) -> Named<'_> {
        if self.broken.iter().any(|broken| broken == name) {
            return Named::Broken;
        }
        if !self
            .configured
            .iter()
            .any(|transport| transport.name == name)
        {
            if self.registry.get(name).is_none() {
                return Named::Unknown;
            }
            self.add(&self.section.section_or_empty(name));
        }
        match self
            .configured
            .iter()
            .find(|transport| transport.name == name)
        {
            Some(transport) => Named::Configured(transport),
            None => Named::Unknown,
        }
    }

    /// Those that the program or the file lists, in that order.
    pub(super) fn listed(&self) -> &[ConfiguredTransport] {
        &self.configured[..self.listed]
    }

    /// Every name that `transport = "..."` may have.
    pub(super) fn names(&self) -> Vec<String> {
        let tables = self
            .configured
            .iter()
            .map(|transport| transport.name.clone())
            .chain(self.broken.iter().cloned());
        let mut names: Vec<String> = tables
            .chain(self.registry.names().map(str::to_owned))
            .chain(["auto".to_owned()])
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Whether something is wrong with a table, so that it cannot be judged.
    pub(super) fn any_broken(&self) -> bool {
        !self.broken.is_empty()
            || self
                .configured
                .iter()
                .any(|transport| transport.transport.is_none())
    }
}

/// What stands behind a transport's name.
pub(super) enum Named<'t> {
    Configured(&'t ConfiguredTransport),
    /// Its table is wrong, which has been reported.
    Broken,
    Unknown,
}
