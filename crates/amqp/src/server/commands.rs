//! Commands: from the queue of their floor to the handler, until done, set aside, or left to a newer replica.

use std::sync::Arc;

use polywire_contract::Retry;
use polywire_core::{Error, ErrorKind, Kind, Result, Service, Shelf, Verdict, too_large};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker::Broker;
use crate::consume::{Origin, Settler, Source, Taken, Work};
use crate::topology::Floor;
use crate::wire::{Expected, Requirements, Stamps, read_head};

/// What it takes to run commands.
pub(super) struct Commands {
    broker: Arc<Broker>,
    service: Arc<Service>,
    ranges: Vec<String>,
    settlers: Vec<Arc<Settler>>,
    requirements: Requirements,
    stamps: Stamps,
}

/// What becomes of a command.
enum Fate {
    Verdict(Verdict),
    /// A newer replica can run it.
    Skip,
}

impl Commands {
    pub(super) fn new(
        broker: Arc<Broker>,
        service: Arc<Service>,
        floors: &[Floor],
    ) -> Result<Arc<Self>> {
        let names = &broker.plans.names;
        let contract = service.name();
        let mut settlers = Vec::with_capacity(floors.len());
        for floor in floors {
            settlers.push(Arc::new(Settler {
                broker: broker.clone(),
                origin: Origin {
                    queue: names.command_queue(contract, floor)?,
                    dead: names.command_shelf(contract, Shelf::Dead)?,
                    parked: names.command_shelf(contract, Shelf::Parked)?,
                    group: "commands".to_owned(),
                    commands: true,
                },
            }));
        }
        Ok(Arc::new(Self {
            ranges: floors.iter().map(Floor::range_text).collect(),
            broker,
            service,
            settlers,
            requirements: Requirements::default(),
            stamps: Stamps::default(),
        }))
    }

    async fn run(&self, work: Work) {
        let Some(settler) = self.settlers.get(work.queue) else {
            return;
        };
        let delivery = work.delivery;
        let taken = Taken {
            settler: settler.clone(),
            acks: work.acks,
            tag: delivery.delivery_tag,
            redelivered: delivery.redelivered,
            properties: delivery.properties,
            body: delivery.data.into(),
        };
        let fate = self.fate(&taken, work.queue).await;
        let id = taken.properties.message_id().clone();
        let done = match fate {
            Fate::Verdict(verdict) => taken.carry_out(verdict).await,
            Fate::Skip => taken.skip().await,
        };
        if let Err(error) = done {
            tracing::warn!(?id, %error, "a command could not be settled; it will run again");
        }
    }

    async fn fate(&self, taken: &Taken, queue: usize) -> Fate {
        let expected = Expected {
            kind: Kind::Command,
            contract: self.service.name(),
            interaction: None,
            range: self.ranges.get(queue).map(String::as_str),
        };
        let run = async {
            let limit = self.broker.config.max_payload;
            if taken.body.len() > limit {
                return Err(too_large(taken.body.len(), limit));
            }
            let head = read_head(
                &taken.properties,
                &expected,
                &self.stamps,
                Some(&self.requirements),
            )?;
            self.service
                .admit_accepted(head, None)?
                .dispatch_accepted(taken.body.clone())
                .await
        };
        match run.await {
            Err(error) if is_for_newer(&error) => Fate::Skip,
            result => Fate::Verdict(Verdict::of_command(result)),
        }
    }
}

/// Whether a newer replica can run a command that failed so.
fn is_for_newer(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NoMatch | ErrorKind::Integrity)
        && error.retry() == Retry::OtherReplica
}

pub(super) async fn pump(commands: Arc<Commands>, mut source: Source, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(
        commands.broker.config.bounds.command_workers.max(1),
    ));
    loop {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let work = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            work = source.next() => work,
        };
        let (Ok(place), Ok(work)) = (place, work) else {
            break;
        };
        let commands = commands.clone();
        tasks.spawn(async move {
            commands.run(work).await;
            drop(place);
        });
    }
    source.cancel().await;
    while let Some(work) = source.rest().await {
        // Sent to us and not begun: another replica may have it at once.
        work.acks.give_back(work.delivery.delivery_tag);
    }
    tasks.close();
    tasks.wait().await;
    source.flush().await;
}
