//! Joining a group: its queue, and the deliveries from it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use polywire_contract::{Name, Requirement, Track};
use polywire_core::{
    Deliveries, Delivery, ErrorKind, Head, Kind, Result, Shelf, Subscription, Verdict, too_large,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{JOIN, ask_all, copies};
use crate::broker::Broker;
use crate::consume::{Gone, Origin, Plan, Settler, Source, Taken, Work};
use crate::letters::group_name;
use crate::topology::{GroupName, delete};
use crate::wire::{Expected, Stamps, read_head, write_question};

/// How long a subscriber asks whether any provider offers what it wants; no answer is fine.
const LOOK: Duration = Duration::from_secs(1);

/// Joins.
///
/// # Errors
/// `NoMatch` when providers are there and none offers the event in a version required; what waiting cannot mend.
pub(crate) async fn subscribe(
    broker: Arc<Broker>,
    gone: Arc<Gone>,
    ending: CancellationToken,
    subscription: Subscription,
) -> Result<(Deliveries, Origin)> {
    let tracks = tracks_of(&subscription.requirement);
    let name = GroupName {
        contract: &subscription.contract,
        event: &subscription.event,
        group: subscription.group.as_ref(),
        tracks: &tracks,
    };
    let names = &broker.plans.names;
    let queue = names.group_queue(&name)?;
    let origin = Origin {
        queue: queue.clone(),
        dead: names.group_shelf(&name, Shelf::Dead)?,
        parked: names.group_shelf(&name, Shelf::Parked)?,
        group: group_name(subscription.group.as_ref()),
        commands: false,
    };
    let plan = Plan {
        queue: queue.clone(),
        declare: group_plan(broker.clone(), &subscription, tracks.clone(), queue.clone()),
        exclusive: false,
    };
    broker.consuming.live().await?;
    check(&broker, &subscription).await?;
    let mut source = Source::new(broker.clone(), gone, vec![plan], subscription.prefetch);
    tokio::select! {
        biased;
        attached = source.attach() => attached?,
        () = ending.cancelled() => return Err(crate::error::closed()),
    }
    let alone = subscription.group.is_none().then(|| Alone {
        broker: broker.clone(),
        queue,
    });
    let member = Member {
        source,
        settler: Arc::new(Settler {
            broker,
            origin: origin.clone(),
        }),
        contract: subscription.contract,
        event: subscription.event,
        stamps: Stamps::default(),
        requirement: subscription.requirement,
        tracks,
        ending,
        _alone: alone,
    };
    let deliveries = stream::unfold(member, |mut member| async move {
        let delivery = member.next().await?;
        Some((delivery, member))
    });
    Ok((Deliveries::new(deliveries), origin))
}

/// The tracks that a group is bound to, sorted; none stands for all.
pub(crate) fn tracks_of(requirement: &Requirement) -> Vec<Track> {
    let mut ranges = requirement.ranges().iter();
    if ranges.any(|range| range.track().is_none()) {
        return Vec::new();
    }
    let mut tracks = requirement.tracks();
    tracks.sort();
    tracks
}

type Declare = Box<dyn Fn() -> Result<Vec<crate::topology::Declaration>> + Send + Sync>;

fn group_plan(
    broker: Arc<Broker>,
    subscription: &Subscription,
    tracks: Vec<Track>,
    queue: lapin::types::ShortString,
) -> Declare {
    let (contract, event, group) = (
        subscription.contract.clone(),
        subscription.event.clone(),
        subscription.group.clone(),
    );
    Box::new(move || {
        let name = GroupName {
            contract: &contract,
            event: &event,
            group: group.as_ref(),
            tracks: &tracks,
        };
        broker.plans.group(&name, &queue)
    })
}

/// Whether any provider that is there lets the subscriber in; one is enough, during a deployment the others follow.
async fn check(broker: &Broker, subscription: &Subscription) -> Result<()> {
    let mut refused = None;
    let mut joined = false;
    let asked = ask_all(
        broker,
        &subscription.contract,
        write_question(subscription)?.with_type(JOIN.into()),
        Instant::now() + LOOK,
        |answer| {
            match answer {
                Ok(_) => joined = true,
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::debug!(contract = %subscription.contract, %error, "a provider admits nobody");
                }
                Err(error) => refused = Some(error),
            }
            joined
        },
    )
    .await;
    match (asked, refused) {
        _ if joined => Ok(()),
        (_, Some(refused)) => Err(refused),
        (Err(error), None)
            if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Overloaded) =>
        {
            tracing::debug!(contract = %subscription.contract, %error, "subscribed before any provider is there");
            Ok(())
        }
        (asked, None) => asked,
    }
}

/// The queue of a group of one, which goes with its member.
struct Alone {
    broker: Arc<Broker>,
    queue: lapin::types::ShortString,
}

impl Drop for Alone {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (broker, queue) = (self.broker.clone(), self.queue.clone());
        runtime.spawn(async move {
            if let crate::connection::State::Up(live) = broker.consuming.state() {
                delete(&live, queue).await;
            }
        });
    }
}

struct Member {
    source: Source,
    settler: Arc<Settler>,
    contract: Name,
    event: Name,
    stamps: Stamps,
    requirement: Requirement,
    /// Those of the requirement; none stands for all.
    tracks: Vec<Track>,
    /// The channel drains or is closed.
    ending: CancellationToken,
    // Last, so that the source lets go of the queue first.
    _alone: Option<Alone>,
}

impl Member {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            let work = tokio::select! {
                biased;
                () = self.ending.cancelled() => return None,
                work = self.source.next() => work.ok()?,
            };
            let (taken, found) = self.read(work);
            match found {
                Ok(head) if copies::is_other(&head, &self.requirement, &self.tracks) => {
                    if let Err(error) = taken.acks.ack(taken.tag) {
                        tracing::debug!(%error, "the copy of another track comes again");
                    }
                }
                Ok(head) => {
                    let body = taken.body.clone();
                    return Some(Delivery::new(head, body, Box::new(taken)));
                }
                Err(error) => {
                    let reason = format!("it cannot be read: {}", error.message());
                    tokio::spawn(async move {
                        if let Err(error) = taken.carry_out(Verdict::Reject { reason }).await {
                            tracing::warn!(%error, "an unreadable event could not be dead-lettered; it comes again");
                        }
                    });
                }
            }
        }
    }

    fn read(&self, work: Work) -> (Taken, Result<Head>) {
        let delivery = work.delivery;
        let taken = Taken {
            settler: self.settler.clone(),
            acks: work.acks,
            tag: delivery.delivery_tag,
            redelivered: delivery.redelivered,
            properties: delivery.properties,
            body: delivery.data.into(),
        };
        let limit = self.settler.broker.config.max_payload;
        if taken.body.len() > limit {
            let error = too_large(taken.body.len(), limit);
            return (taken, Err(error));
        }
        let expected = Expected {
            kind: Kind::Event,
            contract: &self.contract,
            interaction: Some(&self.event),
            range: None,
        };
        let head = read_head(&taken.properties, &expected, &self.stamps, None).map(|mut head| {
            if !self.settler.broker.plans.counts_returns() {
                // The broker only says that it came back at least once.
                head.attempt = head.attempt.saturating_add(taken.redelivered.into());
            }
            head
        });
        (taken, head)
    }
}
