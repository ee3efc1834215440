//! What only a connection shows.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower_service::Service;

use crate::guard::*;

const SOON: Duration = Duration::from_secs(10);

/// Gives its answers one after the other; the last one stays.
#[derive(Clone, Debug)]
struct Script(Arc<Mutex<(usize, Vec<Vec<IpAddr>>)>>);

impl Script {
    fn new(answers: &[&[&str]]) -> Self {
        let read = |answer: &&[&str]| {
            answer
                .iter()
                .map(|address| address.parse().unwrap())
                .collect()
        };
        Self(Arc::new(Mutex::new((
            0,
            answers.iter().map(read).collect(),
        ))))
    }

    fn asked(&self) -> usize {
        self.0.lock().0
    }
}

#[async_trait]
impl Resolve for Script {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let (asked, answers) = &mut *self.0.lock();
        let answer = answers.get(*asked).or(answers.last());
        *asked += 1;
        answer.cloned().ok_or(io::ErrorKind::NotFound.into())
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn connector(resolver: &Script) -> GuardedConnector {
    let policy = Policy::default().allow(&["127.0.0.1/32"]).unwrap();
    GuardedConnector::new(policy, resolver.clone(), SOON)
}

async fn dial(connector: &mut GuardedConnector, uri: &str) -> Result<SocketAddr, ConnectError> {
    let stream = connector.call(uri.parse().unwrap()).await?;
    Ok(stream.inner().peer_addr().unwrap())
}

#[tokio::test]
async fn the_checked_address_is_dialled_and_every_connection_checked_anew() {
    let (_listener, address) = listener().await;
    // The name is bound again between two connections: TTL 0.
    let script = Script::new(&[
        &["127.0.0.1"],
        &["127.0.0.2"],
        &["127.0.0.1", "10.0.0.1"],
        &["127.0.0.1"],
    ]);
    let mut connector = connector(&script);
    let uri = format!("http://rebound.example.com:{}/", address.port());
    assert_eq!(dial(&mut connector, &uri).await.unwrap(), address);
    assert_eq!(script.asked(), 1, "nobody looked a second time");
    for _ in 0..2 {
        let error = dial(&mut connector, &uri).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::Guard(GuardError::Refused)),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "the sink cannot be reached at a public address"
        );
    }
    assert_eq!(dial(&mut connector, &uri).await.unwrap(), address);
    assert_eq!(script.asked(), 4);
}

#[tokio::test]
async fn literal_addresses_are_checked_at_the_connection_too() {
    let script = Script::new(&[&["127.0.0.1"]]);
    let mut connector = connector(&script);
    for uri in [
        "http://127.0.0.2:9/",
        "http://[::1]:9/",
        "http://169.254.169.254/",
        "ftp://127.0.0.1/",
    ] {
        let error = dial(&mut connector, uri).await.unwrap_err();
        assert!(matches!(error, ConnectError::Guard(_)), "{uri}: {error:?}");
    }
    assert_eq!(script.asked(), 0);
    // What only another parser takes for an address is a name here, and goes where the checked answer says.
    let (_listener, address) = listener().await;
    let uri = format!("http://0x7f.2:{}/", address.port());
    assert_eq!(dial(&mut connector, &uri).await.unwrap(), address);
}

#[tokio::test]
async fn broken_connections_say_no_address() {
    let (listener, address) = listener().await;
    drop(listener);
    let mut connector = connector(&Script::new(&[&["127.0.0.1"]]));
    let error = dial(
        &mut connector,
        &format!("http://gone.example.com:{}/", address.port()),
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sink takes no connection: connection refused"
    );
    let nobody = Script::new(&[]);
    let error = dial(
        &mut super::connections::connector(&nobody),
        "http://gone.example.com/",
    )
    .await
    .unwrap_err();
    assert!(
        matches!(error, ConnectError::Guard(GuardError::Unresolved)),
        "{error:?}"
    );
}

#[derive(Debug)]
struct Silent;

#[async_trait]
impl Resolve for Silent {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_is_given_up() {
    let mut connector = GuardedConnector::new(Policy::default(), Silent, SOON);
    let error = dial(&mut connector, "https://slow.example.com/")
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Timeout), "{error:?}");
}

/// Row 25 of the table.
#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let (listener, address) = listener().await;
    let serve = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(request[..read].starts_with(b"POST /hooks HTTP/1.1\r\n"));
        let answer = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    });
    let script = Script::new(&[&["127.0.0.1"]]);
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build(connector(&script));
    let uri = format!("http://hooks.example.com:{}/hooks", address.port());
    let answer = client
        .request(Request::post(uri).body(Empty::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(script.asked(), 1);
    serve.await.unwrap();
}

#[tokio::test]
async fn the_machines_own_resolver_answers() {
    let addresses = SystemResolver::new().resolve("localhost").await.unwrap();
    assert!(
        !addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback),
        "{addresses:?}"
    );
}
