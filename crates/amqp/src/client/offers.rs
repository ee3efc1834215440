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

/// The property `type` of the question, and of the notice that a call is given up.
pub(crate) const ASK: &str = "offer";
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
    ask_all(broker, contract, deadline, |offer| {
        found = Some(offer);
        true
    })
    .await?;
    found.ok_or_else(|| none(contract))
}

/// Hands the offers of all providers to `enough`, as they come, until it says that it is.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn ask_all(
    broker: &Broker,
    contract: &Name,
    deadline: Instant,
    mut enough: impl FnMut(Offer) -> bool + Send,
) -> Result<()> {
    let live = broker.publishing.live_until(deadline).await?;
    let exchange = broker.plans.names.control_exchange()?;
    broker
        .published
        .ensure(&live, exchange.as_str(), &|| {
            Ok(vec![broker.plans.control_exchange()?])
        })
        .await?;
    let question = Outgoing {
        exchange,
        key: short(contract.as_str())?,
        properties: BasicProperties::default()
            .with_type(ASK.into())
            .with_delivery_mode(1),
        body: Bytes::new(),
    };
    let mut asked = match broker.calls.ask(question, deadline).await {
        Err(error) if error.kind() == ErrorKind::DeadlineExceeded => return Err(none(contract)),
        asked => asked?,
    };
    let mut until = deadline;
    let mut answered = false;
    for _ in 0..REPLICAS {
        match asked.answer(until).await {
            Ok(Answer::NoRoute) => return Err(none(contract)),
            Ok(Answer::Reply(_, body)) => {
                answered = true;
                until = deadline.min(Instant::now() + MORE);
                if read(&body, contract).is_some_and(&mut enough) {
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

fn read(body: &[u8], contract: &Name) -> Option<Offer> {
    let offer: Offer = serde_json::from_slice(body).ok()?;
    (offer.contract() == contract).then_some(offer)
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
