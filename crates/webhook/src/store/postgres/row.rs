//! Rows and what they mean.

use std::str::FromStr;

use polywire_core::contract::{Name, Version};
use polywire_core::{Error, Result};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::Failed;
use crate::record::{Delivery, DeliveryId, DeliveryState, Subscription};
use crate::store::failure::unreadable;
use crate::store::plan::{time, unsigned};

pub(super) fn subscription(row: &PgRow) -> Result<Subscription, Failed> {
    Ok(Subscription {
        id: parsed("a subscription id", row.try_get("id")?)?,
        revision: unsigned("a revision", row.try_get("revision")?)?,
        terms: json("the terms of a subscription", row.try_get("terms")?)?,
        standing: json("the standing of an endpoint", row.try_get("standing")?)?,
    })
}

/// A row of `delivery` with its subscription's id as `whose`.
pub(super) fn delivery(row: &PgRow) -> Result<Delivery, Failed> {
    let state: i16 = row.try_get("state")?;
    let attempts: i32 = row.try_get("attempts")?;
    Ok(Delivery {
        id: DeliveryId(row.try_get("id")?),
        subscription: parsed("a subscription id", row.try_get("whose")?)?,
        sequence: unsigned("a sequence number", row.try_get("sequence")?)?,
        webhook_id: row.try_get("webhook_id")?,
        message_id: row.try_get("message_id")?,
        interaction: parsed::<Name>("an interaction", row.try_get("interaction")?)?,
        version: parsed::<Version>("a version", row.try_get("version")?)?,
        key: row
            .try_get::<Option<String>, _>("ordering")?
            .map(Into::into),
        headers: json("the headers of a delivery", row.try_get("headers")?)?,
        body: row.try_get::<Option<Vec<u8>>, _>("body")?.map(Into::into),
        state: DeliveryState::from_number(state)
            .ok_or_else(|| unreadable("the state of a delivery", state))?,
        due: time(row.try_get("due")?)?,
        attempts: u32::try_from(attempts)
            .map_err(|error| unreadable("a count of attempts", error))?,
        created_at: time(row.try_get("created")?)?,
        finished_at: row
            .try_get::<Option<i64>, _>("finished")?
            .map(time)
            .transpose()?,
        reason: row.try_get("reason")?,
    })
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|error: T::Err| unreadable(what, error))
}

fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| unreadable(what, error))
}
