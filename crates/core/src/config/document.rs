//! A config file as a whole.

use super::environment::{Environment, Override, variable_name};
use super::log::Log;
use super::mistake::{Mistake, Mistakes};
use super::section::Section;
use super::source::{Origin, Source};
use super::syntax;
use super::value::{Builder, Place, Table, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::DeTable;

/// A larger config file is refused.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// Shown when there is no file to read.
const EXAMPLE: &str = "write one like:
    [channel.orders]
    contract = \"orders\"
    transport = \"http\"

    [transport.http]
    url = \"http://127.0.0.1:7411\"";

/// A parsed config file with its environment overrides and everything found wrong so far.
///
/// Cheap to clone: clones share what was read and what was wrong. `Debug` and [`Document::redacted`] hide secrets.
#[derive(Clone)]
pub struct Document {
    pub(super) shared: Arc<Shared>,
}

/// What a document and its sections share.
pub(super) struct Shared {
    pub(super) file: String,
    pub(super) folder: PathBuf,
    pub(super) root: Arc<Table>,
    pub(super) overrides: BTreeMap<String, Override>,
    pub(super) mistakes: Log<Mistake>,
    pub(super) asked: Log<Asked>,
    pub(super) opened: Log<Opened>,
    broken_lines: BTreeSet<u32>,
    /// Lines that begin a table, in order.
    header_lines: Vec<u32>,
}

/// A key that somebody reads.
pub(super) struct Asked {
    pub(super) path: Arc<[String]>,
    pub(super) key: String,
    pub(super) expected: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Secret,
    /// Read as a boolean, a number or a list: an override that is such a TOML value is printed as one.
    Typed,
    Section,
}

/// A table that somebody reads.
pub(super) enum Opened {
    Begun(Arc<[String]>),
    /// Every key in it is a valid name.
    AnyName(Arc<[String]>),
    Finished(Arc<[String]>, Arc<Table>),
}

impl Document {
    /// Reads a config file with the environment of this process.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than [`MAX_FILE_BYTES`] or is not UTF-8. Everything else that may be
    /// wrong with it is told by [`Document::finish`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Mistakes> {
        Self::load_with(path, &Environment::process())
    }

    /// Reads a config file with a given environment.
    ///
    /// # Errors
    /// As for [`Document::load`].
    pub fn load_with(path: impl AsRef<Path>, environment: &Environment) -> Result<Self, Mistakes> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = read(path, &name)?;
        Ok(Self::parse(&name, &text, environment))
    }

    /// Parses a config text. Paths in it are relative to the folder of `file_name`, which need not exist.
    ///
    /// Never fails: wrong syntax is collected like any other mistake, and what could be parsed can be read.
    #[must_use]
    pub fn parse(file_name: &str, text: &str, environment: &Environment) -> Self {
        let mistakes = Log::new();
        let refusal = if text.len() > MAX_FILE_BYTES {
            Some(Mistake::in_file(file_name, too_large(text.len() as u64)))
        } else {
            syntax::too_deep(text).map(|at| {
                let origin = Source::new(file_name, text).origin(at);
                Mistake::at(file_name, &origin, "a key with more than 32 dots")
            })
        };
        let text = if refusal.is_some() { "" } else { text };
        if let Some(mistake) = refusal {
            mistakes.push(mistake);
        }

        let source = Source::new(file_name, text);
        let blanked;
        let (mut table, mut errors) = DeTable::parse_recoverable(text);
        if errors.iter().any(syntax::is_bare_key) {
            errors.retain(syntax::is_bare_key);
            blanked = syntax::without_lines(&source, &errors);
            let (rest, more_errors) = DeTable::parse_recoverable(&blanked);
            table = rest;
            errors.extend(more_errors);
        }
        let (syntax_mistakes, broken_lines) = syntax::translate(&source, table.get_ref(), &errors);
        for mistake in syntax_mistakes {
            mistakes.push(mistake);
        }
        let root = Builder {
            place: Place::File {
                source: &source,
                environment,
                broken_lines: &broken_lines,
            },
            file: file_name,
            mistakes: &mistakes,
            path: Vec::new(),
        }
        .table(table.get_ref(), source.origin(0));

        let mut header_lines = Vec::new();
        collect_table_lines(&root, &mut header_lines);
        header_lines.sort_unstable();
        let overrides = environment.overrides(&root);
        let folder = Path::new(file_name).parent().unwrap_or(Path::new(""));
        Self {
            shared: Arc::new(Shared {
                file: file_name.to_owned(),
                folder: folder.to_owned(),
                root,
                overrides,
                mistakes,
                asked: Log::new(),
                opened: Log::new(),
                broken_lines,
                header_lines,
            }),
        }
    }

    /// The file's name as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.shared.file
    }

    /// The table of all tables.
    #[must_use]
    pub fn root(&self) -> Section {
        let root = Section::root(&self.shared);
        self.shared
            .opened
            .push(Opened::Begun(Arc::clone(&root.path)));
        root
    }

    /// Everything that is wrong: syntax, wrong and missing values, what was reported through
    /// [`Section::mistake`], the unknown keys of every section that was [finished](Section::finish), and the
    /// environment variables that reach no key. May be called again after more was read.
    ///
    /// # Errors
    /// When anything is wrong.
    pub fn finish(&self) -> Result<(), Mistakes> {
        let mut all: Vec<Mistake> = self.shared.mistakes.iter().cloned().collect();
        all.extend(super::leftover::unknown(&self.shared));
        Mistakes::from_list(all).map_or(Ok(()), Err)
    }

    /// The effective configuration as TOML: environment overrides applied, each value with a comment that says
    /// where it comes from, secrets as `***`. Hidden are keys read through [`Section::secret`] or named like a
    /// secret, values that went through `${}`, and passwords inside URLs.
    #[must_use]
    pub fn redacted(&self) -> String {
        super::print::redacted(&self.shared)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("file", &self.shared.file)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The override for a key of the table at `path`.
    pub(super) fn override_for(&self, path: &[String], key: &str) -> Option<&Override> {
        let names = path.iter().map(String::as_str).chain([key]);
        self.overrides
            .get(&variable_name(names))
            .filter(|found| found.is_for(path))
    }

    /// The overrides for anything inside the table at `path`, each with the rest of its name.
    pub(super) fn overrides_inside<'s>(
        &'s self,
        path: &'s [String],
    ) -> impl Iterator<Item = (&'s Override, &'s str)> {
        let prefix = variable_name(path.iter().map(String::as_str)) + "_";
        self.overrides
            .values()
            .filter(|found| found.is_for(path))
            .filter_map(move |found| Some((found, found.name.strip_prefix(&prefix)?)))
    }

    /// Whether a syntax error may have swallowed part of the table that begins at `origin`, so that a key missing
    /// from it proves nothing. Without an origin: part of the whole file.
    pub(super) fn may_be_swallowed(&self, origin: Option<&Origin>) -> bool {
        match origin {
            None => !self.broken_lines.is_empty(),
            Some(Origin::Variable(_)) => false,
            Some(Origin::File { line, .. }) => {
                let next = self.header_lines.iter().find(|header| *header > line);
                let end = next.copied().unwrap_or(u32::MAX);
                self.broken_lines.range(*line..end).next().is_some()
            }
        }
    }
}

