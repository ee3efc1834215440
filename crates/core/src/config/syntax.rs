//! What the TOML parser complains about, in our words.

use super::mistake::Mistake;
use super::secret::{names_a_secret, redact_url_passwords};
use super::source::{Source, quoted};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Longer dotted keys are not handed to the parser, which recurses over them.
const MAX_DOTS: usize = 32;

/// A row of dots may decorate a comment.
const MAX_COMMENT_DOTS: usize = 512;

/// A line with more dots in one key than any real file has.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let mut dots = 0;
    let mut gap = false;
    let mut most = MAX_DOTS;
    let mut line_begins = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => most = MAX_DOTS,
            b'#' if line_begins => most = MAX_COMMENT_DOTS,
            _ => {}
        }
        line_begins = byte == b'\n' || line_begins && byte.is_ascii_whitespace();
        match byte {
            b'.' => {
                dots += 1;
                gap = false;
                if dots > most {
                    return Some(at);
                }
            }
            b' ' | b'\t' => gap = true,
            // Two words with a gap and no dot between them are not one key.
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'"' | b'\'' => {
                if gap
                    && text
                        .as_bytes()
                        .get(..at)
                        .is_some_and(|before| !ends_in_dot(before))
                {
                    dots = 0;
                }
                gap = false;
            }
            _ => dots = 0,
        }
    }
    None
}

fn ends_in_dot(before: &[u8]) -> bool {
    before.trim_ascii_end().last() == Some(&b'.')
}

/// Whether a line is a key and nothing else. The parser gives up on everything after such a line, but a forgotten
/// `=` must not hide the other mistakes.
pub(super) fn is_bare_key(error: &toml::de::Error) -> bool {
    error.message().starts_with("key with no value")
}

/// The text with the lines that the errors are on blanked, every other offset as it was.
pub(super) fn without_lines(source: &Source<'_>, errors: &[toml::de::Error]) -> String {
    let mut lines: Vec<usize> = errors
        .iter()
        .map(|error| source.line_start(source.line(error.span().map_or(0, |span| span.start))))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    let mut text = String::with_capacity(source.text.len());
    for start in lines {
        let kept = source.text.get(text.len()..start).unwrap_or("");
        text.push_str(kept);
        text.push_str(&" ".repeat(source.line_text(start).len()));
    }
    let rest = source.text.get(text.len()..).unwrap_or("");
    text.push_str(rest);
    text
}

/// The complaints, and the lines whose values are not to be trusted because of them.
pub(super) fn translate(
    source: &Source<'_>,
    root: &DeTable<'_>,
    errors: &[toml::de::Error],
) -> (Vec<Mistake>, BTreeSet<u32>) {
    let mut broken_lines = BTreeSet::new();
    let mut mistakes = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let mistake = if error.message() == "duplicate key" {
            duplicate(source, root, &span)
        } else {
            broken_lines.insert(source.line(span.start));
            let message = if error.message().starts_with("string values must be quoted") {
                unquoted(source, &span)
            } else {
                error.message().to_owned()
            };
            Mistake::at(&source.file, &source.origin(span.start), message)
        };
        mistakes.push(mistake);
    }
    (mistakes, broken_lines)
}

fn unquoted(source: &Source<'_>, span: &Range<usize>) -> String {
    // From the line of the last `=` before the value: its key says whether the value is a secret.
    let before = source.text.get(..span.start).unwrap_or("");
    let from = source.line_start(source.line(before.rfind('=').unwrap_or(0)));
    let mut words = before
        .get(from..)
        .unwrap_or("")
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'));
    let text = source.text.get(span.clone()).unwrap_or("");
    if text.is_empty() {
        "value is missing: write it after the =, text in double quotes".to_owned()
    } else if words.any(names_a_secret) || text.len() > 80 {
        "text has to be in double quotes".to_owned()
    } else {
        let text = redact_url_passwords(text);
        format!("{text} is not quoted: write {}", quoted(&text))
    }
}

fn duplicate(source: &Source<'_>, root: &DeTable<'_>, span: &Range<usize>) -> Mistake {
    let name = source.text.get(span.clone()).unwrap_or("");
    let mut search = First {
        key: name.trim_matches(['"', '\'']),
        before: span.start,
        best: None,
        is_table: None,
    };
    search.walk(root);
    let first = match search.is_table {
        // The parser keeps the later header's place, so the earlier one is looked up in the text.
        Some(header) => source.text.get(header.clone()).and_then(|header_text| {
            let at = source.text.find(header_text)?;
            (at < header.start).then_some(at)
        }),
        None => search.best,
    };
    let mut message = format!("{} is set twice", quoted(search.key));
    if let Some(first) = first {
        message.push_str(&format!(", first on line {}", source.line(first)));
    }
    message.push_str(": keep one");
    Mistake::at(&source.file, &source.origin(span.start), message).with_key(search.key.to_owned())
}

/// Looks for the key that a duplicate repeats: the last of its name before it.
struct First<'k> {
    key: &'k str,
    before: usize,
    best: Option<usize>,
    is_table: Option<Range<usize>>,
}

impl First<'_> {
    fn walk(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let at = key.span().start;
            if key.get_ref() == self.key && at == self.before && value.get_ref().is_table() {
                self.is_table = Some(value.span());
            } else if key.get_ref() == self.key && at < self.before {
                self.best = self.best.max(Some(at));
            }
            match value.get_ref() {
                DeValue::Table(inner) => {
                    // A key inside an inline table repeats nothing outside of it.
                    let span = value.span();
                    let inline = source_is_inline(&span, inner);
                    if !inline || span.contains(&self.before) {
                        self.walk(inner);
                    }
                }
                DeValue::Array(items) => {
                    for item in items {
                        if let DeValue::Table(inner) = item.get_ref() {
                            self.walk(inner);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// An inline table spans its keys, a table with a header does not.
fn source_is_inline(span: &Range<usize>, table: &DeTable<'_>) -> bool {
    table
        .keys()
        .next()
        .is_some_and(|key| span.contains(&key.span().start))
}
