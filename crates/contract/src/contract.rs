mod builder;
mod canonical;
mod check;
mod definitions;
mod document;
mod error;
mod note;
mod schema;

use std::collections::BTreeMap;

use schemars::Schema;
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{Digest, Name, Offered};
pub use builder::{ContractBuilder, ErrorCodes, InteractionInfo};
pub use error::ContractError;

/// A contract: a name, a version, and interactions with JSON Schema 2020-12 payloads. Its JSON form is `contract.json`.
///
/// The document is neutral: any language may write it by hand. Members that this build does not know are kept. The
/// digest is the SHA-256 of the document in RFC 8785 form without annotations (`title`, `description`, `examples`,
/// `deprecated`, `$comment`, and the digest itself), so that rewording a comment is no new contract.
///
/// Payload schemas are the provider's view: a request is described as it is read, a reply, event or error as it is
/// written. An enum that may grow within a track carries `"x-open": true`. Integers have the bounds of their format.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    name: Name,
    version: Version,
    description: Option<String>,
    interactions: Vec<Interaction>,
    defs: BTreeMap<String, Schema>,
    digest: Digest,
    /// What was read or built, digest included: members unknown to this build survive in it.
    document: Map<String, Value>,
}

/// What an interaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A request and its reply.
    Operation,
    /// One way, eventually done.
    Command,
    /// From the provider to its subscribers.
    Event,
}

/// One operation, command or event of a [`Contract`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interaction {
    /// Its name, unique in the contract.
    pub name: Name,
    /// What it is.
    pub kind: Kind,
    /// The version that brought it; `None` for the first of the track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Version>,
    /// Present when deprecated: a note, possibly empty. In JSON the note, or `true`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "note")]
    pub deprecated: Option<String>,
    /// Whether doing it twice has the effect of doing it once, so that it may be repeated after a lost reply.
    #[serde(default)]
    pub idempotent: bool,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The payload of an operation or a command, as the provider reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Schema>,
    /// The reply of an operation, as the provider writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Schema>,
    /// The payload of an event, as the provider writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Schema>,
    /// The codes of its application errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorCode>,
    /// The payload of an application error, as the provider writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Schema>,
}

impl Interaction {
    /// Whether a version of the contract has it, going by its `since`.
    #[must_use]
    pub fn exists_at(&self, version: &Version) -> bool {
        self.since
            .as_ref()
            .is_none_or(|since| since.cmp_precedence(version).is_le())
    }
}

/// One code that an application error may carry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ErrorCode {
    /// The code, as it stands on the wire.
    pub code: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl ErrorCode {
    /// A code and, where there is one, what it means.
    #[must_use]
    pub fn new(code: impl Into<String>, description: Option<&str>) -> Self {
        Self {
            code: code.into(),
            description: description.map(str::to_owned),
        }
    }
}

impl Contract {
    /// The format version of the document that this build reads and writes.
    pub const FORMAT: u64 = 1;
    /// The most interactions a contract may have.
    pub const MAX_INTERACTIONS: usize = 1000;

    /// Starts a contract whose schemas come from Rust types. Name and version are checked by
    /// [`ContractBuilder::build`].
    pub fn builder(name: &'static str, version: &'static str) -> ContractBuilder {
        ContractBuilder::new(name, version)
    }

    /// Reads a contract document and verifies its digest; one without a digest gets it.
    ///
    /// # Errors
    /// When the text is no contract document of format 1, breaks one of the rules of [`ContractError`], or states a
    /// digest that is not that of its content.
    pub fn from_json(text: &str) -> Result<Self, ContractError> {
        Self::from_document(serde_json::from_str(text)?)
    }

    fn from_document(mut document: Map<String, Value>) -> Result<Self, ContractError> {
        let format = document.get("polywire");
        if format.and_then(Value::as_u64) != Some(Self::FORMAT) {
            return Err(ContractError::Format {
                found: format.cloned().unwrap_or_default(),
            });
        }
        let Members {
            name,
            version,
            description,
            interactions,
            defs,
            digest: stated,
        } = serde_json::from_value(Value::Object(document.clone()))?;
        check::interactions(&name, &version, &interactions)?;
        check::references(&interactions, &defs)?;
        check::openness(&interactions, &defs)?;
        let digest = canonical::digest(&document)?;
        match stated {
            Some(stated) if stated != digest => {
                return Err(ContractError::Digest {
                    contract: name,
                    version: Box::new(version),
                    stated,
                    computed: digest,
                });
            }
            Some(_) => {}
            None => {
                document.insert("digest".to_owned(), Value::String(digest.to_string()));
            }
        }
        Ok(Self {
            name,
            version,
            description,
            interactions,
            defs,
            digest,
            document,
        })
    }

    /// The document, two spaces deep, with a line feed at its end: what is committed as `contract.json`.
    #[must_use]
    pub fn to_json_pretty(&self) -> String {
        // Strings as keys and finite numbers only: a `Value` always serialises.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The name of the contract.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The version of the contract.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// What the contract is about.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The interactions; from a builder they are sorted by name.
    #[must_use]
    pub fn interactions(&self) -> &[Interaction] {
        &self.interactions
    }

    /// The shared definitions that `#/$defs/NAME` refers to.
    #[must_use]
    pub fn defs(&self) -> &BTreeMap<String, Schema> {
        &self.defs
    }

    /// The digest of the canonical contract.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The interaction of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Interaction> {
        self.interactions
            .iter()
            .find(|interaction| interaction.name == *name)
    }

    /// The interaction whose name is most like `name`, for a message about an unknown one; `None` when none is close.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&Name> {
        // The distance is quadratic in the length, and `name` may come from a peer.
        if name.len() > Name::MAX_LEN {
            return None;
        }
        let distances = self
            .interactions
            .iter()
            .map(|known| (strsim::damerau_levenshtein(&known.name, name), &known.name));
        distances
            .min()
            .filter(|(distance, _)| *distance <= name.len().div_ceil(3))
            .map(|(_, name)| name)
    }

    /// The interactions that an older `version` of the same track has already.
    pub fn names_at(&self, version: &Version) -> impl Iterator<Item = &Name> {
        self.interactions
            .iter()
            .filter(move |interaction| interaction.exists_at(version))
            .map(|interaction| &interaction.name)
    }

    /// The contract as an entry of an offer: current, with its digest and its interactions.
    #[must_use]
    pub fn offered(&self) -> Offered {
        Offered {
            digest: Some(self.digest),
            interactions: Some(
                self.interactions
                    .iter()
                    .map(|known| known.name.clone())
                    .collect(),
            ),
            ..Offered::new(self.version.clone())
        }
    }
}

#[derive(Deserialize)]
struct Members {
    name: Name,
    version: Version,
    description: Option<String>,
    interactions: Vec<Interaction>,
    #[serde(rename = "$defs", default)]
    defs: BTreeMap<String, Schema>,
    digest: Option<Digest>,
}

impl<'de> Deserialize<'de> for Contract {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_document(Map::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
