//! The effective configuration, printed without secrets.

use super::document::{Kind, Opened, Shared};
use super::secret::{HIDDEN, names_a_secret, redact_url_passwords};
use super::section::Section;
use super::source::{Origin, dotted, push_key, push_quoted};
use super::value::{Node, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn redacted(shared: &Arc<Shared>) -> String {
    let mut out = String::new();
    table(&Section::root(shared), &mut out);
    out
}

fn table(section: &Section, out: &mut String) {
    let mut lines = String::new();
    let mut inner = Vec::new();
    let keys = keys(section);
    for key in &keys {
        if let Some(child) = section.peek(key) {
            inner.push(child);
        } else if let Some(node) = section.effective(key) {
            line(section, key, &node, &mut lines);
        }
    }
    if !section.path.is_empty() && (!lines.is_empty() || inner.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        let name = dotted(section.path.iter().map(String::as_str));
        out.push_str(&format!("[{name}]\n"));
    }
    out.push_str(&lines);
    for child in inner {
        table(&child, out);
    }
}

/// The file's keys in its order, then those that only the environment has.
fn keys(section: &Section) -> Vec<String> {
    let mut keys: Vec<String> = section
        .table
        .entries
        .iter()
        .map(|entry| entry.key.clone())
        .collect();
    if section.shared.overrides.is_empty() {
        return keys;
    }
    let depth = section.path.len();
    let mut seen: BTreeSet<String> = keys.iter().cloned().collect();
    let mut add = |path: &[String], key: &str| {
        if !path.starts_with(&section.path) {
            return;
        }
        let name = path.get(depth).map_or(key, String::as_str);
        if !name.is_empty() && seen.insert(name.to_owned()) && section.has(name) {
            keys.push(name.to_owned());
        }
    };
    for asked in section.shared.asked.iter() {
        add(&asked.path, &asked.key);
    }
    for opened in section.shared.opened.iter() {
        if let Opened::Begun(path) = opened {
            add(path, "");
        }
    }
    keys
}

fn line(section: &Section, key: &str, node: &Node, out: &mut String) {
    let shared = &section.shared;
    if node.broken {
        let mut name = String::new();
        push_key(&mut name, key);
        comment(&format!("{name} cannot be read: {}", node.origin), out);
        return;
    }
    let hide = section.is_hidden(key, node);
    push_key(out, key);
    out.push_str(" = ");
    let typed = shared
        .asked
        .iter()
        .any(|asked| asked.kind == Kind::Typed && asked.key == key && asked.path == section.path);
    let parsed = if typed && !hide {
        section.parse_override(key, node)
    } else {
        None
    };
    value(parsed.as_ref().unwrap_or(node), hide, out);
    out.push_str("  ");
    match &node.origin {
        Origin::File { file, line, .. } => comment(&format!("{file}:{line}"), out),
        Origin::Variable(name) => comment(name, out),
    }
}

/// Names of files and variables may hold anything but must not end the comment.
fn comment(text: &str, out: &mut String) {
    out.push_str("# ");
    out.extend(text.chars().map(|c| if c.is_control() { '?' } else { c }));
    out.push('\n');
}

fn value(node: &Node, hide: bool, out: &mut String) {
    match &node.value {
        Value::Boolean(value) => out.push_str(&value.to_string()),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                value(item, hide, out);
            }
            out.push(']');
        }
        Value::Table(table) => {
            out.push('{');
            let readable = table.entries.iter().filter(|entry| !entry.node.broken);
            for (index, entry) in readable.enumerate() {
                out.push_str(if index > 0 { ", " } else { " " });
                push_key(out, &entry.key);
                out.push_str(" = ");
                value(&entry.node, hide || names_a_secret(&entry.key), out);
            }
            out.push_str(" }");
        }
        _ if hide || node.tainted => push_quoted(out, HIDDEN),
        Value::Text(text) => push_quoted(out, &redact_url_passwords(text)),
        Value::Integer(text, _) | Value::Float(text) | Value::Datetime(text) => out.push_str(text),
    }
}
