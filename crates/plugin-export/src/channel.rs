//! The provider's end of a plugin as a channel: its events go to the host.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use polywire_contract::{Name, Offer};
use polywire_core::{
    Capability, Channel, Deliveries, Error, ErrorKind, Health, Letters, Message, Receipt, Reply,
    Result, Service, Subscription, Support, Trust, fields, too_large, unsupported,
};
use polywire_plugin_abi::write_header;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use crate::described::Described;
use crate::host::{Host, no_event};

/// The largest payload of an event, in bytes.
const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

static CAPABILITY: Capability = Capability {
    trust: Trust::Trusted,
    call: Support::None,
    send: Support::None,
    publish: Support::Native,
    subscribe: Support::None,
    discover: false,
    ordered_by_key: false,
    resume: false,
    durable: false,
    max_payload: MAX_PAYLOAD,
};

/// What the host is towards one instance of the plugin.
pub(crate) struct HostChannel {
    host: Host,
    described: Arc<Described>,
    ended: AtomicBool,
}

impl HostChannel {
    pub(crate) fn new(host: Host, described: Arc<Described>) -> Self {
        Self {
            host,
            described,
            ended: AtomicBool::new(false),
        }
    }

    /// Takes no more events: the instance is gone.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

#[async_trait]
impl Channel for HostChannel {
    fn capability(&self) -> &Capability {
        &CAPABILITY
    }

    fn health(&self) -> Health {
        if self.has_ended() {
            Health::Closed
        } else {
            Health::Ready
        }
    }

    async fn discover(&self, _: &Name) -> Result<Offer> {
        Err(missing(
            "discovery",
            "the host knows what it has loaded, ask at its end",
        ))
    }

    async fn call(&self, _: Message) -> Result<Reply> {
        Err(missing(
            "request-reply",
            "call out through a client that Setup::connect gives",
        ))
    }

    async fn send(&self, _: Message) -> Result<Receipt> {
        Err(missing(
            "commands",
            "call out through a client that Setup::connect gives",
        ))
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        let Message { head, body } = message;
        if self.has_ended() {
            return Err(Error::new(ErrorKind::Closed, "the plugin has ended"));
        }
        if body.len() > MAX_PAYLOAD {
            return Err(too_large(body.len(), MAX_PAYLOAD));
        }
        let Some(stamp) = &head.stamp else {
            return Err(Error::new(
                ErrorKind::Unroutable,
                format!(
                    "event {} has no version: a publisher stamps it",
                    head.interaction
                ),
            ));
        };
        let (contract, version) = (Some(&head.contract), &stamp.version);
        let place = self.described.place(contract, version, &head.interaction);
        let place = place.ok_or_else(|| no_event(version, &head.interaction))?;
        let mut headers = Vec::new();
        fields::write(&head, |name, value| {
            write_header(&mut headers, name, value)
                .map_err(|error| Error::new(ErrorKind::TooLarge, error.to_string()))
        })?;
        let remaining = head.remaining();
        wait(|| self.host.deliver(place, &headers, &body, remaining))?;
        Ok(Receipt::new(head.id, head.stamp))
    }

    async fn subscribe(&self, _: Subscription) -> Result<Deliveries> {
        Err(missing(
            "subscription",
            "the host subscribes, at its own end",
        ))
    }

    async fn serve(&self, _: Arc<Service>) -> Result<()> {
        Err(missing(
            "serving",
            "export_plugin! serves what the exported function returns",
        ))
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        None
    }

    /// Nothing: the plugin ends when its host says so.
    async fn drain(&self) -> Result<()> {
        Ok(())
    }

    /// Nothing: the plugin ends when its host says so.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

impl fmt::Debug for HostChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostChannel")
            .field("ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}

/// Does something that waits, while the other tasks of a runtime with several threads go on.
fn wait<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}

fn missing(verb: &str, instead: &str) -> Error {
    unsupported("a plugin's own end", verb, instead)
}
