//! What is delivered, and to whom.

use std::time::Duration;

use bytes::Bytes;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_webhook::record::{
    Body, Float, KeepOrder, NewDelivery, OnSunset, State, SubscriptionId, Terms,
};
use polywire_webhook::schedule::RetryPlan;

use super::start;

/// Three attempts, 10 s and 100 s apart.
pub(crate) fn plan() -> RetryPlan {
    RetryPlan::new([10, 100].map(Duration::from_secs), 0).unwrap()
}

pub(crate) fn terms(sink: &str) -> Terms {
    let version = Version::new(2, 4, 0);
    Terms {
        tenant: "acme".into(),
        state: State::Active,
        requested: Requirement::caret("orders".parse().unwrap(), &version),
        version,
        float: Float::Minor,
        events: vec![Name::from_static("shipped")],
        group: None,
        sink: sink.into(),
        keys: Vec::new(),
        rate: None,
        allowed: None,
        order: KeepOrder::ByKey,
        on_sunset: OnSunset::Pause,
        upgrade: None,
        proposed: None,
        since: None,
        created_at: start(),
        lease_until: start(),
    }
}

pub(crate) fn new(subscription: &SubscriptionId, name: &str) -> NewDelivery {
    NewDelivery {
        subscription: subscription.clone(),
        webhook_id: name.into(),
        message_id: format!("message-of-{name}"),
        interaction: Name::from_static("shipped"),
        version: Version::new(2, 4, 0),
        key: None,
        headers: Vec::new(),
        body: Body::Whole(Bytes::from(format!("body of {name}"))),
        delay: Duration::ZERO,
    }
}

pub(crate) fn keyed(subscription: &SubscriptionId, name: &str, key: &str) -> NewDelivery {
    NewDelivery {
        key: Some(key.into()),
        ..new(subscription, name)
    }
}

pub(crate) fn shadow(subscription: &SubscriptionId, name: &str) -> NewDelivery {
    NewDelivery {
        headers: vec![("Contract-Shadow".into(), "true".into())],
        ..new(subscription, name)
    }
}
