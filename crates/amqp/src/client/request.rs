//! Calls and commands to the queue of their floor, events to the exchange of their contract.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::{Name, Requirement, Retry, negotiate};
use polywire_core::{Error, ErrorKind, Head, Message, Receipt, Reply, Result};
use tokio::time::Instant;

use super::calls::Asked;
use super::presence::Whereabouts;
use super::{Answer, ask, ask_all, offer_question, offers, presence};
use crate::broker::Broker;
use crate::publish::{Outgoing, Taken};
use crate::topology::{Floor, required, short};
use crate::wire::{Stamps, read_reply, write_event, write_request, write_subject};

/// How long a command's sender asks who is there, before it puts the command into the queue anyway.
const LOOK: Duration = Duration::from_secs(1);
/// How long before its deadline a message is given up that could not be handed to the broker.
const SLACK: Duration = Duration::from_millis(25);
/// The property `type` of the notice that nobody waits for a call any more.
pub(crate) const CANCEL: &str = "cancel";
/// The property `type` of the question who has a call.
pub(crate) const RUNNING: &str = "running";

fn deadline(broker: &Broker, head: &Head) -> Instant {
    head.deadline
        .unwrap_or_else(|| Instant::now() + broker.config.publish_timeout)
}

/// A little before a deadline, so that its sender hears why the broker took nothing, and not only that time is up.
fn before(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline - (left / 8).min(SLACK)
}

fn required_of(message: &Message) -> Result<&Requirement> {
    message.head.requirement.as_ref().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidPayload,
            format!(
                "a {} states the versions it requires, such as ^1.2",
                message.head.kind
            ),
        )
    })
}

/// Calls.
///
/// # Errors
/// What the provider decided; `NoMatch` or `Unavailable` at once when none there would take it.
pub(crate) async fn call(broker: &Broker, message: Message, stamps: &Stamps) -> Result<Reply> {
    let requirement = required_of(&message)?.clone();
    let deadline = deadline(broker, &message.head);
    let names = &broker.plans.names;
    let lane = broker.lanes.request(names, &requirement)?;
    let properties = write_request(&message.head, &lane.headers)?;
    let contract = &message.head.contract;
    let mut spans = false;
    for queue in &lane.queues {
        let Some(queue) = queue.clone() else {
            spans = true;
            break;
        };
        if let Some(reply) =
            try_call(broker, &message, queue, &properties, deadline, stamps).await?
        {
            return Ok(reply);
        }
    }
    // Nobody took it, or only an offer tells the floor: the offer also says why.
    let offer = Box::pin(ask(broker, contract, deadline)).await?;
    let agreement = negotiate(
        &requirement.clone().using(message.head.interaction.clone()),
        &offer,
    )?;
    let floor = if spans {
        Floor::of(&agreement.version)
    } else {
        floor_for(&requirement, &agreement.version)
    };
    let queue = names.call_queue(contract, &floor)?;
    match try_call(broker, &message, queue, &properties, deadline, stamps).await? {
        Some(reply) => Ok(reply),
        None => Err(offers::none(contract)),
    }
}

/// The floor of the range that an agreed version came from.
fn floor_for(requirement: &Requirement, agreed: &polywire_contract::Version) -> Floor {
    let ranges = requirement.ranges().iter().zip(required(requirement));
    let mut fitting = ranges.filter(|(range, _)| range.matches(agreed));
    fitting
        .find_map(|(_, floor)| floor)
        .unwrap_or_else(|| Floor::of(agreed))
}

async fn try_call(
    broker: &Broker,
    message: &Message,
    queue: ShortString,
    properties: &BasicProperties,
    deadline: Instant,
    stamps: &Stamps,
) -> Result<Option<Reply>> {
    let contract = &message.head.contract;
    let left = deadline
        .saturating_duration_since(Instant::now())
        .as_micros()
        .div_ceil(1000);
    let request = Outgoing {
        exchange: ShortString::default(),
        key: queue.clone(),
        properties: properties.clone().with_expiration(short(left.to_string())?),
        body: message.body.clone(),
    };
    let (asked, unsent) = broker.calls.prepare(request, before(deadline)).await?;
    let whereabouts = Whereabouts {
        contract,
        queue,
        subject: asked.subject(),
    };
    let mut call = UnderWay {
        broker,
        contract,
        deadline,
        asked: Some(asked),
    };
    unsent.send().await?;
    let answer = match &mut call.asked {
        Some(asked) => tokio::select! {
            biased;
            answer = asked.answer(deadline) => answer,
            error = presence::gone(broker, whereabouts) => Err(error),
        },
        None => return Ok(None),
    };
    call.asked = None;
    match answer? {
        Answer::NoRoute => Ok(None),
        Answer::Reply(reply, body) => read_reply(contract, &reply, &body, stamps).map(Some),
    }
}

