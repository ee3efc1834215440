//! A TCP proxy in front of the broker that fails on command.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_amqp::{AmqpConfig, BrokerUrl};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::frames::{self, Frame};

const BASIC_CONSUME: (u16, u16) = (60, 20);

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
    links: Mutex<Vec<Arc<Link>>>,
    accepting: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// One connection through the proxy.
struct Link {
    to_client: mpsc::UnboundedSender<Frame>,
    to_broker: mpsc::UnboundedSender<Frame>,
    /// The channels on which the client consumes.
    consuming: Mutex<Vec<u16>>,
}

impl Proxy {
    pub(crate) async fn start(mode: Mode) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            mode: watch::Sender::new(mode),
            cut: Mutex::default(),
            links: Mutex::default(),
            accepting: tokio::sync::Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::downgrade(&proxy)));
        *proxy.accepting.lock().await = Some(accepting);
        proxy
    }

    /// Refuses connections from now on; those that are open stay.
    pub(crate) async fn close_port(&self) {
        if let Some(accepting) = self.accepting.lock().await.take() {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    /// Takes connections again.
    pub(crate) async fn open_port(self: &Arc<Self>) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let accepting = tokio::spawn(accept(listener, Arc::downgrade(self)));
        *self.accepting.lock().await = Some(accepting);
    }

    /// How many connections were made since the last cut.
    pub(crate) fn links(&self) -> usize {
        self.links.lock().len()
    }

    /// The broker's url through this proxy.
    pub(crate) fn url(&self) -> BrokerUrl {
        url_at(&self.address.to_string())
    }

    /// The same settings with this proxy before the broker.
    pub(crate) fn before(&self, mut config: AmqpConfig) -> AmqpConfig {
        config.urls = vec![self.url()];
        config
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Closes every connection.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.cut.lock()).cancel();
        self.links.lock().clear();
    }

    /// Sends a frame of the broker's to every client.
    pub(crate) fn tell_clients(&self, frame: impl Fn() -> Frame) {
        for link in &*self.links.lock() {
            // A connection that has ended needs no telling.
            let _ = link.to_client.send(frame());
        }
    }

    /// Sends a frame of the client's to the broker on every channel that has a consumer; says how many there were.
    pub(crate) fn tell_broker(&self, frame: impl Fn(u16) -> Frame) -> usize {
        let mut told = 0;
        for link in &*self.links.lock() {
            for channel in &*link.consuming.lock() {
                told += usize::from(link.to_broker.send(frame(*channel)).is_ok());
            }
        }
        told
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.get_mut().take() {
            accepting.abort();
        }
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

async fn accept(listener: TcpListener, proxy: std::sync::Weak<Proxy>) {
    loop {
        let client = listener.accept().await;
        let (Ok((client, _)), Some(proxy)) = (client, proxy.upgrade()) else {
            return;
        };
        if *proxy.mode.borrow() == Mode::Refuse {
            continue;
        }
        let (to_client, from_test) = mpsc::unbounded_channel();
        let (to_broker, for_broker) = mpsc::unbounded_channel();
        let link = Arc::new(Link {
            to_client,
            to_broker,
            consuming: Mutex::default(),
        });
        proxy.links.lock().push(link.clone());
        let (cut, mode) = (proxy.cut.lock().clone(), proxy.mode.subscribe());
        tokio::spawn(async move {
            let Ok(broker) = TcpStream::connect(broker_address()).await else {
                return;
            };
            let _ = (client.set_nodelay(true), broker.set_nodelay(true));
            let (mut from_client, to_client) = client.into_split();
            let (from_broker, mut to_broker) = broker.into_split();
            let up = async {
                let header = frames::read_protocol(&mut from_client).await?;
                to_broker.write_all(&header).await?;
                pass(from_client, to_broker, for_broker, mode.clone(), |frame| {
                    if frame.id() == Some(BASIC_CONSUME) {
                        link.consuming.lock().push(frame.channel);
                    }
                })
                .await
            };
            let down = pass(from_broker, to_client, from_test, mode.clone(), |_| {});
            tokio::select! {
                () = cut.cancelled() => {}
                _ = up => {}
                _ = down => {}
            }
        });
    }
}

/// Passes frames on, and between them those of the test.
async fn pass(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut more: mpsc::UnboundedReceiver<Frame>,
    mut mode: watch::Receiver<Mode>,
    seen: impl Fn(&Frame),
) -> std::io::Result<()> {
    let (frames, mut arrived) = mpsc::channel(64);
    let reading = async move {
        let mut from = BufReader::new(from);
        loop {
            let frame = frames::read(&mut from).await?;
            if frames.send(frame).await.is_err() {
                return Ok(());
            }
        }
    };
    let writing = async move {
        loop {
            // The sender of modes lives as long as the proxy does.
            let _ = mode.wait_for(|mode| *mode != Mode::Freeze).await;
            let frame = tokio::select! {
                _ = mode.changed() => continue,
                Some(frame) = arrived.recv() => frame,
                Some(frame) = more.recv() => frame,
                else => return Ok(()),
            };
            seen(&frame);
            to.write_all(&frame.bytes()).await?;
        }
    };
    tokio::select! {
        done = reading => done,
        done = writing => done,
    }
}

/// `connection.blocked` with a reason, or `connection.unblocked`.
pub(crate) fn blocked_frame(reason: Option<&str>) -> Frame {
    match reason {
        Some(reason) => Frame::method(0, 10, 60, &frames::short(reason)),
        None => Frame::method(0, 10, 61, &[]),
    }
}

/// `basic.ack` of a delivery that there never was.
pub(crate) fn unknown_ack(channel: u16) -> Frame {
    let arguments = [&(u64::MAX >> 8).to_be_bytes()[..], &[0]].concat();
    Frame::method(channel, 60, 80, &arguments)
}

/// How long a test waits for one thing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
