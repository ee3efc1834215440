//! Keys of the file and variables of the environment that nobody asked for.

use super::document::{Kind, Opened, Shared};
use super::environment::{Override, variable_name};
use super::mistake::Mistake;
use super::nearest::nearest;
use super::source::{Origin, dotted, quoted};
use super::value::{Entry, Value, place_name, within};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The keys that are valid in each table, and whether each is a table itself.
type Keys<'s> = BTreeMap<&'s [String], BTreeMap<&'s str, bool>>;

pub(super) fn unknown(shared: &Shared) -> Vec<Mistake> {
    let mut keys = Keys::new();
    for asked in shared.asked.iter() {
        let is_table = asked.kind == Kind::Section;
        keys.entry(&asked.path)
            .or_default()
            .insert(&asked.key, is_table);
    }
    let mut begun = BTreeSet::new();
    let mut closed = BTreeSet::new();
    let mut finished = BTreeMap::new();
    let mut any_name = BTreeSet::new();
    for opened in shared.opened.iter() {
        match opened {
            Opened::Begun(path) => {
                begun.insert(&path[..]);
            }
            Opened::AnyName(path) => {
                closed.insert(&path[..]);
                any_name.insert(&path[..]);
            }
            Opened::Finished(path, table) => {
                closed.insert(&path[..]);
                finished.insert(&path[..], table);
            }
        }
    }

    let mut mistakes = Vec::new();
    for (path, table) in &finished {
        if !any_name.contains(path) {
            let none = BTreeMap::new();
            let valid = keys.get(path).unwrap_or(&none);
            let unknown = table
                .entries
                .iter()
                .filter(|entry| !entry.node.broken && !valid.contains_key(entry.key.as_str()));
            mistakes.extend(unknown.map(|entry| unknown_key(shared, path, entry, valid)));
        }
    }
    for variable in shared.overrides.values() {
        if variable.is_used() {
            continue;
        }
        // Whoever reads the deepest table that the variable could be for has the say.
        let table = begun
            .iter()
            .filter(|path| {
                let prefix = variable_name(path.iter().map(String::as_str)) + "_";
                variable.name.starts_with(&prefix)
            })
            .max_by_key(|path| path.len());
        if let Some(rivals) = &variable.rival {
            mistakes.push(ambiguous(shared, variable, rivals));
        } else if let Some(path) = table.filter(|path| closed.contains(**path)) {
            mistakes.push(unknown_variable(shared, variable, path, &keys));
        }
    }
    mistakes
}

fn unknown_key(
    shared: &Shared,
    path: &[String],
    entry: &Entry,
    valid: &BTreeMap<&str, bool>,
) -> Mistake {
    let is_section = path.is_empty() && matches!(entry.node.value, Value::Table(_));
    let near = nearest(&entry.key, valid.keys().copied());
    let show = |key: &str| {
        if is_section {
            format!("[{}]", dotted([key]))
        } else {
            quoted(key)
        }
    };
    let hint = near.map_or_else(String::new, |near| format!(" did you mean {}?", show(near)));
    let what = if is_section {
        format!("unknown section {}", show(&entry.key))
    } else {
        format!("unknown key {} {}", show(&entry.key), within(path))
    };
    let message = format!("{what}:{hint} {}", valid_list(path, valid));
    let key = path.iter().map(String::as_str).chain([entry.key.as_str()]);
    Mistake::at(&shared.file, &entry.key_origin, message)
        .with_key(dotted(key))
        .with_suggestion(near)
}

fn valid_list(path: &[String], valid: &BTreeMap<&str, bool>) -> String {
    let kind = if path.is_empty() && valid.values().all(|is_table| *is_table) {
        "sections"
    } else {
        "keys"
    };
    if valid.is_empty() {
        return format!("{} has no keys", place_name(path));
    }
    let names: Vec<String> = valid.keys().map(|key| dotted([*key])).collect();
    format!("valid {kind}: {}", names.join(", "))
}

fn unknown_variable(
    shared: &Shared,
    variable: &Override,
    path: &[String],
    keys: &Keys<'_>,
) -> Mistake {
    let asked: Vec<String> = keys
        .iter()
        .flat_map(|(path, keys)| keys.keys().map(|key| (*path, *key)))
        .map(|(path, key)| variable_name(path.iter().map(String::as_str).chain([key])))
        .collect();
    let near = nearest(&variable.name, asked.iter().map(String::as_str));
    let hint = near.map_or_else(String::new, |near| format!(" did you mean {near}?"));
    let none = BTreeMap::new();
    let valid = keys.get(path).unwrap_or(&none);
    let message = format!(
        "sets no key {}:{hint} {}",
        within(path),
        valid_list(path, valid)
    );
    let origin = Origin::Variable(Arc::clone(&variable.name));
    Mistake::at(&shared.file, &origin, message).with_suggestion(near)
}

fn ambiguous(shared: &Shared, variable: &Override, (one, other): &(String, String)) -> Mistake {
    let name = |last: &String| {
        let path: Vec<&String> = variable.owner.iter().chain([last]).collect();
        place_name(&path)
    };
    let message = format!(
        "may mean {} or {}: rename one of them or set the key in the file",
        name(one),
        name(other)
    );
    Mistake::at(
        &shared.file,
        &Origin::Variable(Arc::clone(&variable.name)),
        message,
    )
}