/// A call that somebody waits for. When that ends before the deadline, providers are told.
struct UnderWay<'a> {
    broker: &'a Broker,
    contract: &'a Name,
    deadline: Instant,
    asked: Option<Asked>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        if self.deadline <= Instant::now() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if let Ok(notice) = cancellation(self.broker, self.contract, &asked) {
            runtime.spawn(asked.give_up(notice));
        }
    }
}

/// The notice that nobody waits for a call any more.
fn cancellation(broker: &Broker, contract: &Name, asked: &Asked) -> Result<Outgoing> {
    let properties = BasicProperties::default().with_type(CANCEL.into());
    let properties = write_subject(properties, &asked.subject())?;
    offers::to_providers(broker, contract, properties)
}

/// Sends a command to the queue of its floor, where it waits for a provider that can run it.
///
/// # Errors
/// `NoMatch` when providers are there and no newer replica of any of them could ever run it; `Overloaded`; `Unavailable`.
pub(crate) async fn send(broker: &Broker, message: Message) -> Result<Receipt> {
    let requirement = required_of(&message)?.clone();
    let deadline = deadline(broker, &message.head);
    let deadline = before(deadline);
    let contract = message.head.contract.clone();
    let floor = command_floor(broker, &message, &requirement, deadline).await?;
    let queue = broker.plans.names.command_queue(&contract, &floor)?;
    let lane = broker.lanes.request(&broker.plans.names, &requirement)?;
    let outgoing = || {
        Ok(Outgoing {
            exchange: ShortString::default(),
            key: queue.clone(),
            properties: write_request(&message.head, &lane.headers)?,
            body: message.body.clone(),
        })
    };
    let plan = || broker.plans.commands(&contract, &floor);
    match broker
        .put(&outgoing, deadline, queue.as_str(), &plan)
        .await?
    {
        Taken::Yes => Ok(Receipt::new(message.head.id, None)),
        Taken::NoRoute => Err(Error::new(
            ErrorKind::Unroutable,
            format!("queue {queue} goes away as soon as it is declared"),
        )),
    }
}

async fn command_floor(
    broker: &Broker,
    message: &Message,
    requirement: &Requirement,
    deadline: Instant,
) -> Result<Floor> {
    if let Some(floor) = broker.floors.get(requirement, &message.head.interaction) {
        return Ok(floor);
    }
    let using = requirement.clone().using(message.head.interaction.clone());
    let look = deadline.min(Instant::now() + LOOK);
    let mut agreed = None;
    let mut refused = None;
    let contract = &message.head.contract;
    let asked = ask_all(broker, contract, offer_question(), look, |answer| {
        match answer.map(|offer| negotiate(&using, &offer)) {
            Ok(Ok(agreement)) => agreed = Some(agreement.version),
            Ok(Err(no_match)) => refused = Some(no_match),
            Err(error) => tracing::debug!(%contract, %error, "a provider told no offer"),
        }
        agreed.is_some()
    })
    .await;
    if let Some(version) = agreed {
        let floor = floor_for(requirement, &version);
        broker
            .floors
            .keep(requirement, &message.head.interaction, &floor);
        return Ok(floor);
    }
    match refused {
        // A newer replica may come and find it.
        Some(no_match) if no_match.retry == Retry::Never => return Err(no_match.into()),
        _ => {}
    }
    if let Err(error) = asked
        && !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Overloaded)
    {
        return Err(error);
    }
    let floors = required(requirement);
    floors.into_iter().flatten().next().or_else(|| requirement.floor().map(Floor::of)).ok_or_else(|| {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "no provider of contract {:?} is there to say which versions {requirement} could mean: name a lower bound, such as ^1.2",
                message.head.contract.as_str()
            ),
        )
    })
}

/// Publishes an event on the track of its stamp.
///
/// # Errors
/// `Overloaded`, `Unavailable`.
pub(crate) async fn publish(broker: &Broker, message: Message) -> Result<Receipt> {
    let head = &message.head;
    let Some(stamp) = &head.stamp else {
        return Err(Error::new(
            ErrorKind::InvalidPayload,
            "an event states the version at which it is published",
        ));
    };
    let deadline = before(deadline(broker, head));
    let names = &broker.plans.names;
    let lane = broker.lanes.event(names, stamp, &head.interaction)?;
    let outgoing = || {
        Ok(Outgoing {
            exchange: lane.exchange.clone(),
            key: lane.key.clone(),
            properties: write_event(head, &lane.headers)?,
            body: message.body.clone(),
        })
    };
    let exchange = lane.exchange.as_str();
    let plan = || Ok(vec![broker.plans.event_exchange(&head.contract)?]);
    broker.publish(&outgoing, deadline, exchange, &plan).await?;
    Ok(Receipt::new(
        message.head.id.clone(),
        message.head.stamp.clone(),
    ))
}
