use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::schema::{definition, walk, walk_mut};

/// Joins the definitions of what is written and of what is read. A type whose two forms differ keeps its name for the
/// written one; the read one gets the suffix `Input`, and so does every read definition that refers to it.
///
/// `read_roots` are the schemas outside the definitions whose references follow the renaming.
pub(super) fn join<'a>(
    written: Map<String, Value>,
    mut read: Map<String, Value>,
    read_roots: impl Iterator<Item = &'a mut Value>,
) -> Map<String, Value> {
    let renamed = renamed(&written, &read);
    read_roots.for_each(|root| rename(root, &renamed));
    read.values_mut()
        .for_each(|schema| rename(schema, &renamed));
    let mut joined = written;
    for (name, schema) in read {
        let name = match renamed.get(&name) {
            Some(suffix) => name + suffix,
            None => name,
        };
        joined.entry(name).or_insert(schema);
    }
    joined
}

/// The definitions read that need another name, and the suffix that makes it unique.
fn renamed(written: &Map<String, Value>, read: &Map<String, Value>) -> BTreeMap<String, String> {
    let differs = |(name, schema): &(&String, &Value)| {
        written.get(*name).is_some_and(|other| other != *schema)
    };
    let mut names: BTreeSet<&String> = read.iter().filter(differs).map(|(name, _)| name).collect();
    // Until nothing is added: what refers to a renamed definition is no longer what is written either.
    loop {
        let refers = |schema: &Value| {
            let mut found = false;
            walk(schema, &mut |schema| {
                let target = schema
                    .get("$ref")
                    .and_then(Value::as_str)
                    .and_then(definition);
                found |= target.is_some_and(|target| names.contains(&target));
            });
            found
        };
        let shared = |name: &&String| written.contains_key(*name) && !names.contains(*name);
        let more: Vec<&String> = read
            .keys()
            .filter(shared)
            .filter(|name| refers(&read[*name]))
            .collect();
        if more.is_empty() {
            break;
        }
        names.extend(more);
    }
    let is_taken = |name: &str| written.contains_key(name) || read.contains_key(name);
    let suffix = |name: &str| {
        let mut suffix = "Input".to_owned();
        let mut number = 1;
        while is_taken(&format!("{name}{suffix}")) {
            number += 1;
            suffix = format!("Input{number}");
        }
        suffix
    };
    names
        .into_iter()
        .map(|name| (name.clone(), suffix(name)))
        .collect()
}

fn rename(schema: &mut Value, renamed: &BTreeMap<String, String>) {
    walk_mut(schema, &mut |members| {
        if let Some(Value::String(reference)) = members.get_mut("$ref")
            && let Some(suffix) = definition(reference).and_then(|target| renamed.get(&target))
        {
            reference.push_str(suffix);
        }
    });
}
