//! The conformance suite over AMQP with classic queues, against the broker at `POLYWIRE_TEST_AMQP_URL`.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use polywire_amqp::QueueType;
use polywire_core::{Channel, Result};
use polywire_testkit::{Ends, Facilities, Factory, World, WorldOptions};

struct Amqp;

#[async_trait]
impl Factory for Amqp {
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let mut config = support::config()?;
        config.queue_type = QueueType::Classic;
        config.max_payload = options.max_payload;
        config.queue_messages = Some(options.bounds.max_messages);
        config.bounds = options.bounds;
        let end = move || {
            let transport = support::transport(&config);
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

fn main() -> ExitCode {
    polywire_testkit::main("amqp-classic", Amqp)
}
