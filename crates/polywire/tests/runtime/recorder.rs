//! A transport that a program registers itself: it remembers heads and fails as often as its table says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use polywire::config::{Environment as Variables, Section};
use polywire::contract::{Name, Offer};
use polywire::core::{Environment, Message, Outcome, Reply, Subscription, unsupported};
use polywire::prelude::*;
use polywire::{
    Capability, Channel, Deliveries, Dispatched, Health, Letters, Receipt, Result, Service,
    Support, Transport, TransportFactory, Trust,
};
use tokio::sync::Mutex;

/// What the channels of all its transports saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
}

/// A call as it reached the transport.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) channel: String,
    pub(crate) attempt: u32,
    pub(crate) remaining: Duration,
    pub(crate) token: Option<String>,
    pub(crate) environment: Environment,
}

impl TransportFactory for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn summary(&self) -> &'static str {
        "remembers what it was asked"
    }

    fn build(&self, section: &Section, environment: &Environment) -> Option<Arc<dyn Transport>> {
        let fails = section.require("fails", section.integer("fails", 0..=100));
        section.finish();
        Some(Arc::new(Recording {
            recorder: self.clone(),
            fails: fails?,
            environment: environment.clone(),
        }))
    }
}

impl Recorder {
    /// A runtime that knows this transport besides those of the build.
    pub(crate) fn wire(&self, text: &str) -> Result<Polywire> {
        Polywire::builder()
            .config_text("polywire.toml", text)
            .environment(Variables::new())
            .transport(self.clone())?
            .build()
    }

    pub(crate) async fn seen(&self) -> Vec<Seen> {
        self.seen.lock().await.clone()
    }
}

#[derive(Debug)]
struct Recording {
    recorder: Recorder,
    fails: u32,
    environment: Environment,
}

#[async_trait]
impl Transport for Recording {
    fn capability(&self) -> Capability {
        Capability {
            trust: Trust::Untrusted,
            call: Support::Native,
            send: Support::None,
            publish: Support::None,
            subscribe: Support::None,
            discover: false,
            ordered_by_key: false,
            resume: false,
            durable: false,
            max_payload: 1024,
        }
    }

    async fn channel(&self, name: &str) -> Result<Arc<dyn Channel>> {
        Ok(Arc::new(Recorded {
            name: name.to_owned(),
            capability: self.capability(),
            recorder: self.recorder.clone(),
            environment: self.environment.clone(),
            left: AtomicU32::new(self.fails),
        }))
    }

    async fn drain(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct Recorded {
    name: String,
    capability: Capability,
    recorder: Recorder,
    environment: Environment,
    left: AtomicU32,
}

#[async_trait]
impl Channel for Recorded {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    async fn discover(&self, _: &Name) -> Result<Offer> {
        Err(unsupported("recorder", "discover", "call instead"))
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        let head = &message.head;
        self.recorder.seen.lock().await.push(Seen {
            channel: self.name.clone(),
            attempt: head.attempt,
            remaining: head.remaining().unwrap_or_default(),
            token: head.token.as_ref().map(|token| token.expose().to_owned()),
            environment: self.environment.clone(),
        });
        if self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok()
        {
            return Err(Error::new(ErrorKind::Unavailable, "not yet").dispatched_as(Dispatched::No));
        }
        let stamp = polywire::Stamp {
            contract: head.contract.clone(),
            version: polywire::Version::new(1, 4, 0),
            digest: None,
            status: polywire::contract::Status::Current,
            since: None,
            sunset: None,
            link: None,
            offered: Arc::from([polywire::Version::new(1, 4, 0)]),
            instance: None,
        };
        Ok(Reply {
            stamp: Arc::new(stamp),
            outcome: Outcome::Done,
            body: message.body,
        })
    }

    async fn send(&self, _: Message) -> Result<Receipt> {
        Err(unsupported("recorder", "send", "call instead"))
    }

    async fn publish(&self, _: Message) -> Result<Receipt> {
        Err(unsupported("recorder", "publish", "call instead"))
    }

    async fn subscribe(&self, _: Subscription) -> Result<Deliveries> {
        Err(unsupported("recorder", "subscribe", "call instead"))
    }

    async fn serve(&self, _: Arc<Service>) -> Result<()> {
        Err(unsupported("recorder", "serve", "call instead"))
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        None
    }

    async fn drain(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
