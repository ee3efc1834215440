//! `${VAR}` inside string values.

use std::borrow::Cow;

/// What became of a text with references in it.
pub(super) struct Expanded<'t> {
    pub(super) text: Cow<'t, str>,
    /// Whether anything was replaced from the environment.
    pub(super) tainted: bool,
    pub(super) problems: Vec<Problem>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The variable is not in the environment and the reference has no default.
    Unset(String),
    /// The variable's value is not UTF-8.
    NotText(String),
    /// The reference is written wrongly; what follows `$`, shortened.
    Malformed(String),
}

/// What the environment says about a name.
pub(super) enum Lookup<'e> {
    Text(&'e str),
    NotText,
    Unset,
}

pub(super) fn expand<'t, 'e>(text: &'t str, lookup: impl Fn(&str) -> Lookup<'e>) -> Expanded<'t> {
    let mut expanded = Expanded {
        text: Cow::Borrowed(text),
        tainted: false,
        problems: Vec::new(),
    };
    if !text.contains("${") {
        return expanded;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = reference.find('}') else {
            expanded
                .problems
                .push(Problem::Malformed(shorten(reference)));
            rest = "";
            break;
        };
        let inner = &reference[2..end];
        rest = &reference[end + 1..];
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        if !is_variable_name(name) || default.is_some_and(|default| default.contains("${")) {
            expanded
                .problems
                .push(Problem::Malformed(shorten(reference)));
            continue;
        }
        expanded.tainted = true;
        match (lookup(name), default) {
            (Lookup::Text(""), Some(default)) | (Lookup::Unset, Some(default)) => {
                out.push_str(default);
            }
            (Lookup::Text(value), _) => out.push_str(value),
            (Lookup::NotText, _) => expanded.problems.push(Problem::NotText(name.to_owned())),
            (Lookup::Unset, None) => expanded.problems.push(Problem::Unset(name.to_owned())),
        }
    }
    out.push_str(rest);
    expanded.text = Cow::Owned(out);
    expanded
}

fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Only as much of the reference as names it: the default may be a secret.
fn shorten(reference: &str) -> String {
    let end = reference.find([':', '}']).unwrap_or(reference.len());
    reference[..end].chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::{Lookup, Problem, expand};

    fn lookup(name: &str) -> Lookup<'static> {
        match name {
            "HOST" => Lookup::Text("db.example"),
            "EMPTY" => Lookup::Text(""),
            "BYTES" => Lookup::NotText,
            _ => Lookup::Unset,
        }
    }

    #[test]
    fn replaces() {
        for (text, expected, tainted) in [
            ("plain $HOST", "plain $HOST", false),
            ("${HOST}", "db.example", true),
            ("a${HOST}b${HOST}c", "adb.examplebdb.examplec", true),
            ("${MISSING:-x:-y}", "x:-y", true),
            ("${EMPTY:-x}|${EMPTY}", "x|", true),
            ("${HOST:-x}", "db.example", true),
            ("${MISSING:-}", "", true),
            ("$${HOST}", "${HOST}", false),
            ("€${HOST}€", "€db.example€", true),
        ] {
            let expanded = expand(text, lookup);
            assert_eq!(expanded.text, expected, "{text}");
            assert_eq!(expanded.tainted, tainted, "{text}");
            assert_eq!(expanded.problems, [], "{text}");
        }
    }

    #[test]
    fn reports() {
        for (text, problem) in [
            ("x${MISSING}", Problem::Unset("MISSING".into())),
            ("${BYTES:-x}", Problem::NotText("BYTES".into())),
            ("${HOST", Problem::Malformed("${HOST".into())),
            ("${}", Problem::Malformed("${".into())),
            ("${A B}", Problem::Malformed("${A B".into())),
            ("${A:-${B}}", Problem::Malformed("${A".into())),
            ("${1A}", Problem::Malformed("${1A".into())),
        ] {
            assert_eq!(expand(text, lookup).problems, [problem], "{text}");
        }
    }
}
