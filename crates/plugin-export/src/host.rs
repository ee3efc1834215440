//! The host, as the provider in a plugin sees it.

use std::mem::size_of;
use std::time::Duration;

use polywire_contract::{Name, Version};
use polywire_core::{Error, ErrorKind, Result};
use polywire_plugin_abi::read::{ChannelsTable, HostTable, SubscriptionsTable};
use polywire_plugin_abi::{raw, write_header};

use crate::collected::{Collected, refused};
use crate::described::{Place, described};

/// What the host does for its plugin. Cheap to clone, for any thread, until the plugin ends.
#[derive(Clone, Copy, Debug)]
pub struct Host(HostTable);

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For whoever looks for a fault.
    Debug,
}

/// The most that a host may answer with, in bytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

impl Host {
    pub(crate) fn new(table: HostTable) -> Self {
        Self(table)
    }

    /// The host's channels.
    ///
    /// # Errors
    /// `Unavailable` where it has none for plugins.
    pub(crate) fn channels(&self) -> Result<ChannelsTable> {
        self.0.channels().ok_or_else(|| {
            let text =
                "the host has no channels for plugins: upgrade the host, or have it configure them";
            Error::new(ErrorKind::Unavailable, text)
        })
    }

    /// The host's subscriptions, where it has them for plugins.
    pub(crate) fn subscriptions(&self) -> Option<SubscriptionsTable> {
        self.0.subscriptions()
    }

    pub(crate) fn cancelled(&self, call: u64) -> bool {
        self.0.cancelled(call)
    }

    /// Writes a line to the host's log.
    pub fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Error => raw::LOG_ERROR,
            Level::Warn => raw::LOG_WARN,
            Level::Info => raw::LOG_INFO,
            Level::Debug => raw::LOG_DEBUG,
        };
        self.0.log(level, message);
    }

    /// Publishes an event of a contract version that this plugin serves; returns when the host has taken it.
    ///
    /// The simple form: the event has no fields beside its body. With [`Setup::channel`](crate::Setup::channel) a generated
    /// publisher sends those as well.
    ///
    /// # Errors
    /// `Unroutable` for an event that the version does not have, `Unsupported` by a host that takes no events, what the
    /// host refused it with.
    pub fn publish(&self, version: &Version, event: &Name, body: &[u8]) -> Result<()> {
        let known = described().clone();
        let place = known.and_then(|known| known.place(None, version, event));
        let place = place.ok_or_else(|| no_event(version, event))?;
        self.deliver(place, &[], body, None)
    }

    /// Has the host take an event, on the calling thread.
    pub(crate) fn deliver(
        &self,
        place: Place,
        headers: &[u8],
        body: &[u8],
        timeout: Option<Duration>,
    ) -> Result<()> {
        let Some(events) = self.0.events() else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the host takes no events of plugins: upgrade the host",
            ));
        };
        let call = message(place, headers, body, timeout);
        let mut problem = Collected::new(MAX_ANSWER);
        let code = events.publish(&call, &problem.sink());
        answer(code, problem).map(drop)
    }

    /// Calls an operation of another contract through a channel of the host, on the calling thread; its reply as it came.
    ///
    /// The simple form, for a channel whose configuration says which versions it requires. A client that
    /// [`Setup::connect`](crate::Setup::connect) gives states its own, knows typed errors, and leaves its thread to others meanwhile.
    ///
    /// # Errors
    /// What the host or the far side refused it with; `Config` or `Unavailable` when there is no such channel; `Internal` for the
    /// application's own error.
    pub fn invoke(
        &self,
        channel: &str,
        contract: &Name,
        operation: &Name,
        body: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Vec<u8>> {
        let mut headers = Vec::new();
        for (name, value) in [("contract", contract), ("method", operation)] {
            write_header(&mut headers, name, value)
                .map_err(|error| Error::new(ErrorKind::TooLarge, error.to_string()))?;
        }
        let place = Place {
            contract: raw::BY_NAME,
            method: raw::BY_NAME,
        };
        let call = message(place, &headers, body, timeout);
        let mut out = Collected::new(MAX_ANSWER);
        let code = self.0.invoke(channel, &call, &out.sink());
        answer(code, out)
    }
}

/// The error for an event that is not among those of the plugin.
pub(crate) fn no_event(version: &Version, event: &Name) -> Error {
    let text = format!("version {version} of this plugin has no event {event}");
    Error::new(ErrorKind::Unroutable, text)
}

fn message(place: Place, headers: &[u8], body: &[u8], timeout: Option<Duration>) -> raw::Call {
    let timeout = timeout.map_or(0, |timeout| {
        u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).max(1)
    });
    raw::Call {
        size: u32::try_from(size_of::<raw::Call>()).unwrap_or(0),
        id: 0,
        timeout_ns: timeout,
        contract: place.contract,
        method: place.method,
        headers: raw::Slice::of(headers),
        body: raw::Slice::of(body),
    }
}

fn answer(code: i32, answer: Collected) -> Result<Vec<u8>> {
    let bytes = answer.into_bytes()?;
    match code {
        raw::OK => Ok(bytes),
        code => Err(refused(code, &bytes)),
    }
}
