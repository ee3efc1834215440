//! The conformance suite over this transport.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use custom_transport::channel::LineChannel;
use polywire::{Channel, Result};
use polywire_testkit::{Ends, Facilities, Factory, World, WorldOptions};

struct Loopback;

#[async_trait]
impl Factory for Loopback {
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        // A port that was free a moment ago: consumers must know it before the provider listens.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| {
            polywire::Error::new(polywire::ErrorKind::Internal, error.to_string())
        })?;
        let end = move |listen, connect| {
            let channel = LineChannel::new(listen, connect, options.max_payload);
            std::future::ready(Ok(Arc::new(channel) as Arc<dyn Channel>))
        };
        Ends::meet(
            move || end(Some(address), None),
            move || end(None, Some(address)),
        )
        .await
    }

    fn facilities(&self) -> Facilities {
        Facilities {
            replicas: false,
            ..Facilities::default()
        }
    }
}

fn main() -> ExitCode {
    polywire_testkit::main("line", Loopback)
}
