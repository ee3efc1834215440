//! What the tests against a real broker share.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test target uses its own part, and a test may panic"
)]

pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod stage;
pub(crate) mod suite;

use std::sync::Arc;
use std::time::Duration;

use polywire_amqp::{AmqpConfig, AmqpTransport, BrokerUrl};
use polywire_core::{Error, ErrorKind, Result};

/// The broker to test against.
///
/// # Errors
/// `Config`, saying how to get one: without a broker nothing here is tested, and that must be seen.
pub(crate) fn broker() -> Result<BrokerUrl> {
    match std::env::var("POLYWIRE_TEST_AMQP_URL") {
        Ok(url) => url.parse(),
        Err(_) => Err(Error::new(
            ErrorKind::Config,
            "POLYWIRE_TEST_AMQP_URL is not set: run `cargo xtask test`, which starts a broker, or set it to one's url",
        )),
    }
}

/// Settings that share nothing with any other test at the same broker.
pub(crate) fn config() -> Result<AmqpConfig> {
    let mut config = AmqpConfig::new(vec![broker()?]);
    config.namespace = Some(namespace());
    config.expire_unused = Some(Duration::from_secs(60));
    config.publish_timeout = Duration::from_secs(10);
    Ok(config)
}

/// A prefix that no other test has, today or tomorrow.
pub(crate) fn namespace() -> String {
    format!("t{}", polywire_core::MessageId::random())
}

/// A transport of its own connections.
pub(crate) fn transport(config: &AmqpConfig) -> Result<Arc<AmqpTransport>> {
    Ok(Arc::new(AmqpTransport::new(config.clone())?))
}
