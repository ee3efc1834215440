//! One table of the configuration, as its reader sees it.

use super::document::{Asked, Kind, Opened, Shared};
use super::environment::upper;
use super::lookup::{Inner, new_name};
use super::mistake::Mistake;
use super::nearest::nearest;
use super::secret::{HIDDEN, names_a_secret, redact_url_passwords};
use super::source::{Origin, dotted, quoted};
use super::value::{Node, Table, Value, place_name, within};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A table of the configuration, such as `[transport.http]`.
///
/// Each reading method takes a key, remembers it as valid, and gives its value, or `None` when the key is absent
/// *or* wrong; a wrong value has then been reported. [`Section::require`] reports an absent one. Reads go through
/// `&self`, and several readers may share a table: [`Section::finish`] has whatever key nobody asked for reported.
///
/// ```
/// use polywire_core::config::{Document, Environment, Section};
///
/// struct PigeonConfig { loft: String, birds: u32 }
///
/// fn read(section: &Section) -> Option<PigeonConfig> {
///     let loft = section.require("loft", section.string("loft"));
///     let birds = section.integer("birds", 1..=100).unwrap_or(3);
///     section.finish();
///     Some(PigeonConfig { loft: loft?, birds })
/// }
///
/// let text = "[transport.pigeon]\nloft = \"roof\"\nbrids = 5\n";
/// let document = Document::parse("polywire.toml", text, &Environment::new());
/// let pigeon = read(&document.root().section_or_empty("transport").section_or_empty("pigeon"));
/// assert_eq!(pigeon.map(|pigeon| (pigeon.loft, pigeon.birds)), Some(("roof".into(), 3)));
/// assert_eq!(
///     document.finish().unwrap_err().to_string(),
///     "polywire.toml:3:1: unknown key \"brids\" in [transport.pigeon]: did you mean \"birds\"? valid keys: birds, loft",
/// );
/// ```
#[derive(Clone)]
pub struct Section {
    pub(super) shared: Arc<Shared>,
    pub(super) path: Arc<[String]>,
    pub(super) table: Arc<Table>,
    pub(super) exists: bool,
}

