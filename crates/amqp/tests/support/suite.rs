//! The worlds of the conformance suite: both ends with connections of their own.

use std::sync::Arc;

use async_trait::async_trait;
use polywire_amqp::QueueType;
use polywire_core::{Channel, Result};
use polywire_testkit::{Ends, Facilities, Factory, World, WorldOptions};

/// Makes worlds at the test broker.
pub(crate) struct Amqp(pub(crate) QueueType);

#[async_trait]
impl Factory for Amqp {
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let mut config = super::config()?;
        config.queue_type = self.0;
        config.max_payload = options.max_payload;
        config.queue_messages = Some(options.bounds.max_messages);
        config.bounds = options.bounds;
        let end = move || {
            let transport = super::transport(&config);
            std::future::ready(transport.map(|transport| transport.open() as Arc<dyn Channel>))
        };
        Ends::meet(end.clone(), end).await
    }

    fn facilities(&self) -> Facilities {
        Facilities {
            // By the queue of its floor.
            routed: true,
            ..Facilities::default()
        }
    }
}
