//! One attempt.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;

use super::request;
use super::route::{Route, Way};
use crate::clock::Clock;
use crate::deliver::{DeliverOptions, SendLimits, Sender, Signers};
use crate::record::{Delivery, Leased, Subscription};
use crate::schedule::{Answer, Failure};

/// What an attempt was, and what came of it.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) leased: Leased,
    pub(super) route: Arc<Route>,
    pub(super) answer: Answer,
    pub(super) at: Timestamp,
    pub(super) took: Duration,
}

/// Signs a delivery for this moment and sends it.
pub(super) async fn attempt(
    leased: Leased,
    route: Arc<Route>,
    sender: Sender,
    limits: SendLimits,
    clock: Arc<dyn Clock>,
) -> Attempted {
    let at = clock.now();
    let (answer, took) = match send(&leased.delivery, &route, &sender, limits, at).await {
        Ok(sent) => sent,
        Err(failure) => (Answer::Failed(failure), Duration::ZERO),
    };
    Attempted {
        leased,
        route,
        answer,
        at,
        took,
    }
}

/// What came of one attempt outside of the queue.
#[derive(Debug)]
pub(crate) struct Probed {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) answer: Answer,
}

/// Sends a delivery once to a subscription as the worker would, whatever its state is; nothing is settled.
pub(crate) async fn probe(
    delivery: &Delivery,
    subscription: &Subscription,
    sender: &Sender,
    signers: &dyn Signers,
    options: &DeliverOptions,
) -> Probed {
    let at = options.clock.now();
    let route = Route::new(subscription, sender, signers, options, at);
    let sent = send(delivery, &route, sender, options.send, at).await;
    let (answer, took) = sent.unwrap_or_else(|failure| (Answer::Failed(failure), Duration::ZERO));
    Probed { at, took, answer }
}

async fn send(
    delivery: &Delivery,
    route: &Route,
    sender: &Sender,
    limits: SendLimits,
    at: Timestamp,
) -> Result<(Answer, Duration), Failure> {
    let (target, signer) = match &route.way {
        Way::Open { target, signer } => (target, signer),
        Way::Blocked(failure) => return Err(*failure),
        Way::Later => return Err(Failure::Unsendable),
    };
    let body = delivery.body.clone().ok_or(Failure::Unsendable)?;
    let signed = signer.sign(&delivery.webhook_id, at, &body);
    let signed = signed.map_err(|_| Failure::Unsendable)?;
    let headers = request::headers(&route.common, delivery, &signed).ok_or(Failure::Unsendable)?;
    let sent = sender
        .send(target, Method::POST, headers, body, limits)
        .await;
    Ok((sent.answer, sent.took))
}