fn collect_table_lines(table: &Table, lines: &mut Vec<u32>) {
    for entry in &table.entries {
        if let Value::Table(inner) = &entry.node.value {
            if let Origin::File { line, .. } = inner.origin {
                lines.push(line);
            }
            collect_table_lines(inner, lines);
        }
    }
}

fn read(path: &Path, name: &str) -> Result<String, Mistakes> {
    let failed = |error: std::io::Error| {
        let message = match error.kind() {
            ErrorKind::NotFound => missing(path),
            ErrorKind::IsADirectory => "is a folder: name the config file in it".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        Mistakes::one(Mistake::in_file(name, message))
    };
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1;
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Mistakes::one(Mistake::in_file(
            name,
            too_large(bytes.len() as u64),
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Mistakes::one(Mistake::in_file(
                name,
                "is written in UTF-16: save it as UTF-8",
            ));
        }
        let (valid, rest) = bytes.split_at(error.utf8_error().valid_up_to());
        let valid = String::from_utf8_lossy(valid);
        let byte = rest.first().copied().unwrap_or_default();
        let origin = Source::new(name, &valid).origin(valid.len());
        let message = format!("byte 0x{byte:02x} is not valid UTF-8: save the file as UTF-8");
        Mistakes::one(Mistake::at(name, &origin, message))
    })
}

fn too_large(bytes: u64) -> String {
    format!("{bytes} bytes or more are too large for a config file: at most {MAX_FILE_BYTES} bytes")
}

fn missing(path: &Path) -> String {
    let looked = match std::env::current_dir() {
        Ok(folder) if path.is_relative() => format!(" in {}", folder.display()),
        _ => String::new(),
    };
    format!("no such file{looked}: {EXAMPLE}")
}