impl Section {
    pub(super) fn root(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            path: Arc::from([]),
            table: Arc::clone(&shared.root),
            exists: true,
        }
    }

    /// The last part of the table's name, `orders` for `[channel.orders]`; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The table's whole name, `channel.orders`.
    #[must_use]
    pub fn dotted_name(&self) -> String {
        dotted(self.path.iter().map(String::as_str))
    }

    /// Whether the file or the environment has this table; an absent one can be read all the same.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// Whether the file or the environment sets a key, right or wrong. Does not make the key a valid one.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.effective(key).is_some() || self.overrides_inside(key).next().is_some()
    }

    /// Where a key's value comes from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<Origin> {
        self.effective(key).map(|node| node.origin.clone())
    }

    /// A table inside this one, if the file or the environment has it.
    #[must_use]
    pub fn section(&self, key: &str) -> Option<Self> {
        let section = self.section_or_empty(key);
        section.exists.then_some(section)
    }

    /// A table inside this one; an empty one when there is none, so that its defaults can be read.
    #[must_use]
    pub fn section_or_empty(&self, key: &str) -> Self {
        let node = self.ask(key, Kind::Section, || {
            format!("a table {}", place_name(&self.path_to(key)))
        });
        let inner = node.map_or_else(
            || self.inner_without_value(key),
            |node| self.inner(key, &node),
        );
        if let Inner::NoTable(node) = &inner {
            let expected = match node.origin {
                Origin::Variable(_) => "an inline table such as { name = \"value\" }".to_owned(),
                Origin::File { .. } => format!("a table {}", place_name(&self.path_to(key))),
            };
            self.wrong(key, node, &expected, None);
        }
        let section = self.with_inner(key, inner);
        self.shared
            .opened
            .push(Opened::Begun(Arc::clone(&section.path)));
        section
    }

    /// All tables inside this one, in the order of the file, then those that only the environment has. Every name
    /// is valid here, and anything that is not a table is reported.
    ///
    /// A table that only the environment has is named by the first word of the variable: with
    /// `POLYWIRE_CHANNEL_ORDERS_TRANSPORT` there is a channel `orders`. Use [`Section::sections_with_keys`] to
    /// allow names of several words.
    #[must_use]
    pub fn sections(&self) -> Vec<Self> {
        self.sections_with_keys(&[])
    }

    /// As [`Section::sections`]; a table that only the environment has is named by all the words before the first
    /// of these keys: with the key `transport`, `POLYWIRE_CHANNEL_BIG_ORDERS_TRANSPORT` makes a channel
    /// `big_orders`.
    #[must_use]
    pub fn sections_with_keys(&self, keys: &[&str]) -> Vec<Self> {
        self.shared
            .opened
            .push(Opened::AnyName(Arc::clone(&self.path)));
        let in_file = self.table.entries.iter().map(|entry| entry.key.clone());
        let mut names: Vec<String> = in_file.collect();
        for (variable, rest) in self.shared.overrides_inside(&self.path) {
            let known = names.iter().any(|name| {
                let claim = rest.strip_prefix(&upper(name));
                claim.is_some_and(|after| after.is_empty() || after.starts_with('_'))
            });
            if !known && let Some(name) = new_name(rest, keys, variable) {
                names.push(name);
            }
        }
        names.iter().filter_map(|name| self.section(name)).collect()
    }

    /// Reports a missing key: passes the value on, and when there is none although nothing is wrong with the key,
    /// reports that it has to be there.
    pub fn require<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) && !self.may_be_swallowed() {
            let asked = self.shared.asked.iter();
            let expected = asked
                .filter(|asked| asked.path == self.path && asked.key == key)
                .last()
                .map_or_else(String::new, |asked| {
                    format!(": expected {}", asked.expected)
                });
            let message = format!(
                "missing key {} {}{expected}",
                quoted(key),
                within(&self.path)
            );
            let mistake = Mistake::at(&self.shared.file, &self.table.origin, message);
            self.shared
                .mistakes
                .push(mistake.with_key(self.dotted_key(key)));
        }
        value
    }

    /// Reports what a reader finds wrong with a key's value: one line, lower case, no full stop, that says what was
    /// found and what would work. The key's place and name come with it. A secret value inside the message is
    /// hidden.
    pub fn mistake(&self, key: &str, message: impl Into<String>) {
        self.report(key, message.into(), None);
    }

    /// Reports a value that is none of the valid ones and names the nearest: `unknown transport "htpp": did you
    /// mean "http"? valid: http, memory`. `what` says what the value should be the name of.
    pub fn unknown_value<'v>(
        &self,
        key: &str,
        what: &str,
        value: &str,
        valid: impl IntoIterator<Item = &'v str>,
    ) {
        let valid: Vec<&str> = valid.into_iter().collect();
        let near = nearest(value, valid.iter().copied());
        let hint = near.map_or_else(String::new, |near| {
            format!(" did you mean {}?", quoted(near))
        });
        let valid = if valid.is_empty() {
            "none".to_owned()
        } else {
            valid.join(", ")
        };
        let message = format!("unknown {what} {}:{hint} valid: {valid}", quoted(value));
        self.report(key, message, near.map(str::to_owned));
    }

    /// Says that this table has been read: whatever key nobody asked for is unknown, and [`Document::finish`]
    /// reports it. The tables inside are finished by whoever reads them.
    ///
    /// [`Document::finish`]: super::Document::finish
    pub fn finish(&self) {
        let (path, table) = (Arc::clone(&self.path), Arc::clone(&self.table));
        self.shared.opened.push(Opened::Finished(path, table));
    }

    fn report(&self, key: &str, message: String, suggestion: Option<String>) {
        let node = self.effective(key);
        let hide = node.as_ref().is_some_and(|node| self.is_hidden(key, node));
        let found = node.as_ref().map(|node| node.shown(hide));
        let message = match &node {
            Some(node) if hide => without_texts(message, node),
            _ => message,
        };
        let message = redact_url_passwords(&message);
        let origin = node.map_or_else(|| self.table.origin.clone(), |node| node.origin.clone());
        self.shared.mistakes.push(
            Mistake::at(&self.shared.file, &origin, message)
                .with_key(self.dotted_key(key))
                .with_found(found)
                .with_suggestion(suggestion),
        );
    }

    /// The value of a key that the caller is about to read, unless it is absent or known to be broken.
    pub(super) fn ask(
        &self,
        key: &str,
        kind: Kind,
        expected: impl Fn() -> String,
    ) -> Option<Cow<'_, Node>> {
        self.shared.asked.push(Asked {
            path: Arc::clone(&self.path),
            key: key.to_owned(),
            expected: expected(),
            kind,
        });
        if let Some(found) = self.shared.override_for(&self.path, key) {
            found.mark_used();
            if found.value.is_none() {
                let origin = Origin::Variable(Arc::clone(&found.name));
                let mistake = Mistake::at(&self.shared.file, &origin, "value is not valid UTF-8");
                self.shared
                    .mistakes
                    .push(mistake.with_key(self.dotted_key(key)));
            }
        }
        self.effective(key).filter(|node| !node.broken)
    }

    /// Whether a value must not be shown.
    pub(super) fn is_hidden(&self, key: &str, node: &Node) -> bool {
        node.tainted || names_a_secret(key) || self.shared.is_asked_as_secret(&self.path, key)
    }

    pub(super) fn wrong(&self, key: &str, node: &Node, expected: &str, suggestion: Option<&str>) {
        let hide = self.is_hidden(key, node);
        let hint = suggestion.map_or_else(String::new, |near| {
            format!("did you mean {}? ", quoted(near))
        });
        let message = format!(
            "{} {} is {}: {hint}expected {expected}",
            quoted(key),
            within(&self.path),
            node.describe(hide),
        );
        self.shared.mistakes.push(
            Mistake::at(&self.shared.file, &node.origin, message)
                .with_key(self.dotted_key(key))
                .with_found(Some(node.shown(hide)))
                .with_suggestion(suggestion),
        );
    }

    fn may_be_swallowed(&self) -> bool {
        self.shared
            .may_be_swallowed(self.exists.then_some(&self.table.origin))
    }

    pub(super) fn path_to(&self, key: &str) -> Vec<String> {
        self.path.iter().cloned().chain([key.to_owned()]).collect()
    }

    pub(super) fn dotted_key(&self, key: &str) -> String {
        dotted(self.path.iter().map(String::as_str).chain([key]))
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self
            .table
            .entries
            .iter()
            .map(|entry| entry.key.as_str())
            .collect();
        f.debug_struct("Section")
            .field("name", &self.dotted_name())
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn is_asked_as_secret(&self, path: &[String], key: &str) -> bool {
        self.asked
            .iter()
            .any(|asked| asked.kind == Kind::Secret && asked.key == key && *asked.path == *path)
    }
}

/// The message with every text of a hidden value replaced.
fn without_texts(message: String, node: &Node) -> String {
    match &node.value {
        Value::Text(text) if !text.is_empty() => {
            let escaped = quoted(text);
            message
                .replace(escaped.trim_matches('"'), HIDDEN)
                .replace(text.as_str(), HIDDEN)
        }
        Value::Array(items) => items.iter().fold(message, without_texts),
        _ => message,
    }
}
