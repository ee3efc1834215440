//! One attempt to connect to one node, within a bound.

use std::net::TcpStream;
use std::sync::Arc;

use lapin::tcp::AsyncTcpStream;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use parking_lot::Mutex;
use polywire_contract::Retry;
use polywire_core::{Dispatched, Error, ErrorKind};
use tokio::time::timeout;

use crate::config::{AmqpConfig, BrokerUrl, Identity};
use crate::error::{plain, refusal};

/// Why an attempt failed.
pub(super) enum Failure {
    /// Trying again soon makes sense.
    Unreachable(Error),
    /// Somebody has to change something first.
    Refused(Error),
}

/// The socket under a connection: the one means to end the thread of a connection that does not answer.
#[derive(Clone, Default)]
pub(super) struct Socket(Arc<Mutex<Option<TcpStream>>>);

impl Socket {
    pub(super) fn shut(&self) {
        if let Some(socket) = self.0.lock().take() {
            // It may be gone already, which is what is wanted.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

pub(super) async fn connect(
    role: &str,
    config: &AmqpConfig,
    identity: &Identity,
    url: &BrokerUrl,
) -> Result<(Connection, Socket), Failure> {
    let mut uri = url.uri().clone();
    let heartbeat = u16::try_from(config.heartbeat.as_secs().max(1)).unwrap_or(u16::MAX);
    uri.query.heartbeat.get_or_insert(heartbeat);
    let properties = ConnectionProperties::default()
        .with_connection_name(format!("{} ({role})", config.connection_name).into());
    let runtime =
        lapin::runtime::default_runtime().map_err(|error| unreachable(url, &plain(&error)))?;
    let socket = Socket::default();
    let (kept, tls) = (socket.clone(), identity.clone());
    let connecting = Connection::connector(
        uri,
        runtime,
        async move |uri: AMQPUri, runtime| {
            let host = uri.authority.host.clone();
            let mut last =
                std::io::Error::new(std::io::ErrorKind::NotFound, "the host has no address");
            for address in tokio::net::lookup_host((host.as_str(), uri.authority.port)).await? {
                match AsyncTcpStream::connect(&runtime, address).await {
                    Ok(stream) => {
                        #[cfg(unix)]
                        if let AsyncTcpStream::Plain(plain) = &stream {
                            use std::os::fd::AsFd;
                            let handle = plain.get_ref().as_fd().try_clone_to_owned();
                            *kept.0.lock() = handle.ok().map(TcpStream::from);
                        }
                        return match uri.scheme {
                            lapin::uri::AMQPScheme::AMQP => Ok(stream),
                            lapin::uri::AMQPScheme::AMQPS => {
                                Ok(stream.into_tls(&host, tls.to_lapin().as_ref()).await?)
                            }
                        };
                    }
                    Err(error) => last = error,
                }
            }
            Err(last.into())
        },
        properties,
    );
    match timeout(config.connect_timeout, connecting).await {
        Ok(Ok(connection)) => Ok((connection, socket)),
        Ok(Err(error)) => {
            socket.shut();
            Err(match refusal(&error, &url.to_string()) {
                Some(refusal) => Failure::Refused(refusal),
                None => unreachable(url, &plain(&error)),
            })
        }
        Err(_) => {
            // The library's thread would wait for an answer for ever.
            socket.shut();
            Err(unreachable(
                url,
                &format!("no answer within {:?}", config.connect_timeout),
            ))
        }
    }
}

fn unreachable(url: &BrokerUrl, why: &str) -> Failure {
    Failure::Unreachable(
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot connect to {url}: {why}"),
        )
        .retry_as(Retry::Later)
        .dispatched_as(Dispatched::No),
    )
}
