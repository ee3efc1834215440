//! Stamps as response headers, encoded once per version served and decoded once per version heard.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use polywire_core::contract::{Digest, Name, Offer, Status, Version};
use polywire_core::{Dispatched, Error, ErrorKind, Result, Service, Stamp};

use super::names::*;

/// The headers that state an offer and, for an agreement, the version spoken.
#[derive(Clone, Debug)]
pub(crate) struct StampHeaders {
    offer: HeaderMap,
    agreed: Vec<(Arc<Stamp>, HeaderMap)>,
}

impl StampHeaders {
    /// The headers of a service, for every version it serves.
    pub(crate) fn of(service: &Service) -> Self {
        let offer = offer_headers(service.offer());
        let stamps = service
            .contracts()
            .filter_map(|contract| service.stamp(contract.version()));
        let agreed = stamps
            .map(|stamp| (stamp.clone(), stamp_headers(stamp, &offer)))
            .collect();
        Self { offer, agreed }
    }

    /// The headers of an answer at an agreed version: cloned, so that nothing is formatted per answer.
    pub(crate) fn agreed(&self, stamp: &Arc<Stamp>) -> HeaderMap {
        let found = self
            .agreed
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, stamp));
        found.map_or_else(
            || stamp_headers(stamp, &self.offer),
            |(_, headers)| headers.clone(),
        )
    }

    /// The headers of a refusal.
    pub(crate) fn offer(&self) -> HeaderMap {
        self.offer.clone()
    }
}

fn offer_headers(offer: &Offer) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(header::VARY, VARY);
    put(&mut headers, OFFER, &offer.header_text());
    if let Some(instance) = offer.instance() {
        headers.insert(INSTANCE, super::text::header_text(instance));
    }
    headers
}

fn stamp_headers(stamp: &Stamp, offer: &HeaderMap) -> HeaderMap {
    let mut headers = offer.clone();
    put(&mut headers, VERSION, &stamp.version.to_string());
    if let Some(digest) = &stamp.digest {
        put(&mut headers, DIGEST, &digest.to_string());
    }
    if stamp.status != Status::Current {
        put(&mut headers, STATUS, &stamp.status.to_string());
    }
    lifetime_headers(stamp, &mut headers);
    headers
}

/// Says that a version is deprecated, and when it will be gone: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a `Link`. Of a
/// version that is neither it says nothing.
pub fn lifetime_headers(stamp: &Stamp, headers: &mut HeaderMap) {
    if let Some(since) = stamp
        .since
        .as_deref()
        .and_then(|text| text.parse::<Timestamp>().ok())
    {
        put(headers, DEPRECATION, &format!("@{}", since.as_second()));
    }
    if let Some(sunset) = stamp
        .sunset
        .as_deref()
        .and_then(|text| text.parse::<Timestamp>().ok())
    {
        put(headers, SUNSET, &httpdate::fmt_http_date(sunset.into()));
    }
    if let Some(link) = &stamp.link {
        put(
            headers,
            header::LINK,
            &format!("<{link}>; rel=\"deprecation\""),
        );
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    match HeaderValue::from_str(text) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(_) => {
            tracing::warn!(%name, ?text, "left out of answers: it has characters that no header can carry");
        }
    }
}

const STAMPS: usize = 8;
/// The header values that make a stamp, in a fixed order.
static STAMPING: [HeaderName; STAMPS] = [
    VERSION,
    OFFER,
    DIGEST,
    STATUS,
    INSTANCE,
    DEPRECATION,
    SUNSET,
    header::LINK,
];

type Values = [Option<HeaderValue>; STAMPS];

/// The stamps heard so far: the same headers give the same [`Arc`], which a session then need not check again.
#[derive(Debug, Default)]
pub(crate) struct StampCache(ArcSwap<Vec<(Name, Values, Arc<Stamp>)>>);

/// How many stamps are remembered: a few versions of a few instances.
const REMEMBERED: usize = 64;

impl StampCache {
    /// The stamp that an answer carries; `None` when it carries no version.
    ///
    /// # Errors
    /// `Integrity` when its headers cannot be read.
    pub(crate) fn read(&self, contract: &Name, headers: &HeaderMap) -> Result<Option<Arc<Stamp>>> {
        let sent: [Option<&HeaderValue>; STAMPS] =
            STAMPING.each_ref().map(|name| headers.get(name));
        if sent[0].is_none() {
            return Ok(None);
        }
        let same = |values: &Values| {
            values
                .iter()
                .zip(&sent)
                .all(|(known, sent)| known.as_ref() == *sent)
        };
        let known = self.0.load();
        if let Some((.., stamp)) = known
            .iter()
            .find(|(name, values, _)| same(values) && name == contract)
        {
            return Ok(Some(stamp.clone()));
        }
        drop(known);
        let stamp = Arc::new(decode(contract, &sent)?);
        let values = sent.map(Option::<&HeaderValue>::cloned);
        self.0.rcu(|known| {
            let mut known = Vec::clone(known);
            if known.len() == REMEMBERED {
                known.remove(0);
            }
            known.push((contract.clone(), values.clone(), stamp.clone()));
            known
        });
        Ok(Some(stamp))
    }
}

fn decode(contract: &Name, values: &[Option<&HeaderValue>; STAMPS]) -> Result<Stamp> {
    let text = |index: usize| match values[index] {
        None => Ok(None),
        Some(value) => super::text::visible(STAMPING[index].as_str(), value)
            .map(Some)
            .map_err(|error| wrong(error.message())),
    };
    let version: Version = text(0)?
        .unwrap_or_default()
        .parse()
        .map_err(|error| wrong(&format!("header {VERSION} is no version: {error}")))?;
    let offer = Offer::parse_header(contract.clone(), text(1)?.unwrap_or_default())
        .map_err(|error| wrong(&format!("header {OFFER}: {error}")))?;
    let digest = text(2)?
        .map(str::parse::<Digest>)
        .transpose()
        .map_err(|error| wrong(&format!("header {DIGEST}: {error}")))?;
    let status = text(3)?.map_or(Status::Current, Status::from_text);
    let instance = values[4]
        .map(|value| super::text::plain(INSTANCE.as_str(), value))
        .transpose();
    let since = text(5)?
        .and_then(|text| text.strip_prefix('@')?.parse().ok())
        .and_then(|at| Timestamp::from_second(at).ok());
    let sunset = text(6)?
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .and_then(|at| Timestamp::try_from(at).ok());
    let link = text(7)?
        .and_then(|text| text.strip_prefix('<')?.split_once('>'))
        .map(|(link, _)| link.to_owned());
    Ok(Stamp {
        contract: contract.clone(),
        version,
        digest,
        status,
        since: since.map(|at| at.to_string()),
        sunset: sunset.map(|at| at.to_string()),
        link,
        offered: offer
            .versions()
            .iter()
            .map(|offered| offered.version.clone())
            .collect(),
        instance: instance
            .map_err(|error| wrong(error.message()))?
            .map(Into::into),
    })
}

fn wrong(message: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("the answer's version cannot be read: {message}"),
    )
    .dispatched_as(Dispatched::Yes)
}
