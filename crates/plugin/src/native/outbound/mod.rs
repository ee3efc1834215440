//! What a plugin says to other services, through the channels of its host.

mod events;
mod request;
mod subscription;
mod table;
mod wait;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use polywire_core::{
    Directory, Dispatched, Error, ErrorKind, Kind, Listed, Receipt, Reply, Result, too_large,
};
use polywire_plugin_abi::read::CallView;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use request::{Request, request};
use subscription::Subscriptions;

pub(super) use events::subscriptions;
pub(super) use table::{invoke, table};

/// The channels that plugins call out through, and the runtime that drives them.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The channels by name.
    pub directory: Arc<dyn Directory>,
    /// Where what is said through them runs, while a thread of the plugin waits.
    pub runtime: Handle,
}

/// What one library says to other services.
pub(super) struct Outbound {
    outside: Outside,
    /// Ends everything that is under way.
    closing: CancellationToken,
    /// What is under way and may be given up.
    under_way: Mutex<HashMap<u64, CancellationToken>>,
    subscriptions: Subscriptions,
}

impl Outbound {
    pub(super) fn new(outside: Outside) -> Self {
        Self {
            outside,
            closing: CancellationToken::new(),
            under_way: Mutex::default(),
            subscriptions: Subscriptions::default(),
        }
    }

    /// Gives up everything that is under way, and takes nothing new.
    pub(super) fn close(&self) {
        self.closing.cancel();
        self.unsubscribe_all();
    }

    fn describe(&self, channel: &str) -> Result<Listed> {
        self.outside.directory.find(channel)
    }

    fn call(&self, channel: &str, call: &CallView<'_>) -> Result<Reply> {
        let Request {
            message,
            deadline,
            what,
            most,
            ..
        } = request(&*self.outside.directory, channel, Kind::Operation, call)?;
        let opened = self.opened(channel);
        let reply = self.wait(call.id, deadline, &what, async move {
            opened.await?.call(message).await
        })?;
        if reply.body.len() > most {
            let error = too_large(reply.body.len(), most);
            return Err(error.dispatched_as(Dispatched::Yes));
        }
        Ok(reply)
    }

    fn send(&self, channel: &str, command: &CallView<'_>) -> Result<Receipt> {
        let Request {
            message,
            deadline,
            what,
            ..
        } = request(&*self.outside.directory, channel, Kind::Command, command)?;
        let opened = self.opened(channel);
        self.wait(command.id, deadline, &what, async move {
            opened.await?.send(message).await
        })
    }

    fn opened(
        &self,
        channel: &str,
    ) -> impl Future<Output = Result<Arc<dyn polywire_core::Channel>>> + Send + 'static {
        let (directory, name) = (self.outside.directory.clone(), channel.to_owned());
        async move { directory.open(&name).await }
    }

    /// Gives something up that is under way.
    fn cancel(&self, id: u64) {
        if let Some(given_up) = self.under_way.lock().get(&id) {
            given_up.cancel();
        }
    }
}

impl Context {
    /// What it says to other services.
    ///
    /// # Errors
    /// `Unavailable` where its host has no channels; `Config` for a plugin that says it is short, as it may be called on a thread
    /// that others wait for.
    fn outbound(&self) -> Result<&Outbound> {
        let Some(outbound) = &self.outbound else {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "this host has no channels for plugins: it was not made from a configuration with channels",
            ));
        };
        match self.descriptor.get() {
            Some(descriptor) if descriptor.flags.is_short() => {
                let text = format!(
                    "plugin {} says that its calls are short, and who calls out waits: export it without short",
                    descriptor.name
                );
                Err(Error::new(ErrorKind::Config, text))
            }
            _ => Ok(outbound),
        }
    }

    /// Gives up what it says to other services, and takes nothing new of that.
    pub(in crate::native) fn close(&self) {
        if let Some(outbound) = &self.outbound {
            outbound.close();
        }
    }
}

/// The answer to a library whose instance ends.
fn ending() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the plugin ends and calls out no more: finish before it is quiesced",
    )
}
