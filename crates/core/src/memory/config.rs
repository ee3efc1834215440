//! `[transport.memory]`: every key has a default.

use std::sync::Arc;

use async_trait::async_trait;

use super::channel::MemoryChannel;
use super::hub::Hub;
use crate::capability::Capability;
use crate::channel::Channel;
use crate::config::Section;
use crate::error::Result;
use crate::exchange::Bounds;
use crate::registry::{Environment, Transport, TransportFactory};

/// The memory transport's settings.
#[derive(Clone, Debug)]
pub struct MemoryConfig {
    /// The hub where ends meet; ends in one process that name the same hub find each other.
    pub hub: String,
    /// The largest payload, in bytes.
    pub max_payload: usize,
    /// The bounds of queues, retries and shelves.
    pub bounds: Bounds,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            hub: "default".to_owned(),
            max_payload: 2 * 1024 * 1024,
            bounds: Bounds::default(),
        }
    }
}

impl MemoryConfig {
    /// Reads a section; what is wrong is noted there.
    #[must_use]
    pub fn read(section: &Section) -> Self {
        let default = Self::default();
        let bytes = |key: &str, default: usize| {
            section
                .size(key, 1..=1 << 40)
                .map_or(default, |size| usize::try_from(size).unwrap_or(usize::MAX))
        };
        let max_payload = bytes("max_payload", default.max_payload);
        let bounds = Bounds::read(section, &default.bounds);
        Self {
            hub: section.string("hub").unwrap_or(default.hub),
            max_payload,
            bounds,
        }
    }
}

/// Makes memory transports.
#[derive(Clone, Copy, Debug)]
pub struct MemoryFactory;

impl TransportFactory for MemoryFactory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn summary(&self) -> &'static str {
        "provider and consumer in one process"
    }

    fn build(&self, section: &Section, _: &Environment) -> Option<Arc<dyn Transport>> {
        let config = MemoryConfig::read(section);
        let hub = Hub::named(&config.hub, config.bounds);
        Some(Arc::new(Memory {
            hub,
            max_payload: config.max_payload,
        }))
    }
}

#[derive(Debug)]
struct Memory {
    hub: Arc<Hub>,
    max_payload: usize,
}

#[async_trait]
impl Transport for Memory {
    fn capability(&self) -> Capability {
        MemoryChannel::capability_of(self.max_payload)
    }

    async fn channel(&self, _: &str) -> Result<Arc<dyn Channel>> {
        Ok(Arc::new(MemoryChannel::new(
            self.hub.clone(),
            self.max_payload,
        )))
    }

    async fn drain(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
