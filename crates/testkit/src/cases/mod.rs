//! The cases, by topic.

mod calls;

use crate::case::Case;

/// Every case of the suite.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [calls::CASES].into_iter().flatten()
}
