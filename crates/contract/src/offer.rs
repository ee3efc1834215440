use std::collections::BTreeSet;
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{Digest, Name, Track};

/// Where a version stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Served, and meant to stay.
    #[default]
    Current,
    /// Served and still chosen, but on its way out; the agreement says so.
    Deprecated,
    /// Never chosen any more.
    Withdrawn,
}

impl Status {
    /// The status of a text. What is not known, as a newer peer may write it, is taken as [`Current`](Self::Current).
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "deprecated" => Self::Deprecated,
            "withdrawn" => Self::Withdrawn,
            _ => Self::Current,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "current",
            Self::Deprecated => "deprecated",
            Self::Withdrawn => "withdrawn",
        })
    }
}

/// One contract version that a provider serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The version.
    pub version: Version,
    /// The digest of its canonical contract; `None` when the offer was learnt from a header, which carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Where it stands in its life.
    #[serde(default)]
    pub status: Status,
    /// Since when it is deprecated, as an RFC 3339 date-time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When it may disappear, as an RFC 3339 date-time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<String>,
    /// A page about the deprecation or the version, as a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The interactions it has; `None` when unknown, and then every operation is assumed present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interactions: Option<BTreeSet<Name>>,
}

impl Offered {
    /// A current version about which nothing else is known.
    #[must_use]
    pub const fn new(version: Version) -> Self {
        Self {
            version,
            digest: None,
            status: Status::Current,
            since: None,
            sunset: None,
            link: None,
            interactions: None,
        }
    }

    /// Whether the version has `interaction`; an unknown set is taken to have it.
    #[must_use]
    pub fn has(&self, interaction: &str) -> bool {
        self.interactions
            .as_ref()
            .is_none_or(|known| known.contains(interaction))
    }
}

/// The versions of one contract that a provider serves right now, ascending by precedence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Offer {
    contract: Name,
    versions: Vec<Offered>,
    instance: Option<String>,
}

/// Why an [`Offer`] is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Two versions of equal precedence: nobody could tell which one is spoken.
    #[error(
        "contract \"{contract}\" is offered as {first} and as {second}, which differ in build metadata only: offer one of them"
    )]
    Ambiguous {
        /// The contract offered.
        contract: Name,
        /// One of the two versions.
        first: Version,
        /// The other one.
        second: Version,
    },
    /// More than [`Offer::MAX_VERSIONS`].
    #[error("contract \"{contract}\" is offered in {found} versions: at most 100 are valid")]
    TooMany {
        /// The contract offered.
        contract: Name,
        /// How many versions were given.
        found: usize,
    },
    /// A header element that is no semver version.
    #[error(
        "{found:?} in the offer of contract \"{contract}\" is no version: {reason}; write \"1.5.2, 2.1.0\""
    )]
    Version {
        /// The contract offered.
        contract: Name,
        /// The element found, cut after 80 characters.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Offer {
    /// The most versions that one offer may hold.
    pub const MAX_VERSIONS: usize = 100;

    /// An offer of `versions`, which may come in any order and may be none.
    ///
    /// # Errors
    /// When two versions are equal but for build metadata, or there are more than [`Offer::MAX_VERSIONS`].
    pub fn new(contract: Name, mut versions: Vec<Offered>) -> Result<Self, OfferError> {
        let found = versions.len();
        if found > Self::MAX_VERSIONS {
            return Err(OfferError::TooMany { contract, found });
        }
        // Ties go by build metadata, so that the error names both in the same order whatever the input's was.
        versions.sort_by(|a, b| a.version.cmp(&b.version));
        for pair in versions.windows(2) {
            if pair[0].version.cmp_precedence(&pair[1].version).is_eq() {
                let (first, second) = (pair[0].version.clone(), pair[1].version.clone());
                return Err(OfferError::Ambiguous {
                    contract,
                    first,
                    second,
                });
            }
        }
        Ok(Self {
            contract,
            versions,
            instance: None,
        })
    }

    /// An offer of nothing: a provider that is starting, or that knows the contract no more.
    #[must_use]
    pub const fn none(contract: Name) -> Self {
        Self {
            contract,
            versions: Vec::new(),
            instance: None,
        }
    }

    /// Names the provider instance that offers, for the operator who reads a refusal.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Reads the header form `1.5.2, 2.1.0`; an empty text is an offer of nothing. Digests, status and interactions
    /// are unknown then.
    ///
    /// # Errors
    /// When an element is no version, two are equal but for build metadata, or there are too many.
    pub fn parse_header(contract: Name, text: &str) -> Result<Self, OfferError> {
        if text.trim().is_empty() {
            return Ok(Self::none(contract));
        }
        let found = text.split(',').count();
        if found > Self::MAX_VERSIONS {
            return Err(OfferError::TooMany { contract, found });
        }
        let mut versions = Vec::with_capacity(found);
        for element in text.split(',').map(str::trim) {
            match element.parse() {
                Ok(version) => versions.push(Offered::new(version)),
                Err(wrong) => {
                    let found = element.chars().take(80).collect();
                    return Err(OfferError::Version {
                        contract,
                        found,
                        reason: wrong.to_string(),
                    });
                }
            }
        }
        Self::new(contract, versions)
    }

    /// The header form: every version that is not withdrawn, ascending, as `1.5.2, 2.1.0`.
    #[must_use]
    pub fn header_text(&self) -> String {
        let mut text = String::new();
        for offered in self
            .versions
            .iter()
            .filter(|offered| offered.status != Status::Withdrawn)
        {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(&offered.version.to_string());
        }
        text
    }

    /// The contract offered.
    #[must_use]
    pub fn contract(&self) -> &Name {
        &self.contract
    }

    /// The versions, ascending by precedence.
    #[must_use]
    pub fn versions(&self) -> &[Offered] {
        &self.versions
    }

    /// The provider instance, if it has a name.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// The entry of `version`, build metadata left aside.
    #[must_use]
    pub fn find(&self, version: &Version) -> Option<&Offered> {
        let found = self
            .versions
            .binary_search_by(|offered| offered.version.cmp_precedence(version));
        found.ok().and_then(|at| self.versions.get(at))
    }

    /// The tracks of the versions that are not withdrawn, ascending, each once: an event is published once per track.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        let live = self
            .versions
            .iter()
            .filter(|offered| offered.status != Status::Withdrawn);
        let mut tracks: Vec<Track> = live.map(|offered| Track::of(&offered.version)).collect();
        tracks.dedup();
        tracks
    }
}

#[derive(Serialize, Deserialize)]
struct Raw {
    contract: Name,
    versions: Vec<Offered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
}

impl TryFrom<Raw> for Offer {
    type Error = OfferError;

    fn try_from(raw: Raw) -> Result<Self, OfferError> {
        let offer = Self::new(raw.contract, raw.versions)?;
        Ok(Self {
            instance: raw.instance,
            ..offer
        })
    }
}

impl From<Offer> for Raw {
    fn from(offer: Offer) -> Self {
        Self {
            contract: offer.contract,
            versions: offer.versions,
            instance: offer.instance,
        }
    }
}
