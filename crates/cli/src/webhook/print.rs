//! Subscriptions, deliveries and what became of them, for people and for programs. Of keys no secret but a new one.

mod deliveries;
mod outcome;
mod subscriptions;

pub(super) use deliveries::{deliveries, delivery};
pub(super) use outcome::{Failed, Outcome, ended, outcome, rotated, tested};
pub(super) use subscriptions::{subscription, subscriptions};
