//! The consumer's end: its hooks, its calls and commands, its subscriptions.

mod calls;
mod groups;
mod hooks;
mod place;
