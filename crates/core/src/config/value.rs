//! The parsed file: values that remember where they come from.

use super::environment::{Environment, variable_name};
use super::interpolate::{Lookup, Problem, expand};
use super::log::Log;
use super::mistake::Mistake;
use super::nearest::nearest;
use super::secret::{HIDDEN, redact_url_passwords};
use super::source::{Origin, Source, dotted, push_key, quoted};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Deeper tables are refused: nothing we read is that deep, and reading recurses.
const MAX_DEPTH: usize = 32;

/// A longer value is cut when a mistake shows it.
const MAX_SHOWN: usize = 120;

#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// Something in it was replaced through `${}`.
    pub(super) tainted: bool,
    /// Its text was wrong and that has been reported; reading it must not report anything more.
    pub(super) broken: bool,
}

#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    /// As written, and its value when that fits.
    Integer(String, Option<i64>),
    Float(String),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Arc<Table>),
}

pub(super) struct Table {
    /// In the order of the file.
    pub(super) entries: Vec<Entry>,
    pub(super) origin: Origin,
}

pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_origin: Origin,
    pub(super) node: Node,
}

impl Table {
    pub(super) fn empty(origin: Origin) -> Arc<Self> {
        Arc::new(Self {
            entries: Vec::new(),
            origin,
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, &Arc<Self>)> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.node.value {
                Value::Table(table) => Some((entry.key.as_str(), table)),
                _ => None,
            })
    }
}

impl Node {
    /// A string that came from outside the file stands for any type: `"${PORT}"` may be an integer.
    pub(super) fn stands_for_any_type(&self) -> bool {
        self.tainted || matches!(self.origin, Origin::Variable(_))
    }

    /// `string "abc"`, `integer 10`; the type only when the value is hidden.
    pub(super) fn describe(&self, hide: bool) -> String {
        let kind = match &self.value {
            Value::Text(_) => "string",
            Value::Integer(..) => "integer",
            Value::Float(_) => "float",
            Value::Boolean(_) => "boolean",
            Value::Datetime(_) => "date-time",
            Value::Array(_) => "array",
            Value::Table(_) => "table",
        };
        format!("{kind} {}", self.shown(hide))
    }

