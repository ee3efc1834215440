//! The HTTP transport of Polywire.

mod body;
mod channel;
mod client;
mod config;
mod error;
mod extension;
mod router;
mod server;
mod tls;
mod transport;
mod url;
mod wire;

pub use channel::HttpChannel;
pub use config::{HttpConfig, Protocol};
pub use extension::Extension;
pub use tls::TlsConfig;
pub use transport::{HttpFactory, HttpTransport};
pub use url::BaseUrl;
pub use wire::lifetime_headers;
pub use wire::{bearer, token};
