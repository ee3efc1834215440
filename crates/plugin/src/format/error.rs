use super::{NameError, Tier};

/// Why a document is not accepted. Every text that was found in it is cut after 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// More bytes than a document of this kind may have.
    #[error("{document} of {found} bytes: at most {most} are valid")]
    TooLarge {
        /// Which document.
        document: &'static str,
        /// Its size in bytes.
        found: u64,
        /// The most that is valid.
        most: u64,
    },
    /// It does not parse, a key is missing, or a value has another type.
    #[error("{document} is not valid: {why}")]
    Syntax {
        /// Which document.
        document: &'static str,
        /// What the parser says.
        why: String,
    },
    /// It was written for readers that came after this one.
    #[error(
        "{document} needs a reader of format {needed}, and this one reads up to {spoken}: upgrade the consumer"
    )]
    Newer {
        /// Which document.
        document: &'static str,
        /// The format that it needs.
        needed: u64,
        /// The newest one known here.
        spoken: u64,
    },
    /// An isolation tier that is not there yet.
    #[error("isolation tier {tier} is not supported yet: only native is")]
    Tier {
        /// The tier that the manifest asks for.
        tier: Tier,
    },
    /// The digest in a manifest is not that of its content.
    #[error("the manifest says that its digest is {stated}, and it is {computed}")]
    Digest {
        /// What it says.
        stated: String,
        /// What is true.
        computed: String,
    },
    /// A name that could not stand in a repository.
    #[error("{document}: {name}")]
    Name {
        /// Which document.
        document: &'static str,
        /// What is wrong with it.
        #[source]
        name: NameError,
    },
    /// Values that do not go together, or too many of them.
    #[error("{document}: {why}")]
    Contradiction {
        /// Which document.
        document: &'static str,
        /// What contradicts what, and what would be valid.
        why: String,
    },
}

/// At most 200 characters of a text that somebody else wrote.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
