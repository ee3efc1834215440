//! Environment variables, as a map that tests can make up.

use super::interpolate::Lookup;
use super::value::Table;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PREFIX: &str = "POLYWIRE";

/// A set of environment variables. Its `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Environment {
    /// `None` when the value is not UTF-8.
    variables: BTreeMap<String, Option<String>>,
}

impl Environment {
    /// No variables at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The variables of this process as they are now. Names that are not UTF-8 are left out.
    #[must_use]
    pub fn process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())))
            .collect();
        Self { variables }
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), Some(value.into()));
        self
    }

    /// A variable's value, if it is set and UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.as_deref()
    }

    #[cfg(test)]
    pub(super) fn insert_not_text(&mut self, name: &str) {
        self.variables.insert(name.to_owned(), None);
    }

    pub(super) fn lookup(&self, name: &str) -> Lookup<'_> {
        match self.variables.get(name) {
            Some(Some(value)) => Lookup::Text(value),
            Some(None) => Lookup::NotText,
            None => Lookup::Unset,
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The variables that mean to set a key, each with the table of the file that claims it.
    pub(super) fn overrides(&self, root: &Table) -> BTreeMap<String, Override> {
        self.variables
            .iter()
            .filter(|(name, _)| is_override(name))
            .map(|(name, value)| {
                let (owner, rival) = owner(root, name);
                let found = Override {
                    name: name.as_str().into(),
                    value: value.clone(),
                    owner,
                    rival,
                    used: AtomicBool::new(false),
                };
                (name.clone(), found)
            })
            .collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let own = |(name, value): (N, V)| (name.into(), Some(value.into()));
        Self {
            variables: variables.into_iter().map(own).collect(),
        }
    }
}

/// A `POLYWIRE_*` variable.
pub(super) struct Override {
    pub(super) name: Arc<str>,
    pub(super) value: Option<String>,
    /// The deepest table of the file whose name the variable begins with: only it and what lies in it may read it.
    pub(super) owner: Vec<String>,
    /// Another name in the owner that reads the same in upper case as one that would own the variable.
    pub(super) rival: Option<(String, String)>,
    used: AtomicBool,
}

impl Override {
    pub(super) fn is_for(&self, path: &[String]) -> bool {
        self.rival.is_none() && path.starts_with(&self.owner)
    }

    pub(super) fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }
}

fn is_override(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|rest| !matches!(rest, "CONFIG" | "LOG") && !rest.starts_with("TEST_"))
}

/// `POLYWIRE_CHANNEL_ORDERS_TRANSPORT` for `channel.orders.transport`.
pub(super) fn variable_name<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = PREFIX.to_owned();
    for name in names {
        out.push('_');
        out.push_str(&upper(name));
    }
    out
}

pub(super) fn upper(name: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    name.chars().map(letter).collect()
}

fn owner(root: &Table, variable: &str) -> (Vec<String>, Option<(String, String)>) {
    let mut path = Vec::new();
    let mut table = root;
    let mut rest = variable.get(PREFIX.len() + 1..).unwrap_or("");
    loop {
        let mut best: Option<(&str, &Table, usize)> = None;
        for (name, child) in table.tables() {
            let claim = upper(name);
            let after = rest
                .strip_prefix(&claim)
                .and_then(|after| after.strip_prefix('_'));
            if after.is_none_or(str::is_empty) {
                continue;
            }
            match best {
                Some((rival, _, length)) if length == claim.len() => {
                    return (path, Some((rival.to_owned(), name.to_owned())));
                }
                Some((_, _, length)) if length > claim.len() => {}
                _ => best = Some((name, child, claim.len())),
            }
        }
        let Some((name, child, length)) = best else {
            return (path, None);
        };
        path.push(name.to_owned());
        table = child;
        rest = rest.get(length + 1..).unwrap_or("");
    }
}
