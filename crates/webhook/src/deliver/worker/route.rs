//! What a subscription's terms say about sending, worked out once for each revision.

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use polywire_core::ErrorKind;
use polywire_core::contract::{Name, Version};

use super::request;
use crate::deliver::{DeliverOptions, Sender, Signers};
use crate::guard::Target;
use crate::record::{State, Subscription, SubscriptionId};
use crate::schedule::{EndpointLimits, Failure, Rate};
use crate::signature::Signer;

/// Where and how deliveries of one subscription are sent.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) id: SubscriptionId,
    pub(super) tenant: String,
    pub(super) contract: Name,
    pub(super) version: Version,
    pub(super) sink: String,
    pub(super) rate: Option<Rate>,
    pub(super) common: HeaderMap,
    pub(super) way: Way,
    revision: u64,
    /// When a key retires, so that the signer is another one.
    until: Option<Timestamp>,
}

/// Whether there is one.
#[derive(Debug)]
pub(super) enum Way {
    Open {
        target: Target,
        signer: Arc<Signer>,
    },
    /// Its keys cannot be used now.
    Later,
    /// It leads nowhere, for as long as the terms are these.
    Blocked(Failure),
}

impl Route {
    pub(super) fn new(
        subscription: &Subscription,
        sender: &Sender,
        signers: &dyn Signers,
        options: &DeliverOptions,
        now: Timestamp,
    ) -> Self {
        let (id, terms) = (&subscription.id, &subscription.terms);
        let common = request::common(id, options.origin.as_deref(), &options.user_agent);
        let retires = terms.keys.iter().filter_map(|key| key.retires_at);
        Self {
            id: id.clone(),
            tenant: terms.tenant.clone(),
            contract: terms.contract().clone(),
            version: terms.version.clone(),
            sink: terms.sink.clone(),
            rate: terms.rate,
            way: match common {
                Some(_) => way(subscription, sender, signers, now),
                None => Way::Blocked(Failure::Unsendable),
            },
            common: common.unwrap_or_default(),
            revision: subscription.revision,
            until: retires.filter(|retires| now < *retires).min(),
        }
    }

    /// Whether it still is what a subscription says.
    pub(super) fn is_of(&self, subscription: &Subscription, now: Timestamp) -> bool {
        self.revision == subscription.revision
            && self.until.is_none_or(|until| now < until)
            && !matches!(self.way, Way::Later)
    }

    /// What its endpoint is given.
    pub(super) fn limits(&self, options: &DeliverOptions) -> EndpointLimits {
        let within = |rate: Rate| {
            let per_minute = rate.per_minute.clamp(1, 60_000_000);
            let burst = rate.burst.clamp(1, per_minute);
            Rate { per_minute, burst }
        };
        EndpointLimits {
            rate: self.rate.map(within).or(options.endpoint.rate),
            ..options.endpoint.clone()
        }
    }
}

fn way(subscription: &Subscription, sender: &Sender, signers: &dyn Signers, now: Timestamp) -> Way {
    let target = match sender.target(&subscription.terms.sink) {
        Ok(target) => target,
        Err(error) => return Way::Blocked(Failure::from(&error)),
    };
    match signers.signer(subscription, now) {
        Ok(signer) => Way::Open { target, signer },
        Err(error) => {
            let id = &subscription.id;
            tracing::warn!(subscription = %id, %error, "webhook deliveries cannot be signed");
            match error.kind() {
                ErrorKind::Unavailable => Way::Later,
                _ => Way::Blocked(Failure::Unsendable),
            }
        }
    }
}

/// Whether a subscription may be set into a state by what its endpoint said.
pub(super) fn follows(from: State, to: State) -> bool {
    match to {
        State::VersionMismatch => from.delivers(),
        _ => from != to && !from.is_over() && from.may_become(to),
    }
}
