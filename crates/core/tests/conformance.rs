//! The conformance suite over the memory transport.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use polywire_core::memory::{Hub, MemoryChannel};
use polywire_core::{Channel, Result};
use polywire_testkit::{Ends, Factory, World, WorldOptions};

struct Memory;

#[async_trait]
impl Factory for Memory {
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let hub = Hub::new(options.bounds);
        let end = move || {
            let channel = MemoryChannel::new(hub.clone(), options.max_payload);
            std::future::ready(Ok(Arc::new(channel) as Arc<dyn Channel>))
        };
        Ends::meet(end.clone(), end).await
    }
}

fn main() -> ExitCode {
    polywire_testkit::main("memory", Memory)
}
