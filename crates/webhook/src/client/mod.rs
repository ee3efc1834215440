//! The consumer's end: its hooks, its calls and commands, its groups.

mod calls;
mod groups;
mod hooks;
mod place;

pub(crate) use calls::Calls;
pub(crate) use groups::{GroupOptions, Groups};
pub(crate) use hooks::Hooks;
pub(crate) use place::Place;
