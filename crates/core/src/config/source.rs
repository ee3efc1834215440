//! Where a value comes from.

use std::fmt;
use std::sync::Arc;

/// The place a value was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A place in the config file.
    File {
        /// The file's name as it was given when it was loaded.
        file: Arc<str>,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// The environment variable of this name.
    Variable(Arc<str>),
}

/// `polywire.toml:7:13`, or the variable's name.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A config text with an index of its lines.
pub(super) struct Source<'t> {
    pub(super) file: Arc<str>,
    pub(super) text: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> Source<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            file: file.into(),
            text,
            line_starts,
        }
    }

    /// Line from 1; offsets past the end belong to the last line.
    pub(super) fn line(&self, offset: usize) -> u32 {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    pub(super) fn origin(&self, offset: usize) -> Origin {
        let line = self.line(offset);
        let start = self.line_start(line);
        let column = self.text.get(start..offset).map_or(0, |text| {
            text.trim_start_matches('\u{feff}').chars().count()
        });
        Origin::File {
            file: Arc::clone(&self.file),
            line,
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn line_start(&self, line: u32) -> usize {
        (line as usize)
            .checked_sub(1)
            .and_then(|index| self.line_starts.get(index))
            .copied()
            .unwrap_or(0)
    }

    /// The whole line that `offset` is on, without its end.
    pub(super) fn line_text(&self, offset: usize) -> &'t str {
        self.text
            .get(self.line_start(self.line(offset))..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or("")
    }
}

/// `channel.orders.transport`; names that are no bare TOML keys are quoted.
pub(super) fn dotted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for name in names {
        if !out.is_empty() {
            out.push('.');
        }
        push_key(&mut out, name);
    }
    out
}

/// Appends a TOML key, quoted when it has to be.
pub(super) fn push_key(out: &mut String, key: &str) {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !key.is_empty() && key.bytes().all(bare) {
        out.push_str(key);
    } else {
        push_quoted(out, key);
    }
}

/// Appends a TOML basic string; the result never holds a line break or another control character.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Control characters all lie in the basic plane.
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text);
    out
}
