//! Which field is wrong, and how.

/// What the other side gave cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct ReadError {
    /// The field, from the structure on, such as `descriptor.contracts[2].name`.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What may be wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A null pointer.
    #[error("is null: {expected}")]
    Null {
        /// What should be there.
        expected: &'static str,
    },
    /// An address that no value of the type can have.
    #[error("is at an address that is no multiple of {expected}")]
    Misaligned {
        /// What it should be a multiple of.
        expected: usize,
    },
    /// Another number than the only one that is valid.
    #[error("is {found:#x}: expected {expected:#x}")]
    Number {
        /// What was found.
        found: u64,
        /// What is valid.
        expected: u64,
    },
    /// A structure that ends before fields that it must have, or is larger than any.
    #[error("is {found}: this structure has {least} to {most} bytes")]
    Size {
        /// What it says.
        found: usize,
        /// The least that is valid.
        least: usize,
        /// The most that is valid.
        most: usize,
    },
    /// More than is taken.
    #[error("has {found} {what}: expected {least} to {most}")]
    Length {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The least that is taken.
        least: usize,
        /// The most that are taken.
        most: usize,
    },
    /// Bytes that are no text.
    #[error("is not UTF-8 from byte {at} on")]
    Text {
        /// Where it stops being text.
        at: usize,
    },
    /// A text that is not what it should be.
    #[error("is wrong: {0}")]
    Value(String),
}

impl ReadError {
    pub(super) fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self {
            field: field.into(),
            problem,
        }
    }
}
