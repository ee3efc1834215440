//! What only shows when everything is put together: see `tests/`. Here are the documents whose code must compile.

/// The README's code blocks.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
