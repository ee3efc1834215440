use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is no name in a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {found:?} is not valid: {valid}")]
pub struct NameError {
    pub(super) what: &'static str,
    pub(super) found: String,
    pub(super) valid: &'static str,
}

impl NameError {
    pub(super) fn new(what: &'static str, found: &str, valid: &'static str) -> Self {
        Self {
            what,
            found: super::error::cut(found),
            valid,
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(NameError::new($what, text, $valid))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of a plugin: 1 to 64 of `a-z`, `0-9`, `_` and `-`, beginning with a letter, and no device name of any system.
    PluginName,
    "plugin name",
    "write 1 to 64 of a-z, 0-9, '_' and '-', beginning with a letter, and no device name such as \"con\"",
    |text| {
        segment(text, 64, b"_-") && text.starts_with(|c: char| c.is_ascii_lowercase())
    }
);

name!(
    /// What a consumer calls itself in a repository: 1 to 100 of `a-z`, `0-9`, `.`, `_` and `-`.
    InstanceId,
    "instance",
    "write 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, without \"..\" and without '.' at the end",
    |text| segment(text, 100, b"._-")
);

name!(
    /// What an artifact runs on, such as `x86_64-linux-gnu`: 1 to 64 of `a-z`, `0-9`, `_` and `-`.
    Platform,
    "platform",
    "write 1 to 64 of a-z, 0-9, '_' and '-', such as \"x86_64-linux-gnu\"",
    |text| segment(text, 64, b"_-")
);

name!(
    /// Which repository this is: 32 lower-case hexadecimal digits, drawn when it was created.
    RepositoryId,
    "repository id",
    "write 32 lower-case hexadecimal digits",
    |text| text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
);

impl Platform {
    /// The platform of this process.
    #[must_use]
    pub fn here() -> Self {
        let environment = if cfg!(target_env = "gnu") {
            "-gnu"
        } else if cfg!(target_env = "musl") {
            "-musl"
        } else {
            ""
        };
        let text = format!(
            "{}-{}{environment}",
            std::env::consts::ARCH,
            std::env::consts::OS
        );
        Self(Arc::from(text))
    }
}

impl RepositoryId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(Arc::from(format!("{:032x}", rand::random::<u128>())))
    }
}

/// Whether a text is one segment of a path on every system: lower case, since some systems do not tell cases apart; no leading
/// dot; no trailing dot and no device name, which Windows gives another meaning.
pub(super) fn segment(text: &str, most: usize, also: &[u8]) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let Some((&first, &last)) = bytes.first().zip(bytes.last()) else {
        return false;
    };
    bytes.len() <= most
        && plain(first)
        && last != b'.'
        && bytes
            .iter()
            .all(|&byte| plain(byte) || also.contains(&byte))
        && !text.contains("..")
        && !is_device(text)
}

fn is_device(segment: &str) -> bool {
    let stem = segment.split_once('.').map_or(segment, |(stem, _)| stem);
    match stem.as_bytes() {
        b"con" | b"prn" | b"aux" | b"nul" => true,
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => digit.is_ascii_digit(),
        _ => false,
    }
}
