use semver::Version;
use serde_json::Value;

use super::Kind;
use crate::{Digest, Name, NameError, Track};

/// Why a [`Contract`](crate::Contract) is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// No JSON, or a member of the wrong type.
    #[error("contract document is not valid: {0}")]
    Document(#[from] serde_json::Error),
    /// Another format version.
    #[error("contract document has format \"polywire\": {found}, but this build reads 1")]
    Format {
        /// What stands in its `polywire` member, `null` when it has none.
        found: Value,
    },
    /// The contract or an interaction has no valid name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A text that is no semver version.
    #[error("{member} {found:?} is no version: {reason}; write one like \"1.4.0\"")]
    Version {
        /// Where it stands.
        member: String,
        /// The text found.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More than [`Contract::MAX_INTERACTIONS`](crate::Contract::MAX_INTERACTIONS).
    #[error(
        "contract \"{contract}\" has {found} interactions: at most 1000 are valid, split it into several"
    )]
    TooMany {
        /// The contract.
        contract: Name,
        /// How many there are.
        found: usize,
    },
    /// Two interactions of one name.
    #[error(
        "contract \"{contract}\" has two interactions named \"{interaction}\": rename one of them"
    )]
    Duplicate {
        /// The contract.
        contract: Name,
        /// The name used twice.
        interaction: Name,
    },
    /// An interaction that is older than its track or newer than the contract.
    #[error(
        "\"{interaction}\" is there since {since}, but the contract is {version}: write {} to {version}", Track::of(version).start()
    )]
    Since {
        /// The interaction.
        interaction: Name,
        /// Its `since`.
        since: Version,
        /// The version of the contract.
        version: Version,
    },
    /// A kind without the schema it needs, or with one it cannot have.
    #[error("{} \"{interaction}\" {problem}", kind_text(*.kind))]
    Shape {
        /// The interaction.
        interaction: Name,
        /// Its kind.
        kind: Kind,
        /// The schema in question and what to do.
        problem: String,
    },
    /// A reply, event or error whose reader would refuse fields that a later minor version adds.
    #[error(
        "{part} of \"{interaction}\" is closed at {at}: drop deny_unknown_fields (additionalProperties: false), a consumer must ignore fields it does not know"
    )]
    Closed {
        /// The interaction.
        interaction: Name,
        /// `reply`, `event` or `error`.
        part: &'static str,
        /// The type, or the path inside the schema.
        at: String,
    },
    /// A `$ref` to something that is no definition of this document.
    #[error(
        "\"$ref\": {reference:?} leads nowhere: write \"#/$defs/NAME\" with a NAME of this document"
    )]
    Reference {
        /// The reference found.
        reference: String,
    },
    /// The document's digest is not that of its content.
    #[error(
        "contract \"{contract}\" {version} states digest {stated}, but its content has {computed}: it was changed after its release, publish the change as a new version"
    )]
    Digest {
        /// The contract.
        contract: Name,
        /// Its version; boxed, because results carry this error by value.
        version: Box<Version>,
        /// The digest in the document.
        stated: Digest,
        /// The digest of the content.
        computed: Digest,
    },
}

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Operation => "operation",
        Kind::Command => "command",
        Kind::Event => "event",
    }
}
