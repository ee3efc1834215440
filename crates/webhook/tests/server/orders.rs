//! A small contract in several versions, and its events.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use polywire_core::contract::schemars::JsonSchema;
use polywire_core::contract::{Contract, InteractionInfo, Name, Offered, Version};
use polywire_core::{
    Answer, Context, Deprecation, Error, ErrorKind, Head, Kind, Message, MessageId, NoError,
    Provider, Result, Service, Stamp, Versions,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "polywire_core::contract::schemars")]
struct Shipped {
    order: String,
}

struct Orders(Arc<Contract>);

impl Provider for Orders {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.0.clone())
    }

    fn handle<'a>(&'a self, _: &'a Context, _: Bytes) -> BoxFuture<'a, Result<Answer>> {
        async { Err(Error::new(ErrorKind::Unsupported, "nothing is called here")) }.boxed()
    }
}

fn contract(version: &'static str) -> Arc<Contract> {
    let builder = Contract::builder("orders", version)
        .operation::<Shipped, Shipped, NoError>(InteractionInfo::new("quote"))
        .event::<Shipped>(InteractionInfo::new("shipped"));
    let newer = if version.starts_with("1.4") {
        builder
    } else {
        builder.event::<Shipped>(InteractionInfo::new("returned"))
    };
    Arc::new(newer.build().unwrap())
}

fn provider(version: &'static str) -> Orders {
    Orders(contract(version))
}

/// What the provider serves by default: one that goes, and the one after it.
pub(crate) fn orders() -> Arc<Service> {
    let deprecation = Deprecation {
        since: Some("2026-11-01T00:00:00Z".into()),
        sunset: Some("2027-01-01T00:00:00Z".into()),
        link: Some("https://acme.example/orders-1".into()),
    };
    let versions = Versions::new()
        .serve_deprecated(provider("1.4.0"), deprecation)
        .serve(provider("2.1.0"));
    Arc::new(Service::new(versions).unwrap())
}

/// A provider of some versions.
pub(crate) fn serving(versions: &[&'static str]) -> Arc<Service> {
    let served = versions.iter().fold(Versions::new(), |served, version| {
        served.serve(provider(version))
    });
    Arc::new(Service::new(served).unwrap())
}

/// The copies of an event, one for each version.
pub(crate) fn copies(versions: &[&'static str], id: &str) -> Vec<Message> {
    let all: Arc<[_]> = versions
        .iter()
        .map(|version| version.parse().unwrap())
        .collect();
    let service = serving(versions);
    let message = |version: &Version| {
        let contract = Name::from_static("orders");
        let event = Name::from_static("shipped");
        let id = MessageId::parse(id).unwrap();
        let mut head = Head::with_id(id, Kind::Event, contract, event);
        let offered = Offered::new(version.clone());
        head.stamp = Some(Arc::new(Stamp::of(&offered, service.offer())));
        head.copies = (all.len() > 1).then(|| all.clone());
        head.ordering_key = Some("o-9".into());
        Message::new(
            head,
            Bytes::from(json!({ "order": version.to_string() }).to_string()),
        )
    };
    all.iter().map(message).collect()
}
