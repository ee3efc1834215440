use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What may not change incompatibly: the major, or `0.minor` while the major is 0.
///
/// Written `v1` and `v0.3`. Every `0.0.x` belongs to `v0.0`. Tracks order by age: `v0.3 < v0.4 < v1 < v2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    /// `v1`, `v2`, ...: the major, at least 1.
    Major(u64),
    /// `v0.3`: the minor of a version whose major is 0.
    Zero(u64),
}

impl Track {
    /// The track that `version` belongs to.
    #[must_use]
    pub fn of(version: &Version) -> Self {
        match version.major {
            0 => Self::Zero(version.minor),
            major => Self::Major(major),
        }
    }

    /// The first release of the track: `1.0.0`, or `0.3.0`.
    #[must_use]
    pub fn start(self) -> Version {
        let (major, minor) = self.parts();
        Version::new(major, minor, 0)
    }

    /// Whether `version` belongs to this track.
    #[must_use]
    pub fn contains(self, version: &Version) -> bool {
        Self::of(version) == self
    }

    fn parts(self) -> (u64, u64) {
        match self {
            Self::Major(major) => (major, 0),
            Self::Zero(minor) => (0, minor),
        }
    }
}

impl PartialOrd for Track {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Track {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Major(major) => write!(f, "v{major}"),
            Self::Zero(minor) => write!(f, "v0.{minor}"),
        }
    }
}

/// A text that is no [`Track`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("track {found:?} is not valid: write \"v1\", or \"v0.3\" while the major is 0")]
pub struct TrackError {
    /// The text found, cut after 40 characters.
    pub found: String,
}

impl FromStr for Track {
    type Err = TrackError;

    fn from_str(text: &str) -> Result<Self, TrackError> {
        let parsed = text
            .strip_prefix('v')
            .and_then(|rest| match rest.strip_prefix("0.") {
                Some(minor) => number(minor).map(Self::Zero),
                None => number(rest).filter(|&major| major > 0).map(Self::Major),
            });
        parsed.ok_or_else(|| TrackError {
            found: text.chars().take(40).collect(),
        })
    }
}

/// Digits as semver writes them: `u64::from_str` alone would take `+1` and `01`.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

impl Serialize for Track {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Track {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
