//! Asking providers what they offer.

use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use polywire_contract::{Name, Offer, Retry};
use polywire_core::{Dispatched, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::Answer;
use crate::broker::Broker;
use crate::publish::Outgoing;
use crate::topology::short;
use crate::wire::is_problem;

/// The property `type` of the question for an offer, and of every offer that answers.
pub(crate) const ASK: &str = "offer";
/// The property `type` of the question whether a subscriber may join: answered with the offer, or with a problem.
pub(crate) const JOIN: &str = "subscribe";
/// How long further answers are waited for, once there is one.
const MORE: Duration = Duration::from_millis(100);
/// How many replicas' answers are looked at.
const REPLICAS: usize = 32;

/// The offer of the provider that answers first.
///
/// # Errors
/// `Unavailable` when there is no provider.
pub(crate) async fn ask(broker: &Broker, contract: &Name, deadline: Instant) -> Result<Offer> {
    let mut found = None;
    ask_all(broker, contract, offer_question(), deadline, |answer| {
        found = answer.ok();
        found.is_some()
    })
    .await?;
    found.ok_or_else(|| none(contract))
}

/// The question what is offered.
pub(crate) fn offer_question() -> BasicProperties {
    BasicProperties::default().with_type(ASK.into())
}

/// A question or a notice on its way to all providers of a contract.
pub(super) fn to_providers(
    broker: &Broker,
    contract: &Name,
    properties: BasicProperties,
) -> Result<Outgoing> {
    Ok(Outgoing {
        exchange: broker.plans.names.control_exchange()?,
        key: short(contract.as_str())?,
        properties: properties.with_delivery_mode(1),
        body: Bytes::new(),
    })
}

/// Hands the answers of all providers to `enough`, as they come, until it says that it is.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn ask_all(
    broker: &Broker,
    contract: &Name,
    question: BasicProperties,
    deadline: Instant,
    mut enough: impl FnMut(Result<Offer>) -> bool + Send,
) -> Result<()> {
    let live = broker.publishing.live_until(deadline).await?;
    let question = to_providers(broker, contract, question)?;
    let plan = || Ok(vec![broker.plans.control_exchange()?]);
    let exchange = question.exchange.as_str();
    broker.declared(&live, exchange, deadline, &plan).await?;
    let mut asked = match broker.calls.ask(question, deadline).await {
        Err(error) if error.kind() == ErrorKind::DeadlineExceeded => return Err(none(contract)),
        asked => asked?,
    };
    let mut until = deadline;
    let mut answered = false;
    for _ in 0..REPLICAS {
        match asked.answer(until).await {
            Ok(Answer::NoRoute) => return Err(none(contract)),
            Ok(Answer::Reply(properties, body)) => {
                answered = true;
                until = deadline.min(Instant::now() + MORE);
                if read(&properties, &body, contract).is_some_and(&mut enough) {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::DeadlineExceeded && answered => return Ok(()),
            Err(error) if error.kind() == ErrorKind::DeadlineExceeded => {
                return Err(none(contract));
            }
            Err(error) => return Err(error.dispatched_as(Dispatched::No)),
        }
    }
    Ok(())
}

/// `None` for what is no answer to the question.
fn read(properties: &BasicProperties, body: &[u8], contract: &Name) -> Option<Result<Offer>> {
    if is_problem(properties) {
        return Error::from_problem(body).map(Err);
    }
    let offer: Offer = serde_json::from_slice(body).ok()?;
    (offer.contract() == contract).then_some(Ok(offer))
}

pub(super) fn none(contract: &Name) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "no provider of contract {:?} is connected to the broker: start it, or check the namespace and the vhost",
            contract.as_str()
        ),
    )
    .retry_as(Retry::Later)
    .dispatched_as(Dispatched::No)
}
