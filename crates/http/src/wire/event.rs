//! Events as CloudEvents 1.0 in the JSON format, one per server-sent event.

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use polywire_core::contract::{Digest, Name, Offer, Status, Track, Version};
use polywire_core::{
    ContentType, Dispatched, Error, ErrorKind, Head, Kind, MessageId, Metadata, Result, Stamp,
    TraceContext,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::base64;

/// A `CloudEvents` 1.0 event in the JSON event format 1.0, with our extension attributes.
#[derive(Serialize, Deserialize)]
struct CloudEvent<'a> {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<String>,
    /// The version it was published at.
    contractversion: Version,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractdigest: Option<Digest>,
    /// Every version its provider offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractoffer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractstatus: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractsince: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractsunset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractlink: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractinstance: Option<String>,
    /// Metadata as `key=value&...`, percent-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contractmeta: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotencykey: Option<String>,
    /// The ordering key (partitioning extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partitionkey: Option<String>,
    /// Distributed tracing extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    /// Which hand-over to the group this is.
    #[serde(default = "first")]
    attempt: u32,
    /// By what a member settles it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    data: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

fn first() -> u32 {
    1
}

/// An event and what its member needs to settle it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    pub(crate) delivery: Option<u64>,
}

/// Writes an event; `delivery` is what its member settles it by.
pub(crate) fn encode_event(head: &Head, body: &Bytes, delivery: Option<u64>) -> Result<String> {
    let Some(stamp) = &head.stamp else {
        return Err(Error::new(
            ErrorKind::Internal,
            "an event without the version it was published at",
        ));
    };
    let json = head.content_type == ContentType::JSON;
    let data: Option<&RawValue> = if json {
        serde_json::from_slice(body).ok()
    } else {
        None
    };
    let meta: Vec<String> = head
        .metadata
        .iter()
        .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    let offered: Vec<String> = stamp.offered.iter().map(ToString::to_string).collect();
    let event = CloudEvent {
        specversion: "1.0".to_owned(),
        id: head.id.to_string(),
        source: format!("/{}", head.contract),
        kind: format!(
            "{}.{}.{}",
            head.contract,
            Track::of(&stamp.version),
            head.interaction
        ),
        datacontenttype: Some(head.content_type.as_str().to_owned()),
        contractversion: stamp.version.clone(),
        contractdigest: stamp.digest,
        contractoffer: (!offered.is_empty()).then(|| offered.join(", ")),
        contractstatus: (stamp.status != Status::Current).then_some(stamp.status),
        contractsince: stamp.since.clone(),
        contractsunset: stamp.sunset.clone(),
        contractlink: stamp.link.clone(),
        contractinstance: stamp.instance.as_deref().map(str::to_owned),
        contractmeta: (!meta.is_empty()).then(|| meta.join("&")),
        idempotencykey: head.idempotency_key.as_deref().map(str::to_owned),
        partitionkey: head.ordering_key.as_deref().map(str::to_owned),
        traceparent: head.trace.as_ref().map(ToString::to_string),
        tracestate: head
            .trace
            .as_ref()
            .and_then(TraceContext::state)
            .map(str::to_owned),
        attempt: head.attempt,
        delivery: delivery.map(|id| id.to_string()),
        data,
        data_base64: data.is_none().then(|| base64::encode(body)),
    };
    serde_json::to_string(&event).map_err(|error| {
        Error::new(ErrorKind::Internal, "an event has no JSON form").caused_by(error)
    })
}

