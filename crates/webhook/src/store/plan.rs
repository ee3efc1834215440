//! What both stores work out before they write: digests, rows, and what a fate changes.

use std::time::Duration;

use jiff::Timestamp;
use polywire_core::{Error, Result};
use sha2::{Digest, Sha256};

use super::failure::unreadable;
use crate::record::{DeliveryState, Fate, NewDelivery, Settlement};

/// What tells a duplicate from another content under the same id: everything that does not depend on the sequence.
pub(super) fn digest(new: &NewDelivery) -> [u8; 32] {
    let (before, after) = new.body.parts();
    let mut hash = Sha256::new();
    for part in [
        new.message_id.as_bytes(),
        new.interaction.as_bytes(),
        before,
        after.map_or(&[][..], |after| after),
    ] {
        // With its length, so that nothing can move from one part to the next.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What a fate writes into the row of a delivery.
pub(super) struct Written<'a> {
    pub(super) state: DeliveryState,
    /// When it is due, in milliseconds from now.
    pub(super) delay: i64,
    pub(super) reason: Option<&'a str>,
    /// How many attempts do not count.
    pub(super) uncounted: i32,
}

pub(super) fn written(settlement: &Settlement) -> Written<'_> {
    let (state, after, reason, uncounted) = match &settlement.fate {
        Fate::Done => (DeliveryState::Done, None, None, 0),
        Fate::Retry { after, reason } => (DeliveryState::Ready, Some(after), Some(reason), 0),
        Fate::Dead { reason } => (DeliveryState::Dead, None, Some(reason), 0),
        Fate::Park { reason } => (DeliveryState::Parked, None, Some(reason), 1),
        Fate::Release { after } => (DeliveryState::Ready, Some(after), None, 1),
    };
    Written {
        state,
        delay: after.map_or(0, |after| millis(*after)),
        reason: reason.map(|reason| shortened(reason)),
        uncounted,
    }
}

/// The beginning of a text that is kept for operators.
pub(super) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(Settlement::MAX_REASON)]
}

/// The condition that a delivery is in one of these states, written out so that partial indexes are found by it.
pub(super) fn is_in(states: &[DeliveryState]) -> String {
    let numbers: Vec<_> = states
        .iter()
        .map(|state| state.number().to_string())
        .collect();
    let letters = [DeliveryState::Dead, DeliveryState::Parked];
    let all_letters = states.iter().all(|state| letters.contains(state));
    let hint = if all_letters { " and d.state > 3" } else { "" };
    format!("d.state in ({}){hint}", numbers.join(", "))
}

/// Milliseconds, at most as many as leave room for a time to be added.
pub(super) fn millis(duration: Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 24 * 3_600_000;
    i64::try_from(duration.as_millis()).map_or(CENTURY, |millis| millis.min(CENTURY))
}

pub(super) fn time(millis: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(millis).map_err(|error| unreadable("a time", error))
}

/// A number that is never negative, as stores keep it.
pub(super) fn unsigned(what: &str, number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|error| unreadable(what, error))
}

/// How many there are, as stores say it.
pub(super) fn size(many: i64) -> usize {
    usize::try_from(many).unwrap_or_default()
}

/// How many, as stores are told.
pub(super) fn count(many: usize) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

/// A number as stores keep it; no counter gets as far.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
