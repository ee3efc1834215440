//! Events as CloudEvents 1.0 in the JSON format, one per server-sent event.

use bytes::Bytes;
use polywire_core::cloudevent::CloudEvent;
use polywire_core::contract::Name;
use polywire_core::{Dispatched, Error, ErrorKind, Head, Kind, Result};

/// An event and what its member needs to settle it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    pub(crate) delivery: Option<u64>,
}

/// Writes an event; `delivery` is what its member settles it by.
pub(crate) fn encode_event(head: &Head, body: &Bytes, delivery: Option<u64>) -> Result<String> {
    if head.stamp.is_none() {
        return Err(Error::new(
            ErrorKind::Internal,
            "an event without the version it was published at",
        ));
    }
    let mut event = CloudEvent::of(head, body);
    event.delivery = delivery.map(|id| id.to_string());
    event.to_json()
}

/// Reads an event of a subscription.
///
/// # Errors
/// `InvalidPayload` naming what is wrong.
pub(crate) fn decode_event(contract: &Name, event: &Name, json: &str) -> Result<Received> {
    let wrong = |what: &str| {
        Error::new(
            ErrorKind::InvalidPayload,
            format!("an event of {contract}.{event} cannot be read: {what}"),
        )
        .dispatched_as(Dispatched::No)
    };
    let read = CloudEvent::parse(json.as_bytes())?;
    let head = read.head(Kind::Event, contract, event)?;
    if head.stamp.is_none() {
        return Err(wrong("it has no contractversion"));
    }
    let delivery = read
        .delivery
        .as_deref()
        .map(|text| {
            text.parse()
                .map_err(|_| wrong(&format!("delivery {text:?} is no number")))
        })
        .transpose()?;
    Ok(Received {
        head,
        body: read.body()?,
        delivery,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: Name = Name::from_static("orders");
    const SHIPPED: Name = Name::from_static("shipped");

    #[test]
    fn an_event_says_its_version_and_its_delivery() {
        let known = |members: &str| {
            format!(r#"{{"specversion":"1.0","id":"a","source":"/orders","type":"t"{members}}}"#)
        };
        let json = known(r#","contractversion":"1.4.0","delivery":"17""#);
        let read = decode_event(&ORDERS, &SHIPPED, &json).unwrap();
        assert_eq!(read.delivery, Some(17));
        let json = encode_event(&read.head, &read.body, Some(18)).unwrap();
        let read = decode_event(&ORDERS, &SHIPPED, &json).unwrap();
        assert_eq!((read.delivery, &read.body[..]), (Some(18), &b"null"[..]));
        for (members, message) in [
            (
                "",
                "an event of orders.shipped cannot be read: it has no contractversion",
            ),
            (
                r#","contractversion":"1.4.0","delivery":"x""#,
                r#"an event of orders.shipped cannot be read: delivery "x" is no number"#,
            ),
        ] {
            let error = decode_event(&ORDERS, &SHIPPED, &known(members)).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        let unstamped = Head::new(Kind::Event, ORDERS, SHIPPED);
        assert!(encode_event(&unstamped, &Bytes::new(), None).is_err());
    }
}
