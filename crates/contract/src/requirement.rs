use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{Digest, Name, NameError, Range, RangeError, Track};

/// What a consumer needs of a contract: an ordered list of ranges, best first, and the operations it uses.
///
/// A consumer that speaks two majors lists both (`^2.0; ^1.2`), which lets a major migrate without lockstep. Cloning
/// costs one reference count, and the text and the floor are computed once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Requirement(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    contract: Name,
    ranges: Vec<Range>,
    uses: Vec<Name>,
    known: Option<Known>,
    text: String,
    floor: Option<Version>,
}

/// The contract version that a consumer was built from, written `sha256:...; version=1.4.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its version.
    pub version: Version,
    /// The digest of its canonical contract.
    pub digest: Digest,
}

/// A text that is no [`Known`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no known contract: write \"sha256:<64 hexadecimal digits>; version=1.4.0\"")]
pub struct KnownError {
    /// The text found, cut after 80 characters.
    pub found: String,
}

impl FromStr for Known {
    type Err = KnownError;

    fn from_str(text: &str) -> Result<Self, KnownError> {
        let read = || {
            let (digest, version) = text.split_once(';')?;
            let version = version.trim().strip_prefix("version=")?;
            Some(Self {
                version: version.parse().ok()?,
                digest: digest.trim().parse().ok()?,
            })
        };
        read().ok_or_else(|| KnownError {
            found: text.chars().take(80).collect(),
        })
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; version={}", self.digest, self.version)
    }
}

