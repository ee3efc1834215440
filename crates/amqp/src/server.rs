//! The provider's side: calls and commands admitted and dispatched, questions answered, until stopped.

mod calls;
mod commands;
mod control;
mod reply;
mod running;

use std::sync::Arc;

use polywire_contract::{Name, Status};
use polywire_core::{Kind, Result, Service};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::consume::{Gone, Plan, Source};
use crate::topology::{Floor, served};
use crate::wire::Requirements;

use running::Running;

/// How many calls beyond those that may run are taken, to be refused at once.
const RESERVE: usize = 16;

/// A service that can be reached. Stop it to finish what runs; dropping it takes nothing more.
pub(crate) struct Serving {
    service: Arc<Service>,
    stop: CancellationToken,
    pumps: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Attaches to the queues of a service, however long the broker takes to be there.
    ///
    /// # Errors
    /// What waiting cannot mend.
    pub(crate) async fn start(
        broker: Arc<Broker>,
        gone: Arc<Gone>,
        service: Arc<Service>,
    ) -> Result<Self> {
        let floors = floors(&service);
        let stop = CancellationToken::new();
        let running = Arc::new(Running::default());
        let mut pumps = Vec::new();
        if has(&service, Kind::Command) {
            let plans = plans(&broker, service.name(), &floors, Kind::Command)?;
            let workers = broker.config.bounds.command_workers;
            let mut source = Source::new(broker.clone(), gone.clone(), plans, workers);
            source.attach().await?;
            pumps.push(tokio::spawn(commands::pump(
                commands::Commands::new(broker.clone(), service.clone(), &floors)?,
                source,
                stop.clone(),
            )));
        }
        let control = control::source(&broker, &gone, service.name()).await?;
        if has(&service, Kind::Operation) {
            let plans = plans(&broker, service.name(), &floors, Kind::Operation)?;
            let prefetch = (service.limits().max_in_flight as usize).saturating_add(RESERVE);
            let mut source = Source::new(broker.clone(), gone, plans, prefetch);
            source.attach().await?;
            pumps.push(tokio::spawn(calls::pump(
                calls::Calls::new(broker.clone(), service.clone(), &floors, running.clone()),
                source,
                stop.clone(),
            )));
        }
        // Last: who gets an offer can be sure that the queues are there.
        let answering = control::Control {
            broker,
            service: service.clone(),
            running,
            requirements: Requirements::default(),
        };
        pumps.push(tokio::spawn(control::pump(
            answering,
            control,
            stop.clone(),
        )));
        Ok(Self {
            service,
            stop,
            pumps,
        })
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Takes nothing more and waits for what runs, replies and acks included.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        for pump in self.pumps.drain(..) {
            // A panic in it is logged by the runtime.
            let _ = pump.await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The pumps end by themselves: what the broker had sent already is handled, or goes back.
        self.stop.cancel();
    }
}

fn has(service: &Service, kind: Kind) -> bool {
    let mut interactions = service
        .contracts()
        .flat_map(|contract| contract.interactions());
    interactions.any(|interaction| Kind::from(interaction.kind) == kind)
}

fn floors(service: &Service) -> Vec<Floor> {
    let live = service
        .offer()
        .versions()
        .iter()
        .filter(|offered| offered.status != Status::Withdrawn);
    let mut floors: Vec<Floor> = Vec::new();
    for floor in live.flat_map(|offered| served(&offered.version)) {
        if !floors.contains(&floor) {
            floors.push(floor);
        }
    }
    floors
}

fn plans(broker: &Arc<Broker>, contract: &Name, floors: &[Floor], kind: Kind) -> Result<Vec<Plan>> {
    let names = &broker.plans.names;
    floors
        .iter()
        .map(|floor| {
            let (broker, contract, floor) = (broker.clone(), contract.clone(), floor.clone());
            let queue = match kind {
                Kind::Command => names.command_queue(&contract, &floor)?,
                Kind::Operation | Kind::Event => names.call_queue(&contract, &floor)?,
            };
            Ok(Plan {
                queue,
                declare: Box::new(move || match kind {
                    Kind::Command => broker.plans.commands(&contract, &floor),
                    Kind::Operation | Kind::Event => broker.plans.calls(&contract, &floor),
                }),
                exclusive: false,
            })
        })
        .collect()
}
