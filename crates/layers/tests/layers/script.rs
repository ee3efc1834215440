//! A channel that answers as it was told, and remembers what it was asked and when.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use polywire_core::contract::{Name, Offer, Status, Version};
use polywire_core::{
    Capability, Channel, Deliveries, Error, ErrorKind, Head, Health, Kind, Letters, Message,
    Outcome, Receipt, Reply, Result, Service, Stamp, Subscription, Support, Trust,
};
use tokio::time::Instant;

pub(crate) const ORDERS: Name = Name::from_static("orders");
const QUOTE: Name = Name::from_static("quote");

/// What the channel does with the next message.
#[derive(Debug)]
pub(crate) enum Step {
    Answer,
    Fail(Error),
    /// The handler answered with its typed error, which may go better later.
    FailTyped,
    Hang,
}

#[derive(Debug)]
pub(crate) struct Script {
    steps: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<(Head, Instant)>>,
    passed: Mutex<Vec<&'static str>>,
    capability: Capability,
}

impl Script {
    /// Beyond its last step the channel answers.
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self {
            steps: Mutex::new(steps.into_iter().collect()),
            seen: Mutex::default(),
            passed: Mutex::default(),
            capability: Capability {
                trust: Trust::Trusted,
                call: Support::Native,
                send: Support::Native,
                publish: Support::Native,
                subscribe: Support::None,
                discover: true,
                ordered_by_key: false,
                resume: false,
                durable: false,
                max_payload: 4711,
            },
        })
    }

    pub(crate) fn attempts(&self) -> Vec<u32> {
        self.seen
            .lock()
            .iter()
            .map(|(head, _)| head.attempt)
            .collect()
    }

    pub(crate) fn heads(&self) -> Vec<Head> {
        self.seen
            .lock()
            .iter()
            .map(|(head, _)| head.clone())
            .collect()
    }

    /// The pauses between the messages seen.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.seen
            .lock()
            .windows(2)
            .map(|pair| pair[1].1 - pair[0].1)
            .collect()
    }

    pub(crate) fn passed(&self) -> Vec<&'static str> {
        self.passed.lock().clone()
    }

    async fn play(&self, message: Message) -> Result<Reply> {
        self.seen.lock().push((*message.head, Instant::now()));
        let step = self.steps.lock().pop_front().unwrap_or(Step::Answer);
        let outcome = match step {
            Step::Answer => Outcome::Done,
            Step::Fail(error) => return Err(error),
            Step::FailTyped => Outcome::Failed {
                code: QUOTE,
                retryable: true,
            },
            Step::Hang => std::future::pending().await,
        };
        Ok(Reply {
            stamp: stamp(),
            outcome,
            body: message.body,
        })
    }

    fn pass(&self, verb: &'static str) {
        self.passed.lock().push(verb);
    }
}

fn stamp() -> Arc<Stamp> {
    Arc::new(Stamp {
        contract: ORDERS,
        version: Version::new(1, 4, 0),
        digest: None,
        status: Status::Current,
        since: None,
        sunset: None,
        link: None,
        offered: Arc::from([Version::new(1, 4, 0)]),
        instance: None,
    })
}

pub(crate) fn message(kind: Kind) -> Message {
    Message::new(Head::new(kind, ORDERS, QUOTE), Bytes::from_static(b"{}"))
}

#[async_trait]
impl Channel for Script {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        Health::Degraded("as scripted".to_owned())
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        Ok(Offer::parse_header(contract.clone(), "1.4.0")
            .unwrap()
            .with_instance("scripted"))
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        self.play(message).await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        let id = message.head.id.clone();
        self.play(message)
            .await
            .map(|reply| Receipt::new(id, Some(reply.stamp)))
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        self.send(message).await
    }

    async fn subscribe(&self, _: Subscription) -> Result<Deliveries> {
        self.pass("subscribe");
        Err(Error::new(
            ErrorKind::Unsupported,
            "scripted has no subscribe: call it",
        ))
    }

    async fn serve(&self, _: Arc<Service>) -> Result<()> {
        self.pass("serve");
        Ok(())
    }

    async fn address(&self) -> Option<String> {
        Some("scripted".to_owned())
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        self.pass("letters");
        None
    }

    async fn drain(&self) -> Result<()> {
        self.pass("drain");
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.pass("close");
        Ok(())
    }
}
