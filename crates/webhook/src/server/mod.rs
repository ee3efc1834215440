//! The provider's end.

mod callers;
mod consent;
mod requests;
