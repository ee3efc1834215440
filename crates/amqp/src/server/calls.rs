//! Calls: from the queue of their floor to the handler, and the answer back.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use lapin::types::ShortString;
use polywire_contract::{Name, Retry};
use polywire_core::{Dispatched, Error, ErrorKind, Kind, Reply, Result, Service, too_large};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::reply::reply;
use super::running::Running;
use crate::broker::Broker;
use crate::consume::{Source, Work};
use crate::publish::together;
use crate::topology::Floor;
use crate::wire::{Expected, Replies, Requirements, Stamps, read_head, write_problem, write_reply};

/// How long a reply may take when the call had no deadline.
const REPLY_LIMIT: Duration = Duration::from_secs(30);

/// What it takes to handle calls.
pub(super) struct Calls {
    broker: Arc<Broker>,
    service: Arc<Service>,
    ranges: Vec<String>,
    running: Arc<Running>,
    requirements: Requirements,
    stamps: Stamps,
    replies: Replies,
}

impl Calls {
    pub(super) fn new(
        broker: Arc<Broker>,
        service: Arc<Service>,
        floors: &[Floor],
        running: Arc<Running>,
    ) -> Arc<Self> {
        Arc::new(Self {
            broker,
            service,
            ranges: floors.iter().map(Floor::range_text).collect(),
            running,
            requirements: Requirements::default(),
            stamps: Stamps::default(),
            replies: Replies::default(),
        })
    }

    /// Handles one. The work is borrowed, as an `async fn` holds what it is given twice.
    async fn handle(&self, work: &mut Work) {
        let Work {
            delivery,
            acks,
            queue,
        } = work;
        let properties = &delivery.properties;
        let correlation = properties
            .correlation_id()
            .clone()
            .or_else(|| properties.message_id().clone());
        let reply_to = properties.reply_to().clone();
        let entry = self.running.enter(properties);
        let expected = Expected {
            kind: Kind::Operation,
            contract: self.service.name(),
            interaction: None,
            range: self.ranges.get(*queue).map(String::as_str),
        };
        let head = read_head(
            properties,
            &expected,
            &self.stamps,
            Some(&self.requirements),
        );
        let deadline = head.as_ref().ok().and_then(|head| head.deadline);
        let body = mem::take(&mut delivery.data);
        let redelivered = delivery.redelivered;
        let run = async {
            let admission = self.service.admit(head?)?;
            if redelivered && !admission.context().head().is_repeatable() {
                return Err(run_before());
            }
            if reply_to.is_none() {
                return Err(Error::new(
                    ErrorKind::InvalidPayload,
                    "property reply_to is missing",
                ));
            }
            admission.dispatch(body.into()).await
        };
        let result = tokio::select! {
            biased;
            result = run => Some(result),
            () = entry.given_up.cancelled() => None,
        };
        if let (Some(result), Some(to)) = (result, reply_to) {
            let answer = self.answer(result, correlation.unwrap_or_default());
            let deadline = deadline.unwrap_or_else(|| Instant::now() + REPLY_LIMIT);
            if self.running.are_several() {
                together().await;
            }
            reply(&self.broker, to, answer, deadline).await;
        }
        if let Err(error) = acks.ack(delivery.delivery_tag) {
            tracing::debug!(%error, "a call was handled on a connection that is lost");
        }
    }

    fn answer(
        &self,
        result: Result<Reply>,
        correlation: ShortString,
    ) -> (lapin::BasicProperties, bytes::Bytes) {
        let limit = self.broker.config.max_payload;
        let contract: &Name = self.service.name();
        let written = result.and_then(|reply| {
            if reply.body.len() > limit {
                return Err(too_large(reply.body.len(), limit).dispatched_as(Dispatched::Yes));
            }
            write_reply(&reply, correlation.clone(), &self.replies)
        });
        written.unwrap_or_else(|error| write_problem(&error, contract, correlation))
    }
}

/// The request was given to a replica before, whose connection was lost since.
fn run_before() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the replica that had the call is gone, and the operation is not idempotent; the handler may have run",
    )
    .retry_as(Retry::Later)
    .dispatched_as(Dispatched::Maybe)
}

pub(super) async fn pump(calls: Arc<Calls>, mut source: Source, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        let work = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            work = source.next() => work,
        };
        let Ok(mut work) = work else { break };
        let calls = calls.clone();
        tasks.spawn(async move { calls.handle(&mut work).await });
    }
    source.cancel().await;
    while let Some(mut work) = source.rest().await {
        let calls = calls.clone();
        tasks.spawn(async move { calls.handle(&mut work).await });
    }
    tasks.close();
    tasks.wait().await;
    source.flush().await;
}