/// Reads an event of a subscription.
///
/// # Errors
/// `InvalidPayload` naming what is wrong.
pub(crate) fn decode_event(contract: &Name, event: &Name, json: &str) -> Result<Received> {
    let wrong = |what: String| {
        Error::new(
            ErrorKind::InvalidPayload,
            format!("an event of {contract}.{event} cannot be read: {what}"),
        )
        .dispatched_as(Dispatched::No)
    };
    let read: CloudEvent<'_> =
        serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    if !read.specversion.starts_with("1.") {
        return Err(wrong(format!(
            "it is a CloudEvent {}: expected 1.0",
            read.specversion
        )));
    }
    let offer = read.contractoffer.as_deref().unwrap_or_default();
    let offer =
        Offer::parse_header(contract.clone(), offer).map_err(|error| wrong(error.to_string()))?;
    let stamp = Stamp {
        contract: contract.clone(),
        version: read.contractversion,
        digest: read.contractdigest,
        status: read.contractstatus.unwrap_or_default(),
        since: read.contractsince,
        sunset: read.contractsunset,
        link: read.contractlink,
        offered: offer
            .versions()
            .iter()
            .map(|offered| offered.version.clone())
            .collect(),
        instance: read.contractinstance.map(Into::into),
    };
    let mut head = Head::new(Kind::Event, contract.clone(), event.clone());
    head.id = MessageId::parse(&read.id)?;
    head.stamp = Some(Arc::new(stamp));
    head.content_type = ContentType::parse(
        read.datacontenttype
            .as_deref()
            .unwrap_or("application/json"),
    );
    head.idempotency_key = read.idempotencykey.map(Into::into);
    head.ordering_key = read.partitionkey.map(Into::into);
    head.attempt = read.attempt.max(1);
    let trace = read
        .traceparent
        .and_then(|text| text.parse::<TraceContext>().ok());
    head.trace = trace.map(|trace| match &read.tracestate {
        Some(state) => trace.with_state(state),
        None => trace,
    });
    head.metadata = metadata(read.contractmeta.as_deref().unwrap_or_default())?;
    let body = match (read.data, read.data_base64) {
        (Some(data), _) => Bytes::copy_from_slice(data.get().as_bytes()),
        (None, Some(text)) => base64::decode(&text)
            .ok_or_else(|| wrong("data_base64 is no base64".to_owned()))?
            .into(),
        // serde takes a null for an absent member.
        (None, None) if head.content_type == ContentType::JSON => Bytes::from_static(b"null"),
        (None, None) => Bytes::new(),
    };
    let delivery = read
        .delivery
        .map(|text| {
            text.parse()
                .map_err(|_| wrong(format!("delivery {text:?} is no number")))
        })
        .transpose()?;
    Ok(Received {
        head,
        body,
        delivery,
    })
}

fn metadata(text: &str) -> Result<Metadata> {
    let mut metadata = Metadata::new();
    for (key, value) in text.split('&').filter_map(|entry| entry.split_once('=')) {
        metadata.insert(key, &percent_decode_str(value).decode_utf8_lossy())?;
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polywire_core::contract::Offered;

    const ORDERS: Name = Name::from_static("orders");
    const SHIPPED: Name = Name::from_static("shipped");

    fn head() -> Head {
        let mut spoken = Offered::new(Version::new(1, 4, 0));
        spoken.status = Status::Deprecated;
        spoken.sunset = Some("2027-01-01T00:00:00Z".to_owned());
        let offer = Offer::new(
            ORDERS,
            vec![spoken.clone(), Offered::new(Version::new(2, 0, 0))],
        )
        .unwrap()
        .with_instance("a");
        let mut head = Head::new(Kind::Event, ORDERS, SHIPPED);
        head.stamp = Some(Arc::new(Stamp::of(&spoken, &offer)));
        head.ordering_key = Some("customer 7".into());
        head.idempotency_key = Some("k".into());
        head.trace = Some(TraceContext::root().with_state("v=1"));
        head.attempt = 2;
        head.metadata.insert("tenant", "blå&=\n").unwrap();
        head
    }

    #[test]
    fn an_event_round_trips() {
        let (head, body) = (head(), Bytes::from_static(br#"{"item":"bl\u00e5"}"#));
        let json = encode_event(&head, &body, Some(17)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["specversion"], "1.0");
        assert_eq!(value["type"], "orders.v1.shipped");
        assert_eq!(value["data"]["item"], "blå");
        let back = decode_event(&ORDERS, &SHIPPED, &json).unwrap();
        assert_eq!(back.body, body);
        assert_eq!(back.delivery, Some(17));
        assert_eq!(format!("{:?}", back.head), format!("{head:?}"));
    }

    #[test]
    fn bytes_that_are_no_json_travel_as_base64() {
        let (mut head, body) = (head(), Bytes::from_static(b"\xff\x00\x01"));
        head.content_type = ContentType::parse("application/x-thing");
        let json = encode_event(&head, &body, None).unwrap();
        let back = decode_event(&ORDERS, &SHIPPED, &json).unwrap();
        assert_eq!(
            (back.body, back.head.content_type.as_str()),
            (body, "application/x-thing")
        );
    }

    #[test]
    fn what_is_no_event_of_ours_is_named() {
        for (json, message) in [
            (
                "{}",
                "an event of orders.shipped cannot be read: missing field",
            ),
            ("[", "an event of orders.shipped cannot be read: EOF"),
            (
                r#"{"specversion":"2.0","id":"a","source":"/","type":"t","contractversion":"1.0.0"}"#,
                "an event of orders.shipped cannot be read: it is a CloudEvent 2.0: expected 1.0",
            ),
        ] {
            let error = decode_event(&ORDERS, &SHIPPED, json).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }
}