/// Why a [`Requirement`] is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequirementError {
    /// No range at all.
    #[error(
        "requirement on contract \"{contract}\" has no range: give at least one, such as \"^1.2\""
    )]
    NoRange {
        /// The contract required.
        contract: Name,
    },
    /// More than [`Requirement::MAX_RANGES`].
    #[error("requirement on contract \"{contract}\" has {found} ranges: at most 8 are valid")]
    TooManyRanges {
        /// The contract required.
        contract: Name,
        /// How many ranges were given.
        found: usize,
    },
    /// More than [`Requirement::MAX_USES`].
    #[error(
        "requirement on contract \"{contract}\" names {found} operations: at most 1000 are valid"
    )]
    TooManyUses {
        /// The contract required.
        contract: Name,
        /// How many operations were named.
        found: usize,
    },
    /// One of the ranges does not parse.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// A contract or operation name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Requirement {
    /// The most ranges a requirement may list.
    pub const MAX_RANGES: usize = 8;
    /// The most operations a requirement may name.
    pub const MAX_USES: usize = 1000;

    /// A requirement on `contract`, the preferred range first.
    ///
    /// # Errors
    /// When `ranges` is empty or longer than [`Requirement::MAX_RANGES`].
    pub fn new(contract: Name, ranges: impl Into<Vec<Range>>) -> Result<Self, RequirementError> {
        let ranges = ranges.into();
        match ranges.len() {
            0 => Err(RequirementError::NoRange { contract }),
            1..=Self::MAX_RANGES => Ok(Self::build(contract, ranges)),
            found => Err(RequirementError::TooManyRanges { contract, found }),
        }
    }

    /// The default requirement of a client generated from `version`: `^1.4.0`.
    #[must_use]
    pub fn caret(contract: Name, version: &Version) -> Self {
        Self::build(contract, vec![Range::caret(version)])
    }

    /// The requirement of a caller that named a track only: `^1`, or `^0.3`.
    #[must_use]
    pub fn track(contract: Name, track: Track) -> Self {
        Self::build(contract, vec![Range::track_of(track)])
    }

    /// Reads the text form, ranges separated by `;`: `^2.0; ^1.2` (a comma is AND inside one range).
    ///
    /// # Errors
    /// When a range does not parse, or there are none or too many.
    pub fn parse_list(contract: Name, text: &str) -> Result<Self, RequirementError> {
        let found = text.split(';').count();
        if found > Self::MAX_RANGES {
            return Err(RequirementError::TooManyRanges { contract, found });
        }
        let ranges = text
            .split(';')
            .map(str::parse)
            .collect::<Result<Vec<Range>, _>>()?;
        Self::new(contract, ranges)
    }

    fn build(contract: Name, ranges: Vec<Range>) -> Self {
        let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        // Open downwards in one range is open downwards altogether.
        let floors: Option<Vec<Version>> = ranges.iter().map(Range::floor).collect();
        let floor = floors.and_then(|floors| floors.into_iter().min_by(Version::cmp_precedence));
        let text = texts.join("; ");
        Self(Arc::new(Inner {
            contract,
            ranges,
            uses: Vec::new(),
            known: None,
            text,
            floor,
        }))
    }

    /// Adds an operation that the agreed version must have. Naming one twice changes nothing; names beyond
    /// [`Requirement::MAX_USES`] are refused when a requirement is read from outside.
    #[must_use]
    pub fn using(mut self, operation: Name) -> Self {
        if !self.0.uses.contains(&operation) {
            Arc::make_mut(&mut self.0).uses.push(operation);
        }
        self
    }

    /// States which contract document the consumer was built from, so that the same version with another content is
    /// refused.
    #[must_use]
    pub fn with_known(mut self, version: Version, digest: Digest) -> Self {
        Arc::make_mut(&mut self.0).known = Some(Known { version, digest });
        self
    }

    /// An address that clones share and that no other requirement has while one of them lives: a key for caches.
    #[must_use]
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The contract required.
    #[must_use]
    pub fn contract(&self) -> &Name {
        &self.0.contract
    }

    /// The ranges, the preferred one first; at least one.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.0.ranges
    }

    /// The operations that the agreed version must have.
    #[must_use]
    pub fn uses(&self) -> &[Name] {
        &self.0.uses
    }

    /// The contract document the consumer was built from, if it said so.
    #[must_use]
    pub fn known(&self) -> Option<&Known> {
        self.0.known.as_ref()
    }

    /// The text form that [`Requirement::parse_list`] reads: `^2.0; ^1.2`.
    #[must_use]
    pub fn list_text(&self) -> &str {
        &self.0.text
    }

    /// The lowest version that may be agreed on; `None` when a range is open downwards.
    #[must_use]
    pub fn floor(&self) -> Option<&Version> {
        self.0.floor.as_ref()
    }

    /// Whether any range takes `version`. Pre-releases need a range that names one.
    #[must_use]
    pub fn accepts(&self, version: &Version) -> bool {
        self.0.ranges.iter().any(|range| range.matches(version))
    }

    /// The tracks that the ranges stay in, in order of preference and each once; a range that spans several tracks
    /// adds none.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        let mut tracks = Vec::with_capacity(self.0.ranges.len());
        for track in self.0.ranges.iter().filter_map(Range::track) {
            if !tracks.contains(&track) {
                tracks.push(track);
            }
        }
        tracks
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement")
            .field("contract", &self.0.contract)
            .field("ranges", &self.0.ranges)
            .field("uses", &self.0.uses)
            .field("known", &self.0.known)
            .finish()
    }
}

#[derive(Serialize, Deserialize)]
struct Raw {
    contract: Name,
    ranges: Vec<Range>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    uses: Vec<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<Known>,
}

impl TryFrom<Raw> for Requirement {
    type Error = RequirementError;

    fn try_from(raw: Raw) -> Result<Self, RequirementError> {
        let found = raw.uses.len();
        if found > Self::MAX_USES {
            return Err(RequirementError::TooManyUses {
                contract: raw.contract,
                found,
            });
        }
        let mut requirement = Self::new(raw.contract, raw.ranges)?;
        for operation in raw.uses {
            requirement = requirement.using(operation);
        }
        Ok(match raw.known {
            Some(Known { version, digest }) => requirement.with_known(version, digest),
            None => requirement,
        })
    }
}

impl From<Requirement> for Raw {
    fn from(requirement: Requirement) -> Self {
        let inner = Arc::unwrap_or_clone(requirement.0);
        Self {
            contract: inner.contract,
            ranges: inner.ranges,
            uses: inner.uses,
            known: inner.known,
        }
    }
}
