//! Stamps as headers, decoded once per version heard.

use std::sync::Arc;

use arc_swap::ArcSwap;
use polywire_contract::{Digest, Name, Offer, Status, Version};
use polywire_core::{Error, Result, Stamp};

use super::names;
use super::table::{Headers, Table};
use crate::error::invalid;

/// How many stamps are remembered.
const REMEMBERED: usize = 16;
const FIELDS: [&str; 8] = [
    names::VERSION,
    names::OFFER,
    names::DIGEST,
    names::STATUS,
    names::INSTANCE,
    names::SINCE,
    names::SUNSET,
    names::LINK,
];

/// Writes a stamp; `whole` with what else is offered, which events leave out.
pub(super) fn write_stamp(headers: &mut Headers, stamp: &Stamp, whole: bool) {
    headers.text(names::VERSION, stamp.version.to_string());
    if whole {
        let mut offered = String::new();
        for version in stamp.offered.iter() {
            if !offered.is_empty() {
                offered.push_str(", ");
            }
            offered.push_str(&version.to_string());
        }
        headers.text(names::OFFER, offered);
    }
    if let Some(digest) = &stamp.digest {
        headers.text(names::DIGEST, digest.to_string());
    }
    if stamp.status != Status::Current {
        headers.text(names::STATUS, stamp.status.to_string());
    }
    for (key, value) in [
        (names::INSTANCE, stamp.instance.as_deref()),
        (names::SINCE, stamp.since.as_deref()),
        (names::SUNSET, stamp.sunset.as_deref()),
        (names::LINK, stamp.link.as_deref()),
    ] {
        if let Some(value) = value {
            headers.text(key, value);
        }
    }
}

type Values = [Option<Box<str>>; FIELDS.len()];

/// The stamps heard lately.
#[derive(Debug, Default)]
pub(crate) struct Stamps(ArcSwap<Vec<(Values, Arc<Stamp>)>>);

impl Stamps {
    /// The stamp in some headers; `None` when they state no version.
    ///
    /// # Errors
    /// `InvalidPayload` naming the header.
    pub(crate) fn read(&self, contract: &Name, table: &Table<'_>) -> Result<Option<Arc<Stamp>>> {
        let mut sent = [None; FIELDS.len()];
        for (place, key) in sent.iter_mut().zip(FIELDS) {
            *place = table.text(key)?;
        }
        // A foreign publisher of events may write its version as an attribute alone.
        if sent[0].is_none() {
            sent[0] = table.attribute(names::EVENT_VERSION)?;
            sent[2] = table.attribute(names::EVENT_DIGEST)?;
        }
        if sent[0].is_none() {
            return Ok(None);
        }
        let known = self.0.load();
        let same = |values: &Values| {
            values
                .iter()
                .zip(&sent)
                .all(|(known, sent)| known.as_deref() == *sent)
        };
        let found = known
            .iter()
            .find(|(values, stamp)| stamp.contract == *contract && same(values));
        if let Some((_, stamp)) = found {
            return Ok(Some(stamp.clone()));
        }
        let stamp = Arc::new(decode(contract, &sent)?);
        let values = sent.map(|value| value.map(Into::into));
        self.0.rcu(|known| {
            let mut known = Vec::clone(known);
            if known.len() == REMEMBERED {
                known.remove(0);
            }
            known.push((values.clone(), stamp.clone()));
            known
        });
        Ok(Some(stamp))
    }
}

fn decode(contract: &Name, sent: &[Option<&str>; FIELDS.len()]) -> Result<Stamp> {
    let [
        version,
        offer,
        digest,
        status,
        instance,
        since,
        sunset,
        link,
    ] = *sent;
    let wrong = |key: &str, why: &dyn std::fmt::Display| -> Error {
        invalid(format!("header {key}: {why}"))
    };
    let version: Version = version
        .unwrap_or_default()
        .parse()
        .map_err(|error| wrong(names::VERSION, &error))?;
    let offered = match offer {
        None => vec![version.clone()],
        Some(text) => Offer::parse_header(contract.clone(), text)
            .map_err(|error| wrong(names::OFFER, &error))?
            .versions()
            .iter()
            .map(|offered| offered.version.clone())
            .collect(),
    };
    let digest = digest
        .map(str::parse::<Digest>)
        .transpose()
        .map_err(|error| wrong(names::DIGEST, &error))?;
    let bounded = |text: &str| text.chars().take(300).collect::<String>();
    Ok(Stamp {
        contract: contract.clone(),
        version,
        digest,
        status: status.map_or(Status::Current, Status::from_text),
        since: since.map(bounded),
        sunset: sunset.map(bounded),
        link: link.map(bounded),
        offered: offered.into(),
        instance: instance.map(|text| bounded(text).into()),
    })
}
