//! Where a broker's node is: an AMQP 0-9-1 URI.

use std::fmt;
use std::str::FromStr;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use polywire_core::config::redact_url_passwords;
use polywire_core::{Error, ErrorKind};

/// The URI of a broker's node (RabbitMQ's URI specification): `amqp://user:password@host:port/vhost?heartbeat=10`.
///
/// `amqps` is TLS. The vhost is percent-encoded, `%2f` for `/`, which no path stands for too. Parameters: `heartbeat`,
/// `frame_max`, `channel_max`, `auth_mechanism=plain|external`. Never printed with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    uri: AMQPUri,
    shown: String,
}

impl BrokerUrl {
    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    pub(crate) const fn uri(&self) -> &AMQPUri {
        &self.uri
    }
}

impl FromStr for BrokerUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let shown = redact_url_passwords(text).into_owned();
        let wrong = |why: String| {
            Error::new(
                ErrorKind::Config,
                format!(
                    "{shown:?} is no broker url: {why}; write amqp://user:password@host:5672/%2f"
                ),
            )
        };
        let mut uri: AMQPUri = text
            .parse()
            .map_err(|why: String| wrong(redact_url_passwords(&why).into_owned()))?;
        // The parser takes an address in brackets for no host at all, and that for localhost.
        let host = text
            .split_once("://")
            .map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default())
            .map(|authority| authority.rsplit('@').next().unwrap_or_default())
            .unwrap_or_default();
        if host.is_empty() {
            return Err(wrong("it has no host".to_owned()));
        }
        if let Some(address) = host
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            uri.authority.host = address.to_owned();
        }
        match uri.query.auth_mechanism {
            None | Some(SASLMechanism::Plain) => {}
            Some(SASLMechanism::External) if uri.scheme == AMQPScheme::AMQPS => {}
            Some(SASLMechanism::External) => {
                return Err(wrong(
                    "auth_mechanism=external needs a client certificate, and so amqps".to_owned(),
                ));
            }
            Some(other) => {
                return Err(wrong(format!(
                    "auth_mechanism={other} is not spoken: plain and external are"
                )));
            }
        }
        Ok(Self { uri, shown })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BrokerUrl").field(&self.shown).finish()
    }
}
