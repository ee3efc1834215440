//! The bounds that both stores hold.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use polywire_core::{Error, ErrorKind, Result};

use super::{LeaseAsk, MAX_BATCH, MAX_BODY, Of, Once, Page, Replay, Subscriptions};
use crate::record::{NewDelivery, Settlement, Terms};

pub(super) fn terms(terms: &Terms) -> Result<()> {
    terms
        .check()
        .map_err(|error| Error::new(ErrorKind::InvalidPayload, error.to_string()))
}

pub(super) fn once(once: &Once) -> Result<()> {
    within(
        "bytes of idempotency key",
        once.key.len(),
        1..=Once::MAX_KEY,
    )
}

pub(super) fn new(new: &[NewDelivery]) -> Result<()> {
    within("deliveries in one batch", new.len(), 0..=MAX_BATCH)?;
    for delivery in new {
        let ids = 1..=NewDelivery::MAX_ID;
        within(
            "bytes of webhook-id",
            delivery.webhook_id.len(),
            ids.clone(),
        )?;
        within(
            "bytes of message id",
            delivery.message_id.len(),
            ids.clone(),
        )?;
        if let Some(key) = &delivery.key {
            within("bytes of ordering key", key.len(), ids)?;
        }
        let headers = delivery.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len()).sum();
        within(
            "bytes of headers",
            headers,
            0..=NewDelivery::MAX_HEADER_BYTES,
        )?;
        let (before, after) = delivery.body.parts();
        let body = before.len() + after.map_or(0, bytes::Bytes::len);
        within("bytes of body", body, 0..=MAX_BODY)?;
    }
    Ok(())
}

pub(super) fn lease(ask: &LeaseAsk) -> Result<()> {
    within("deliveries to lease", ask.limit, 1..=MAX_BATCH)?;
    within(
        "deliveries of one subscription",
        ask.per_subscription,
        1..=MAX_BATCH,
    )?;
    within(
        "subscriptions named for a lease",
        ask.of.named().len(),
        0..=Of::MAX,
    )?;
    duration(ask.lease)
}

pub(super) fn duration(lease: Duration) -> Result<()> {
    let seconds = usize::try_from(lease.as_secs()).unwrap_or(usize::MAX);
    within("seconds of lease", seconds, 1..=3600)
}

pub(super) fn batch(what: &'static str, found: usize) -> Result<()> {
    within(what, found, 0..=MAX_BATCH)
}

/// Of each claim at most one settlement, and reasons of bounded length.
pub(super) fn settlements(settlements: &[Settlement]) -> Result<()> {
    batch("settlements in one batch", settlements.len())?;
    let mut seen = HashMap::with_capacity(settlements.len());
    for settlement in settlements {
        if seen.insert(settlement.claim.id, ()).is_some() {
            return Err(Error::new(
                ErrorKind::InvalidPayload,
                format!(
                    "delivery {} is settled twice in one batch",
                    settlement.claim.id
                ),
            ));
        }
    }
    Ok(())
}

pub(super) fn page(page: &Page) -> Result<()> {
    within("deliveries of one page", page.limit, 1..=Page::MAX)
}

pub(super) fn subscriptions(ask: &Subscriptions) -> Result<()> {
    within("subscriptions of one page", ask.limit, 1..=MAX_BATCH)
}

pub(super) fn replay(replay: &Replay) -> Result<()> {
    within("deliveries to replay", replay.limit, 1..=MAX_BATCH)?;
    within("states to replay", replay.states.len(), 1..=3)?;
    match replay.states.iter().find(|state| !state.is_finished()) {
        None => Ok(()),
        Some(state) => Err(Error::new(
            ErrorKind::InvalidPayload,
            format!(
                "deliveries that are {state:?} cannot be replayed: only Done, Dead and Parked ones can"
            ),
        )),
    }
}

fn within(what: &'static str, found: usize, valid: RangeInclusive<usize>) -> Result<()> {
    if valid.contains(&found) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TooLarge,
        format!(
            "{found} {what}: expected {} to {}",
            valid.start(),
            valid.end()
        ),
    ))
}
