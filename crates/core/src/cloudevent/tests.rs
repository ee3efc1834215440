use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Digest, Name, Offer, Offered, Requirement, Status, Version};

use super::CloudEvent;
use crate::message::{ContentType, Head, Kind};
use crate::options::after;
use crate::stamp::Stamp;
use crate::trace::TraceContext;

const ORDERS: Name = Name::from_static("orders");
const SHIPPED: Name = Name::from_static("shipped");

fn head() -> Head {
    let mut head = Head::new(Kind::Event, ORDERS, SHIPPED);
    head.ordering_key = Some("customer 7".into());
    head.idempotency_key = Some("k".into());
    head.trace = Some(TraceContext::root().with_state("v=1"));
    head.attempt = 2;
    head.metadata.insert("tenant", "blå&=\n").unwrap();
    head
}

fn stamp() -> Stamp {
    let mut spoken = Offered::new(Version::new(1, 4, 0));
    spoken.status = Status::Deprecated;
    spoken.sunset = Some("2027-01-01T00:00:00Z".to_owned());
    let offer = Offer::new(
        ORDERS,
        vec![spoken.clone(), Offered::new(Version::new(2, 0, 0))],
    )
    .unwrap()
    .with_instance("a");
    Stamp::of(&spoken, &offer)
}

#[test]
fn an_event_round_trips() {
    let (mut head, body) = (head(), Bytes::from_static(br#"{"item":"bl\u00e5"}"#));
    head.stamp = Some(Arc::new(stamp()));
    let json = CloudEvent::of(&head, &body).to_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["specversion"], "1.0");
    assert_eq!(value["type"], "orders.v1.shipped");
    assert_eq!(value["data"]["item"], "blå");
    let back = CloudEvent::parse(json.as_bytes()).unwrap();
    assert_eq!(back.contract().unwrap(), ORDERS);
    assert_eq!(back.body().unwrap(), body);
    let back = back.head(Kind::Event, &ORDERS, &SHIPPED).unwrap();
    assert_eq!(format!("{back:?}"), format!("{head:?}"));
}

#[test]
fn a_request_round_trips() {
    let (mut head, body) = (head(), Bytes::from_static(b"1"));
    head.kind = Kind::Command;
    let requirement = Requirement::parse_list(ORDERS, "^2, ^1.4").unwrap();
    head.requirement = Some(requirement.with_known(Version::new(1, 4, 0), Digest::of(b"x")));
    head.deadline = Some(after(Duration::from_secs(5)));
    let json = CloudEvent::of(&head, &body).to_json().unwrap();
    let read = CloudEvent::parse(json.as_bytes()).unwrap();
    assert_eq!(read.kind, "orders.shipped");
    assert_eq!(read.contractkind.as_deref(), Some("command"));
    let back = read.head(Kind::Command, &ORDERS, &SHIPPED).unwrap();
    assert_eq!(back.requirement, head.requirement);
    let left = back.remaining().unwrap();
    assert_eq!(
        back.requirement.unwrap().known(),
        head.requirement.unwrap().known()
    );
    assert!(left <= Duration::from_secs(5) && left > Duration::from_secs(3));
}

#[test]
fn json_of_any_media_type_travels_as_it_is() {
    let (mut head, body) = (head(), Bytes::from_static(br#"{"status":503}"#));
    head.content_type = ContentType::parse("application/problem+json; charset=utf-8");
    let json = CloudEvent::of(&head, &body).to_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["datacontenttype"], "application/problem+json");
    assert_eq!(value["data"]["status"], 503);
    assert!(value["data_base64"].is_null());
    let back = CloudEvent::parse(json.as_bytes()).unwrap();
    assert_eq!(back.body().unwrap(), body);
}

#[test]
fn bytes_that_are_no_json_travel_as_base64() {
    let (mut head, body) = (head(), Bytes::from_static(b"\xff\x00\x01"));
    head.content_type = ContentType::parse("application/x-thing");
    let json = CloudEvent::of(&head, &body).to_json().unwrap();
    let back = CloudEvent::parse(json.as_bytes()).unwrap();
    assert_eq!(back.body().unwrap(), body);
    let back = back.head(Kind::Event, &ORDERS, &SHIPPED).unwrap();
    assert_eq!(back.content_type.as_str(), "application/x-thing");
}

#[test]
fn what_is_no_event_of_ours_is_named() {
    for (json, message) in [
        ("{}", "an event cannot be read: missing field"),
        ("[", "an event cannot be read: EOF"),
        (
            r#"{"specversion":"2.0","id":"a","source":"/","type":"t"}"#,
            "an event cannot be read: it is a CloudEvent 2.0: expected 1.0",
        ),
    ] {
        let error = CloudEvent::parse(json.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
    let known = |members: &str| {
        format!(r#"{{"specversion":"1.0","id":"a","source":"/","type":"t",{members}}}"#)
    };
    for (members, message) in [
        (
            r#""contractrequire":"^x""#,
            "an event cannot be read: contractrequire: ",
        ),
        (
            r#""contractrequire":"^1","contractknown":"md5""#,
            "an event cannot be read: contractknown is \"md5\": expected ",
        ),
        (
            r#""contractversion":"1.0.0","contractoffer":"?""#,
            "an event cannot be read: ",
        ),
    ] {
        let json = known(members);
        let event = CloudEvent::parse(json.as_bytes()).unwrap();
        let error = event.head(Kind::Event, &ORDERS, &SHIPPED).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(event.contract().is_err());
    }
    let json = known(r#""data_base64":"%""#);
    assert!(CloudEvent::parse(json.as_bytes()).unwrap().body().is_err());
}
