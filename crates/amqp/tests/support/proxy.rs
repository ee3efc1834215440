//! A TCP proxy in front of the broker that fails on command.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_amqp::BrokerUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes everything on.
    Pass,
    /// Accepts and closes at once, as a load balancer without a backend does.
    Refuse,
    /// Accepts, keeps what is open, and passes nothing on.
    Freeze,
}

/// The proxy, until dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
    cut: Mutex<CancellationToken>,
    inject: Arc<Mutex<Vec<mpsc::UnboundedSender<Vec<u8>>>>>,
    end: CancellationToken,
}

impl Proxy {
    pub(crate) async fn start(mode: Mode) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            mode: watch::Sender::new(mode),
            cut: Mutex::default(),
            inject: Arc::default(),
            end: CancellationToken::new(),
        });
        tokio::spawn(accept(listener, Arc::downgrade(&proxy), proxy.end.clone()));
        proxy
    }

    /// The broker's url through this proxy.
    pub(crate) fn url(&self) -> BrokerUrl {
        url_at(&self.address.to_string())
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Closes every connection.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.cut.lock()).cancel();
        self.inject.lock().clear();
    }

    /// Puts bytes of the broker's side into every connection, which must be between two frames.
    pub(crate) fn inject(&self, bytes: &[u8]) {
        self.inject
            .lock()
            .retain(|client| client.send(bytes.to_vec()).is_ok());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.cancel();
        self.cut();
    }
}

/// The test broker's url with another host and port.
pub(crate) fn url_at(address: &str) -> BrokerUrl {
    let url = std::env::var("POLYWIRE_TEST_AMQP_URL").unwrap();
    let (before, rest) = url.split_once('@').unwrap();
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("{before}@{address}/{path}").parse().unwrap()
}

/// Host and port of the test broker.
pub(crate) fn broker_address() -> String {
    let url = std::env::var("POLYWIRE_TEST_AMQP_URL").unwrap();
    let (_, rest) = url.split_once('@').unwrap();
    rest.split(['/', '?']).next().unwrap().to_owned()
}

async fn accept(listener: TcpListener, proxy: std::sync::Weak<Proxy>, end: CancellationToken) {
    loop {
        let client = tokio::select! {
            () = end.cancelled() => return,
            client = listener.accept() => client,
        };
        let (Ok((client, _)), Some(proxy)) = (client, proxy.upgrade()) else {
            return;
        };
        if *proxy.mode.borrow() == Mode::Refuse {
            continue;
        }
        let (send, receive) = mpsc::unbounded_channel();
        proxy.inject.lock().push(send);
        let (cut, mode) = (proxy.cut.lock().clone(), proxy.mode.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = pass(client, receive, mode) => {}
            }
        });
    }
}

async fn pass(
    mut client: TcpStream,
    mut inject: mpsc::UnboundedReceiver<Vec<u8>>,
    mut mode: watch::Receiver<Mode>,
) {
    let Ok(mut broker) = TcpStream::connect(broker_address()).await else {
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = broker.set_nodelay(true);
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        if mode.wait_for(|mode| *mode != Mode::Freeze).await.is_err() {
            return;
        }
        tokio::select! {
            changed = mode.changed() => if changed.is_err() { return },
            read = client.read(&mut up) => match read {
                Ok(bytes @ 1..) => if broker.write_all(&up[..bytes]).await.is_err() { return },
                _ => return,
            },
            read = broker.read(&mut down) => match read {
                Ok(bytes @ 1..) => if client.write_all(&down[..bytes]).await.is_err() { return },
                _ => return,
            },
            Some(bytes) = inject.recv() => if client.write_all(&bytes).await.is_err() { return },
        }
    }
}

/// `connection.blocked` with a reason, or `connection.unblocked`, as a frame.
pub(crate) fn blocked_frame(reason: Option<&str>) -> Vec<u8> {
    let mut method = vec![0, 10, 0, if reason.is_some() { 60 } else { 61 }];
    if let Some(reason) = reason {
        method.push(u8::try_from(reason.len()).unwrap());
        method.extend(reason.as_bytes());
    }
    let mut frame = vec![1, 0, 0];
    frame.extend(u32::try_from(method.len()).unwrap().to_be_bytes());
    frame.extend(method);
    frame.push(0xCE);
    frame
}

/// How long a test waits for one thing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
