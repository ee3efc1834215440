use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The identifier of a contract or of one of its interactions.
///
/// 1 to [`Name::MAX_LEN`] bytes: a lower-case ASCII letter, then lower-case letters, digits, `.`, `_` or `-`, so that a
/// name is a path segment, a routing-key word and a header value on every transport without escaping.
///
/// Cloning never allocates: a name is either a `&'static str` or a shared string.
#[derive(Clone)]
pub struct Name(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// The longest valid name, in bytes.
    pub const MAX_LEN: usize = 100;

    /// A name known at compile time; it costs nothing.
    ///
    /// # Panics
    /// When `text` is no valid name. In a `const` that is a compile error; give run-time text to
    /// [`Name::from_str`] instead.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        assert!(
            is_valid(text.as_bytes()),
            "invalid name: write 1 to 100 of a-z, 0-9, '.', '_', '-', beginning with a letter"
        );
        Self(Repr::Static(text))
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Shared(text) => text,
        }
    }
}

const fn is_valid(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.len() > Name::MAX_LEN || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 1;
    while at < bytes.len() {
        let byte = bytes[at];
        if !(byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'_' | b'-'))
        {
            return false;
        }
        at += 1;
    }
    true
}

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("empty name: write 1 to 100 of a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter")]
    Empty,
    /// The text is longer than [`Name::MAX_LEN`].
    #[error("name of {found} bytes: at most 100 are valid")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A character that a name cannot hold, or cannot begin with.
    #[error(
        "{found:?} at byte {at} of name {text:?}: write a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter"
    )]
    Character {
        /// The offending character.
        found: char,
        /// Its byte offset.
        at: usize,
        /// The whole text, at most [`Name::MAX_LEN`] bytes.
        text: String,
    },
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > Name::MAX_LEN {
        return Err(NameError::TooLong { found: text.len() });
    }
    if is_valid(text.as_bytes()) {
        return Ok(());
    }
    let wrong = |&(at, c): &(usize, char)| {
        !(c.is_ascii_lowercase()
            || (at > 0 && (c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))))
    };
    match text.char_indices().find(wrong) {
        Some((at, found)) => Err(NameError::Character {
            found,
            at,
            text: text.to_owned(),
        }),
        None => Ok(()),
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(text)?;
        Ok(Self(Repr::Shared(Arc::from(text))))
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        text.parse()
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        check(&text)?;
        Ok(Self(Repr::Shared(Arc::from(text))))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

// `Borrow<str>` promises the hash of the text.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .try_into()
            .map_err(de::Error::custom)
    }
}
