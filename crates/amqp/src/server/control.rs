//! Questions about the offer, and notices that a call is given up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::Name;
use polywire_core::{Result, Service};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::reply::reply;
use super::running::Running;
use crate::broker::Broker;
use crate::client::{ASK, CANCEL, JOIN, RUNNING};
use crate::consume::{Gone, Plan, Source};
use crate::wire::{Requirements, read_question, read_subject, write_problem};

/// How long an answer may take to be sent.
const LIMIT: Duration = Duration::from_secs(5);
/// How many questions are taken at once.
const PREFETCH: usize = 64;

/// Attaches to a queue of our own, where all questions about a contract arrive.
pub(super) async fn source(
    broker: &Arc<Broker>,
    gone: &Arc<Gone>,
    contract: &Name,
) -> Result<Source> {
    let queue = broker.plans.names.own_queue("contracts.control")?;
    let plan = Plan {
        queue: queue.clone(),
        declare: {
            let (broker, contract) = (broker.clone(), contract.clone());
            Box::new(move || broker.plans.control(&contract, &queue))
        },
        exclusive: true,
    };
    let mut source = Source::new(broker.clone(), gone.clone(), vec![plan], PREFETCH);
    source.attach().await?;
    Ok(source)
}

/// What it takes to answer.
pub(super) struct Control {
    pub(super) broker: Arc<Broker>,
    pub(super) service: Arc<Service>,
    pub(super) running: Arc<Running>,
    pub(super) requirements: Requirements,
}

impl Control {
    async fn handle(&self, properties: &BasicProperties) {
        let correlation = properties.correlation_id().clone().unwrap_or_default();
        let answer = match properties.kind().as_ref().map(ShortString::as_str) {
            Some(ASK) => self.offer(correlation),
            Some(JOIN) => match self.admit(properties) {
                Ok(()) => self.offer(correlation),
                Err(error) => write_problem(&error, self.service.name(), correlation),
            },
            Some(RUNNING) => match read_subject(properties) {
                Some(call) if self.running.has(&call) => {
                    let answer = BasicProperties::default().with_type(RUNNING.into());
                    (answer.with_correlation_id(correlation), Bytes::new())
                }
                _ => return,
            },
            Some(CANCEL) => {
                if let Some(call) = read_subject(properties) {
                    self.running.give_up(&call);
                }
                return;
            }
            other => return tracing::debug!(?other, "an unknown question was ignored"),
        };
        if let Some(to) = properties.reply_to().clone() {
            reply(&self.broker, to, answer, Instant::now() + LIMIT).await;
        }
    }

    fn admit(&self, properties: &BasicProperties) -> Result<()> {
        let asked = read_question(properties, self.service.name(), &self.requirements)?;
        self.service.admit_subscription(&asked)
    }

    fn offer(&self, correlation: ShortString) -> (BasicProperties, Bytes) {
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_type(ASK.into())
            .with_correlation_id(correlation);
        // Offers have no other members than texts, so this cannot fail.
        let body = serde_json::to_vec(&**self.service.offer()).unwrap_or_default();
        (properties, body.into())
    }
}

pub(super) async fn pump(control: Control, mut source: Source, stop: CancellationToken) {
    loop {
        let work = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            work = source.next() => work,
        };
        let Ok(work) = work else { break };
        control.handle(&work.delivery.properties).await;
        if let Err(error) = work.acks.ack(work.delivery.delivery_tag) {
            tracing::debug!(%error, "a question comes again");
        }
    }
}
