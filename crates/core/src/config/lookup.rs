//! Finding what a key stands for: in the environment first, then in the file.

use super::environment::{Override, upper, variable_name};
use super::section::Section;
use super::source::Origin;
use super::value::{Builder, Node, Place, Table, Value};
use std::borrow::Cow;
use std::sync::Arc;
use toml::de::DeValue;

/// What is found under the name of a table.
pub(super) enum Inner {
    Table(Arc<Table>),
    NoTable(Node),
    Absent,
}

impl Section {
    /// The value of a key, the environment's before the file's.
    pub(super) fn effective(&self, key: &str) -> Option<Cow<'_, Node>> {
        let Some(found) = self.shared.override_for(&self.path, key) else {
            return self.table.get(key).map(Cow::Borrowed);
        };
        Some(Cow::Owned(Node {
            value: Value::Text(found.value.clone().unwrap_or_default()),
            origin: Origin::Variable(Arc::clone(&found.name)),
            tainted: false,
            broken: found.value.is_none(),
        }))
    }

    /// A value that an environment variable holds as TOML text.
    pub(super) fn parse_override(&self, key: &str, node: &Node) -> Option<Node> {
        let (Value::Text(text), Origin::Variable(name)) = (&node.value, &node.origin) else {
            return None;
        };
        if text.len() > super::MAX_FILE_BYTES || super::syntax::too_deep(text).is_some() {
            return None;
        }
        let parsed = DeValue::parse(text.trim()).ok()?;
        let mut builder = Builder {
            place: Place::Variable(Arc::clone(name)),
            file: &self.shared.file,
            mistakes: &self.shared.mistakes,
            path: self.path_to(key),
        };
        Some(builder.node(&parsed))
    }

    pub(super) fn inner(&self, key: &str, node: &Node) -> Inner {
        let parsed = match node.value {
            Value::Text(_) => self.parse_override(key, node),
            _ => None,
        };
        let node = parsed.as_ref().unwrap_or(node);
        match &node.value {
            Value::Table(table) => Inner::Table(Arc::clone(table)),
            _ => Inner::NoTable(node.clone()),
        }
    }

    /// The environment may set keys in a table that is written nowhere.
    pub(super) fn inner_without_value(&self, key: &str) -> Inner {
        match self.overrides_inside(key).next() {
            Some(inside) => Inner::Table(Table::empty(Origin::Variable(Arc::clone(&inside.name)))),
            None => Inner::Absent,
        }
    }

    pub(super) fn with_inner(&self, key: &str, inner: Inner) -> Self {
        let (table, exists) = match inner {
            Inner::Table(table) => (table, true),
            Inner::NoTable(node) => (Table::empty(node.origin), false),
            Inner::Absent => (Table::empty(self.table.origin.clone()), false),
        };
        Self {
            shared: Arc::clone(&self.shared),
            path: self.path_to(key).into(),
            table,
            exists,
        }
    }

    /// A table inside this one, without anybody having asked for it.
    pub(super) fn peek(&self, key: &str) -> Option<Self> {
        let node = self.effective(key).filter(|node| !node.broken);
        let inner = node.map_or_else(
            || self.inner_without_value(key),
            |node| self.inner(key, &node),
        );
        match inner {
            Inner::Table(_) => Some(self.with_inner(key, inner)),
            Inner::NoTable(_) | Inner::Absent => None,
        }
    }

    pub(super) fn overrides_inside(&self, key: &str) -> impl Iterator<Item = &Override> {
        let prefix = variable_name(self.path.iter().map(String::as_str).chain([key])) + "_";
        // A table of the file owns the variables inside of it.
        let in_file =
            matches!(self.table.get(key), Some(node) if matches!(node.value, Value::Table(_)));
        self.shared.overrides.values().filter(move |found| {
            !in_file && found.name.starts_with(&prefix) && found.is_for(&self.path)
        })
    }
}

/// The name of a table that only a variable has.
pub(super) fn new_name(rest: &str, keys: &[&str], variable: &Override) -> Option<String> {
    let is_key = |text: &str| {
        keys.iter().any(|key| {
            let after = text.strip_prefix(&upper(key));
            after.is_some_and(|after| after.is_empty() || after.starts_with('_'))
        })
    };
    let splits = rest
        .match_indices('_')
        .map(|(at, _)| at)
        .filter(|at| *at > 0 && at + 1 < rest.len());
    let end = splits
        .clone()
        .find(|at| is_key(&rest[at + 1..]))
        .or_else(|| splits.clone().next());
    // `POLYWIRE_CHANNEL_ORDERS={ ... }` gives the table itself.
    let is_table = variable
        .value
        .as_deref()
        .is_some_and(|value| value.trim_start().starts_with('{'));
    match end {
        Some(end) => Some(rest[..end].to_ascii_lowercase()),
        None => (is_table && !rest.is_empty()).then(|| rest.to_ascii_lowercase()),
    }
}
