//! A transport of one's own: calls over plain TCP on one machine.
//!
//! [`LineFactory`] reads `[transport.line]`, [`channel`] is both ends of the link, and the private module `wire` is what
//! goes over it. Nothing here negotiates, authenticates or checks deadlines: sessions and services do that for every
//! transport. `tests/conformance.rs` shows that it does what it claims, and refuses what it does not.

pub mod channel;
mod provider;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use polywire::config::Section;
use polywire::core::Environment;
use polywire::{Capability, Channel, Result, Support, Transport, TransportFactory, Trust};

use channel::LineChannel;

/// Makes the transport from its table: `listen` for a provider, `connect` for consumers, and `max_payload`.
#[derive(Clone, Copy, Debug)]
pub struct LineFactory;

/// The transport, as configured. Each of its providers needs a table, because it has one listener.
#[derive(Clone, Debug)]
pub struct Line {
    listen: Option<SocketAddr>,
    connect: Option<SocketAddr>,
    max_payload: usize,
}

impl TransportFactory for LineFactory {
    fn name(&self) -> &'static str {
        "line"
    }

    fn summary(&self) -> &'static str {
        "calls over plain TCP on one machine, a line of JSON and the payload each way"
    }

    fn build(&self, section: &Section, _: &Environment) -> Option<Arc<dyn Transport>> {
        let address = |key: &str| {
            let address = section.address(key)?;
            if !address.ip().is_loopback() {
                section.mistake(key, format!("{address} is not on this machine, and nothing here is encrypted: use 127.0.0.1"));
            }
            Some(address)
        };
        let (listen, connect) = (address("listen"), address("connect"));
        let max_payload = section.size("max_payload", 1..=1 << 30).unwrap_or(1 << 20);
        section.finish();
        let max_payload = usize::try_from(max_payload).ok()?;
        Some(Arc::new(Line {
            listen,
            connect,
            max_payload,
        }))
    }
}

#[async_trait]
impl Transport for Line {
    fn capability(&self) -> Capability {
        capability(self.max_payload)
    }

    async fn channel(&self, _: &str) -> Result<Arc<dyn Channel>> {
        Ok(Arc::new(LineChannel::new(
            self.listen,
            self.connect,
            self.max_payload,
        )))
    }

    async fn drain(&self) -> Result<()> {
        // Its channels share nothing.
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// Calls, and nothing else: what is not claimed is refused, and the suite checks both.
const fn capability(max_payload: usize) -> Capability {
    Capability {
        trust: Trust::Trusted,
        call: Support::Native,
        send: Support::None,
        publish: Support::None,
        subscribe: Support::None,
        discover: false,
        ordered_by_key: false,
        resume: false,
        durable: false,
        max_payload,
    }
}
