//! Rows and what they mean.

use std::str::FromStr;

use polywire_core::contract::{Name, Version};
use polywire_core::{Error, Result};
use rusqlite::Row;
use serde::de::DeserializeOwned;

use super::thread::Failed;
use crate::record::{Delivery, DeliveryId, DeliveryState, Subscription};
use crate::store::failure::unreadable;
use crate::store::plan::{time, unsigned};

/// What [`subscription`] reads, in its order.
pub(super) const SUBSCRIPTION: &str = "id, revision, terms, standing";

/// What [`delivery`] reads, in its order, of [`DELIVERIES`].
pub(super) const DELIVERY: &str = "d.id, s.id, d.sequence, d.webhook_id, d.message_id, d.interaction, d.version, \
     d.ordering, d.headers, b.bytes, d.state, d.due, d.attempts, d.created, d.finished, d.reason";

/// Deliveries with whose they are and their bodies.
pub(super) const DELIVERIES: &str = "delivery d join subscription s on s.number = d.subscription left join body b on b.delivery = d.id";

pub(super) fn subscription(row: &Row<'_>) -> Result<Subscription, Failed> {
    Ok(Subscription {
        id: parsed("a subscription id", &row.get::<_, String>(0)?)?,
        revision: unsigned("a revision", row.get(1)?)?,
        terms: json("the terms of a subscription", &row.get::<_, String>(2)?)?,
        standing: json("the standing of an endpoint", &row.get::<_, String>(3)?)?,
    })
}

pub(super) fn delivery(row: &Row<'_>) -> Result<Delivery, Failed> {
    let state: i16 = row.get(10)?;
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        subscription: parsed("a subscription id", &row.get::<_, String>(1)?)?,
        sequence: unsigned("a sequence number", row.get(2)?)?,
        webhook_id: row.get(3)?,
        message_id: row.get(4)?,
        interaction: parsed::<Name>("an interaction", &row.get::<_, String>(5)?)?,
        version: parsed::<Version>("a version", &row.get::<_, String>(6)?)?,
        key: row.get::<_, Option<String>>(7)?.map(Into::into),
        headers: json("the headers of a delivery", &row.get::<_, String>(8)?)?,
        body: row.get::<_, Option<Vec<u8>>>(9)?.map(Into::into),
        state: DeliveryState::from_number(state)
            .ok_or_else(|| unreadable("the state of a delivery", state))?,
        due: time(row.get(11)?)?,
        attempts: row.get(12)?,
        created_at: time(row.get(13)?)?,
        finished_at: row.get::<_, Option<i64>>(14)?.map(time).transpose()?,
        reason: row.get(15)?,
    })
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|error: T::Err| unreadable(what, error))
}

fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| unreadable(what, error))
}
