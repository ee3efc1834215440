//! What messages go through, in both directions: the roster, and the queues of commands and events.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use polywire_contract::{Digest, Name, Requirement};
use polywire_core::{
    Caller, CommandRunner, Dispatched, Error, ErrorKind, Exchange, Head, Kind, Message, Reply,
    Result, Stamp, fields,
};
use tokio::sync::watch;

use super::roster::Roster;
use crate::native::{Ended, Event, Fate, Invocation, Level, Outside, Services};

/// What messages go through.
pub(super) struct Switch {
    pub(super) contract: Name,
    pub(super) roster: ArcSwap<Roster>,
    pub(super) exchange: Exchange,
    /// Counts what may let somebody through who waits: another roster, or another reason for having none.
    pub(super) changed: watch::Sender<u64>,
    /// How many old generations were unmapped, and how many stay.
    pub(super) unmapped: AtomicU64,
    pub(super) retired: AtomicU64,
}

impl Switch {
    /// Sends every later message by another roster.
    pub(super) fn turn(&self, roster: Roster) {
        self.roster.store(Arc::new(roster));
        self.tell();
    }

    /// Has everybody look again who waits.
    pub(super) fn tell(&self) {
        self.exchange.look_again();
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn event(&self, event: &Event<'_>) -> Result<Message> {
        let unnamed = |text: &str| {
            let text = format!(
                "plugin {} published {text:?}, which is no name",
                event.plugin
            );
            Error::new(ErrorKind::InvalidPayload, text)
        };
        let contract: Name = event
            .contract
            .name
            .parse()
            .map_err(|_| unnamed(&event.contract.name))?;
        let name: Name = event.event.parse().map_err(|_| unnamed(event.event))?;
        if contract != self.contract {
            let text = format!(
                "plugin {} published an event of {contract}, and was loaded for {}",
                event.plugin, self.contract
            );
            return Err(Error::new(ErrorKind::Unroutable, text));
        }
        let version = event.contract.version.version();
        let roster = self.roster.load();
        let stamp = match roster.offer().find(version) {
            Some(offered) => Stamp::of(offered, roster.offer()),
            // One that is being replaced, or not let in yet.
            None => {
                let mut offered = polywire_contract::Offered::new(version.clone());
                offered.digest = event.contract.fingerprint.map(Digest::from_bytes);
                Stamp::of(&offered, roster.offer())
            }
        };
        let mut head = Head::new(Kind::Event, contract, name);
        fields::read(event.headers, &mut head)?;
        head.stamp = Some(Arc::new(stamp));
        Ok(Message::new(head, Bytes::copy_from_slice(event.body)))
    }
}

/// Runs accepted commands by whichever release is let in.
pub(super) struct Runner(pub(super) Arc<Switch>);

#[async_trait]
impl CommandRunner for Runner {
    fn contract(&self) -> &Name {
        &self.0.contract
    }

    fn can_run(&self, requirement: &Requirement, command: &Name) -> bool {
        let route = self.0.roster.load().route(requirement, command);
        route.is_ok_and(|route| {
            let place = route.place.as_ref();
            place.is_some_and(|place| place.resident.check().is_ok())
        })
    }

    async fn run(&self, head: Box<Head>, body: Bytes, _: Option<Caller>) -> Result<Reply> {
        let requirement = head.requirement.as_ref().ok_or_else(unrequired)?;
        // It could be run when it was taken. What has changed since makes it wait again, and not be parked.
        let gone = || {
            let text = "what could run it is not loaded any more";
            Error::new(ErrorKind::Unavailable, text).dispatched_as(Dispatched::No)
        };
        let roster = self.0.roster.load_full();
        let route = roster
            .route(requirement, &head.interaction)
            .map_err(|_| gone())?;
        let place = route.place.as_ref().ok_or_else(gone)?;
        Ok(route.reply(place.call(&head, body).await?))
    }
}

/// The services of a host for the libraries in it.
#[derive(Debug)]
pub(super) struct HostServices {
    pub(super) switch: Arc<Switch>,
    pub(super) outside: Option<Outside>,
}

impl Services for HostServices {
    fn log(&self, plugin: &str, level: Level, message: &str) {
        match level {
            Level::Error => tracing::error!(target: "polywire::plugin", plugin, "{message}"),
            Level::Warn => tracing::warn!(target: "polywire::plugin", plugin, "{message}"),
            Level::Info => tracing::info!(target: "polywire::plugin", plugin, "{message}"),
            Level::Debug => tracing::debug!(target: "polywire::plugin", plugin, "{message}"),
        }
    }

    fn outside(&self) -> Option<Outside> {
        self.outside.clone()
    }

    fn invoke(&self, invocation: Invocation<'_>) -> Result<Vec<u8>> {
        let text = format!(
            "plugin {} calls through channel {:?}, and this host has no channels for plugins",
            invocation.plugin, invocation.channel
        );
        Err(Error::new(ErrorKind::Unavailable, text))
    }

    fn publish(&self, event: Event<'_>) -> Result<()> {
        let message = self.switch.event(&event)?;
        let mut work = pin!(self.switch.exchange.publish(message));
        // The thread may be one that drives others, so it does not wait for a group to catch up.
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(taken) => taken.map(drop),
            Poll::Pending => {
                let text = format!(
                    "a group of {}.{} is full: let it catch up, or raise queue_messages and queue_bytes",
                    event.contract.name, event.event
                );
                Err(Error::new(ErrorKind::Overloaded, text))
            }
        }
    }

    fn ended(&self, ended: &Ended) {
        let count = match ended.fate {
            Fate::Unmapped => &self.switch.unmapped,
            Fate::Retired(_) => &self.switch.retired,
        };
        count.fetch_add(1, Ordering::Relaxed);
        tracing::info!(plugin = ended.name, release = ended.release, fate = %ended.fate, "an old release has ended");
        self.switch.tell();
    }
}

pub(super) fn unrequired() -> Error {
    Error::new(
        ErrorKind::InvalidPayload,
        "no version required: state a range such as ^1.2",
    )
    .dispatched_as(Dispatched::No)
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("contract", &self.contract)
            .field("roster", &self.roster.load())
            .finish_non_exhaustive()
    }
}
