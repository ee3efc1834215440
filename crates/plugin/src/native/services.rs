//! What a host does for the plugins in it.

use polywire_core::Result;
use polywire_plugin_abi::Headers;
use polywire_plugin_abi::read::Contract;

use super::ended::Ended;
use super::outbound::Outside;

/// What a host does for the plugins in it. Every method may be called on any thread, also on one of a plugin, and a panic
/// in it is contained.
pub trait Services: Send + Sync + 'static {
    /// A line for the log.
    fn log(&self, plugin: &str, level: Level, message: &str);

    /// The channels that plugins call out through; `None` where there are none. Asked once for each library.
    fn outside(&self) -> Option<Outside> {
        None
    }

    /// A call of a plugin through one of the host's channels, on the calling thread, where there is nothing [outside](Self::outside).
    ///
    /// # Errors
    /// Told to the plugin as a problem document.
    fn invoke(&self, invocation: Invocation<'_>) -> Result<Vec<u8>>;

    /// An event of a plugin. When this returns, the host has taken responsibility for it.
    ///
    /// # Errors
    /// Told to the plugin as a problem document.
    fn publish(&self, event: Event<'_>) -> Result<()>;

    /// A generation has ended.
    fn ended(&self, ended: &Ended);
}

/// How much a line of a plugin's log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For whoever looks for a fault; any level that is not known.
    Debug,
}

/// A call of a plugin through one of the host's channels.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Invocation<'a> {
    /// Which plugin calls; empty while it starts.
    pub plugin: &'a str,
    /// The channel, by its configured name.
    pub channel: &'a str,
    /// The contract and the operation are `contract` and `method`, the others those of HTTP requests.
    pub headers: Headers<'a>,
    /// How much time there is; `None` without a limit.
    pub timeout: Option<std::time::Duration>,
    /// The payload.
    pub body: &'a [u8],
}

/// An event of a plugin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Which plugin publishes.
    pub plugin: &'a str,
    /// The contract version whose event it is.
    pub contract: &'a Contract,
    /// The event's name.
    pub event: &'a str,
    /// Its headers, named as in HTTP requests.
    pub headers: Headers<'a>,
    /// Its payload.
    pub body: &'a [u8],
}