    /// The value on one line, without what must not be printed.
    pub(super) fn shown(&self, hide: bool) -> String {
        if hide || self.tainted && !matches!(self.value, Value::Array(_)) {
            return HIDDEN.to_owned();
        }
        let text = match &self.value {
            Value::Text(text) => quoted(&redact_url_passwords(text)),
            Value::Integer(text, _) | Value::Float(text) | Value::Datetime(text) => text.clone(),
            Value::Boolean(value) => value.to_string(),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| item.shown(false)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(table) => {
                let entry = |entry: &Entry| {
                    let mut out = String::new();
                    push_key(&mut out, &entry.key);
                    let hide = super::secret::names_a_secret(&entry.key);
                    format!("{out} = {}", entry.node.shown(hide))
                };
                let entries: Vec<_> = table.entries.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        };
        cut(text)
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Turns what the TOML parser gives into a [`Table`].
pub(super) struct Builder<'a> {
    pub(super) place: Place<'a>,
    pub(super) file: &'a str,
    pub(super) mistakes: &'a Log<Mistake>,
    /// The tables that lead to what is being built.
    pub(super) path: Vec<String>,
}

pub(super) enum Place<'a> {
    /// A file, whose strings may refer to the environment.
    File {
        source: &'a Source<'a>,
        environment: &'a Environment,
        broken_lines: &'a BTreeSet<u32>,
    },
    /// An environment variable that holds a TOML value.
    Variable(Arc<str>),
}

impl Builder<'_> {
    pub(super) fn table(&mut self, table: &DeTable<'_>, origin: Origin) -> Arc<Table> {
        if self.path.len() > MAX_DEPTH {
            let message = format!("tables nest deeper than {MAX_DEPTH}");
            self.mistakes.push(Mistake::at(self.file, &origin, message));
            return Table::empty(origin);
        }
        let mut in_order: Vec<_> = table.iter().collect();
        in_order.sort_by_key(|(key, _)| key.span().start);
        let entries = in_order
            .into_iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                self.path.push(name.clone());
                let mut node = self.node(value);
                self.path.pop();
                node.broken |= self.is_broken(&key.span());
                Entry {
                    key: name,
                    key_origin: self.origin(key.span().start),
                    node,
                }
            })
            .collect();
        Arc::new(Table { entries, origin })
    }

    pub(super) fn node(&mut self, value: &Spanned<DeValue<'_>>) -> Node {
        let span = &value.span();
        let origin = self.origin(span.start);
        let mut tainted = false;
        let mut broken = self.is_broken(span);
        let value = match value.get_ref() {
            DeValue::String(text) => {
                let (text, was_tainted, was_broken) = self.text(text, span, broken);
                tainted = was_tainted;
                broken |= was_broken;
                Value::Text(text)
            }
            DeValue::Integer(integer) => {
                let value = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
                Value::Integer(integer.to_string(), value)
            }
            DeValue::Float(float) => Value::Float(float.as_str().to_owned()),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(value) => Value::Datetime(value.to_string()),
            DeValue::Array(items) => {
                // Arrays nest as well, so they count as a level.
                self.path.push(String::new());
                let items: Vec<Node> = if self.path.len() > MAX_DEPTH {
                    let message = format!("values nest deeper than {MAX_DEPTH}");
                    self.mistakes.push(Mistake::at(self.file, &origin, message));
                    broken = true;
                    Vec::new()
                } else {
                    items.iter().map(|item| self.node(item)).collect()
                };
                self.path.pop();
                tainted = items.iter().any(|item| item.tainted);
                broken |= items.iter().any(|item| item.broken);
                Value::Array(items)
            }
            DeValue::Table(table) => Value::Table(self.table(table, origin.clone())),
        };
        Node {
            value,
            origin,
            tainted,
            broken,
        }
    }

    /// The text with its references replaced, whether it is tainted, and whether it is broken.
    fn text(&self, text: &str, span: &Range<usize>, silent: bool) -> (String, bool, bool) {
        let Place::File {
            source,
            environment,
            ..
        } = &self.place
        else {
            return (text.to_owned(), false, false);
        };
        let expanded = expand(text, |name| environment.lookup(name));
        let broken = !expanded.problems.is_empty();
        let key: Vec<&str> = self
            .path
            .iter()
            .map(String::as_str)
            .filter(|name| !name.is_empty())
            .collect();
        // A value that the environment overrides is not read.
        let overridden = matches!(
            environment.lookup(&variable_name(key.iter().copied())),
            Lookup::Text(_)
        );
        if !silent && !overridden {
            for problem in &expanded.problems {
                self.mistakes
                    .push(reference_mistake(source, environment, &key, span, problem));
            }
        }
        (expanded.text.into_owned(), expanded.tainted, broken)
    }

    fn origin(&self, offset: usize) -> Origin {
        match &self.place {
            Place::File { source, .. } => source.origin(offset),
            Place::Variable(name) => Origin::Variable(Arc::clone(name)),
        }
    }

    fn is_broken(&self, span: &Range<usize>) -> bool {
        match &self.place {
            Place::File {
                source,
                broken_lines,
                ..
            } => broken_lines
                .range(source.line(span.start)..=source.line(span.end.max(span.start)))
                .next()
                .is_some(),
            Place::Variable(_) => false,
        }
    }
}

fn reference_mistake(
    source: &Source<'_>,
    environment: &Environment,
    key: &[&str],
    span: &Range<usize>,
    problem: &Problem,
) -> Mistake {
    let (reference, message, suggestion) = match problem {
        Problem::Unset(name) => {
            let near = nearest(name, environment.names());
            let hint = near.map_or_else(
                || format!("set it, or give a default: ${{{name}:-...}}"),
                |near| format!("did you mean {near}? or give a default: ${{{name}:-...}}"),
            );
            (
                format!("${{{name}"),
                format!("environment variable {name} is not set: {hint}"),
                near.map(str::to_owned),
            )
        }
        Problem::NotText(name) => (
            format!("${{{name}"),
            format!("environment variable {name} is not valid UTF-8"),
            None,
        ),
        Problem::Malformed(text) => (
            text.clone(),
            format!(
                "{} is no reference to an environment variable: write ${{NAME}} or ${{NAME:-default}}, or $${{ for the text ${{",
                quoted(text)
            ),
            None,
        ),
    };
    let offset = source
        .text
        .get(span.clone())
        .and_then(|raw| raw.find(&reference))
        .unwrap_or(0);
    let (last, tables) = key
        .split_last()
        .map_or(("", &[][..]), |(last, tables)| (*last, tables));
    let message = format!("{} {}: {message}", quoted(last), within(tables));
    Mistake::at(&source.file, &source.origin(span.start + offset), message)
        .with_key(dotted(key.iter().copied()))
        .with_suggestion(suggestion)
}

/// `in [channel.orders]`, or words for the root.
pub(super) fn within<S: AsRef<str>>(path: &[S]) -> String {
    if path.is_empty() {
        "at the top level".to_owned()
    } else {
        format!("in {}", place_name(path))
    }
}

/// `[channel.orders]`, or words for the root.
pub(super) fn place_name<S: AsRef<str>>(path: &[S]) -> String {
    if path.is_empty() {
        "the top level".to_owned()
    } else {
        format!("[{}]", dotted(path.iter().map(AsRef::as_ref)))
    }
}
