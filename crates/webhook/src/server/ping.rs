//! What a subscription is tested with.

use std::time::Duration;

use jiff::Timestamp;
use polywire_core::Result;
use polywire_core::cloudevent::{CloudEvent, MEDIA_TYPE};
use polywire_core::contract::Name;
use rand::RngExt;

use crate::record::{Body, NewDelivery, Subscription};
use crate::wire::TEST;

/// An event that says nothing.
pub(crate) fn ping(subscription: &Subscription, now: Timestamp) -> Result<NewDelivery> {
    let webhook_id = format!("test_{:032x}", rand::rng().random::<u128>());
    let terms = &subscription.terms;
    let event = CloudEvent {
        specversion: "1.0".to_owned(),
        id: webhook_id.clone(),
        source: format!("/{}", terms.contract()),
        kind: TEST.to_owned(),
        time: Some(now.to_string()),
        contractversion: Some(terms.version.clone()),
        attempt: 1,
        ..CloudEvent::default()
    };
    Ok(NewDelivery {
        subscription: subscription.id.clone(),
        message_id: webhook_id.clone(),
        webhook_id,
        interaction: Name::from_static("subscription.test"),
        version: terms.version.clone(),
        key: None,
        headers: vec![
            ("content-type".to_owned(), MEDIA_TYPE.to_owned()),
            ("contract-version".to_owned(), terms.version.to_string()),
        ],
        body: Body::Whole(event.to_json()?.into()),
        delay: Duration::ZERO,
    })
}
