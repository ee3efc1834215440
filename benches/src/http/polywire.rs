//! A typed call of Polywire over HTTP: stamped, negotiated and traced, with every default.

use std::error::Error;
use std::sync::Arc;

use polywire_core::{CallError, Channel, NoError, Service, Session, Transport};
use polywire_http::{HttpConfig, HttpTransport, Protocol};

use super::load::Call;
use crate::contract::{Orders, QUOTE, contract, session};
use crate::payload::{Order, Quote};

/// A provider that serves while it is held.
#[derive(Debug)]
pub struct Provider {
    /// Where it listens.
    pub address: String,
    _channel: Arc<dyn Channel>,
    _transport: HttpTransport,
}

/// Serves on a free port of loopback.
///
/// # Errors
/// When it cannot listen.
pub async fn serve() -> Result<Provider, Box<dyn Error>> {
    let config = HttpConfig {
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..HttpConfig::default()
    };
    let transport = HttpTransport::new(config, false)?;
    let channel = transport.channel("orders").await?;
    let service = Service::new(Orders::new(contract()?))?;
    channel.serve(Arc::new(service)).await?;
    let address = transport.local_address().await.ok_or("no listener")?;
    Ok(Provider {
        address: address.to_string(),
        _channel: channel,
        _transport: transport,
    })
}

/// The client.
#[derive(Clone, Debug)]
pub struct Client {
    session: Session,
}

impl Client {
    /// A client of the server at an address.
    ///
    /// # Errors
    /// When the address makes no URL.
    pub async fn new(address: &str, protocol: Protocol) -> Result<Self, Box<dyn Error>> {
        let config = HttpConfig {
            urls: vec![format!("http://{address}").parse()?],
            protocol,
            ..HttpConfig::default()
        };
        let channel = HttpTransport::new(config, false)?.channel("orders").await?;
        Ok(Self {
            session: session(channel, contract()?)?,
        })
    }
}

impl Call for Client {
    type Error = CallError<NoError>;

    async fn call(&self, order: Order) -> Result<Quote, CallError<NoError>> {
        self.session.request(QUOTE, &order).await
    }
}
