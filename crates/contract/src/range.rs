mod bounds;
mod grammar;

use std::fmt;
use std::str::FromStr;

use semver::{Comparator, Op, Prerelease, Version, VersionReq};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Track;
pub use grammar::RangeError;

/// A set of versions: comparators that must all hold.
///
/// The grammar is the part of semver ranges that every language reads alike: `^1.2`, `~1.2.3`, `=1.2.3`, `>1`, `>=1.2`,
/// `<2`, `<=1.4`, a comma for AND, and `*` alone for any release. A version may be cut to `1.2` or `1`. A bare version, a
/// space for AND, `||`, `1.x` and build metadata are refused with the valid spelling in the message. At most
/// [`Range::MAX_LEN`] bytes.
///
/// A pre-release matches only when the range names a pre-release of the same `major.minor.patch`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Range(VersionReq);

impl Range {
    /// The longest valid text, in bytes.
    pub const MAX_LEN: usize = 200;

    /// Any release: `*`.
    pub const ANY: Self = Self(VersionReq::STAR);

    /// `^version`: everything that is compatible with `version` and not older. Build metadata is dropped.
    #[must_use]
    pub fn caret(version: &Version) -> Self {
        Self(VersionReq {
            comparators: vec![Comparator {
                op: Op::Caret,
                major: version.major,
                minor: Some(version.minor),
                patch: Some(version.patch),
                pre: version.pre.clone(),
            }],
        })
    }

    /// Every release of one track: `^1`, or `^0.3`.
    #[must_use]
    pub fn track_of(track: Track) -> Self {
        let (major, minor) = match track {
            Track::Major(major) => (major, None),
            Track::Zero(minor) => (0, Some(minor)),
        };
        let comparator = Comparator {
            op: Op::Caret,
            major,
            minor,
            patch: None,
            pre: Prerelease::EMPTY,
        };
        Self(VersionReq {
            comparators: vec![comparator],
        })
    }

    /// Whether `version` is in the range. Build metadata does not count.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        self.0.matches(version)
    }

    /// The lowest version that may match, `None` when the range is open downwards (`*`, `<2`).
    #[must_use]
    pub fn floor(&self) -> Option<Version> {
        bounds::floor(&self.0)
    }

    /// The one track that the range stays in; `None` when it spans several (`>=1.2`, `*`) or can never match.
    #[must_use]
    pub fn track(&self) -> Option<Track> {
        bounds::track(&self.0)
    }

    /// The parsed comparators, for callers that need more than the methods here give.
    #[must_use]
    pub const fn as_version_req(&self) -> &VersionReq {
        &self.0
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        grammar::parse(text).map(Self)
    }
}

impl TryFrom<&str> for Range {
    type Error = RangeError;

    fn try_from(text: &str) -> Result<Self, RangeError> {
        text.parse()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
