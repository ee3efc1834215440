//! What is wrong with a configuration.

use super::source::Origin;
use serde::{Serialize, Serializer};
use std::fmt;

/// More mistakes than this are counted, not listed.
const MAX_LISTED: usize = 200;

/// One thing that is wrong, and where.
///
/// `Display` is one line: the place, then what was found and what would work. Secrets are already hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    pub(super) file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) variable: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<String>,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suggestion: Option<String>,
}

impl Mistake {
    /// A mistake about the whole file, such as that it cannot be read.
    pub(super) fn in_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            variable: None,
            key: String::new(),
            found: None,
            message: message.into(),
            suggestion: None,
        }
    }

    pub(super) fn at(file: &str, origin: &Origin, message: impl Into<String>) -> Self {
        let mut mistake = Self::in_file(file, message);
        match origin {
            Origin::File { line, column, .. } => {
                mistake.line = Some(*line);
                mistake.column = Some(*column);
            }
            Origin::Variable(name) => mistake.variable = Some(name.to_string()),
        }
        mistake
    }

    pub(super) fn with_key(mut self, key: String) -> Self {
        self.key = key;
        self
    }

    pub(super) fn with_found(mut self, found: Option<String>) -> Self {
        self.found = found;
        self
    }

    pub(super) fn with_suggestion(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// The config file, as it was named when it was loaded.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Line in the file, from 1; `None` when the value came from the environment or the file could not be read.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// Column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> Option<u32> {
        self.column
    }

    /// The environment variable that set the value, when one did.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        self.variable.as_deref()
    }

    /// The key with its tables, `channel.orders.transport`; empty when the mistake belongs to no key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value that was found, `***` when it is a secret.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// What is wrong and what would work, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The nearest valid key, value or variable.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    fn order(&self) -> (bool, &str, Option<u32>, Option<u32>, Option<&str>) {
        (
            self.variable.is_some(),
            &self.file,
            self.line,
            self.column,
            self.variable.as_deref(),
        )
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.variable, self.line, self.column) {
            (Some(variable), _, _) => write!(f, "{variable}: ")?,
            (None, Some(line), Some(column)) => write!(f, "{}:{line}:{column}: ", self.file)?,
            _ => write!(f, "{}: ", self.file)?,
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a configuration: at least one [`Mistake`], ordered by place, variables last.
///
/// `Display` has a line for each. At most 200 are kept; [`Mistakes::omitted`] counts the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    list: Vec<Mistake>,
    omitted: usize,
}

impl Mistakes {
    /// Sorts and removes repetitions; `None` when there is nothing wrong.
    pub(super) fn from_list(mut list: Vec<Mistake>) -> Option<Self> {
        list.sort_by(|a, b| a.order().cmp(&b.order()));
        list.dedup_by(|a, b| a.order() == b.order() && a.message == b.message);
        if list.is_empty() {
            return None;
        }
        let omitted = list.len().saturating_sub(MAX_LISTED);
        list.truncate(MAX_LISTED);
        Some(Self { list, omitted })
    }

    pub(super) fn one(mistake: Mistake) -> Self {
        Self {
            list: vec![mistake],
            omitted: 0,
        }
    }

    /// The mistakes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.list.iter()
    }

    /// The first mistake.
    #[must_use]
    pub fn first(&self) -> Option<&Mistake> {
        self.list.first()
    }

    /// How many there are, the omitted ones included; never 0.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.omitted
    }

    /// How many are not listed because there are too many.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        if self.omitted > 0 {
            write!(f, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A list of the mistakes.
impl Serialize for Mistakes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.list)
    }
}
