//! The provider's end: accepts connections, and answers the one call of each.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use polywire::contract::Name;
use polywire::core::{Dispatched, Reply};
use polywire::{Error, ErrorKind, Result, Service};
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, RwLock, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::wire::{self, Answer, Request};

/// How many connections are open at once; more wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long a caller may take to send its call.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// The provider's end, listening once it serves.
#[derive(Debug)]
pub(crate) struct Provider {
    listen: Option<SocketAddr>,
    shared: Arc<Shared>,
    listening: Mutex<Option<Listening>>,
}

#[derive(Debug)]
struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    services: RwLock<HashMap<Name, Arc<Service>>>,
    max_payload: usize,
    running: TaskTracker,
    closing: CancellationToken,
}

impl Provider {
    pub(crate) fn new(
        listen: Option<SocketAddr>,
        max_payload: usize,
        closing: CancellationToken,
    ) -> Self {
        let (services, running) = (RwLock::default(), TaskTracker::new());
        let shared = Shared {
            services,
            max_payload,
            running,
            closing,
        };
        Self {
            listen,
            shared: Arc::new(shared),
            listening: Mutex::default(),
        }
    }

    pub(crate) async fn serve(&self, service: Arc<Service>) -> Result<()> {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            *listening = Some(self.start().await?);
        }
        self.shared
            .services
            .write()
            .await
            .insert(service.name().clone(), service);
        Ok(())
    }

    async fn start(&self) -> Result<Listening> {
        let wrong = |text: String| Error::new(ErrorKind::Config, text);
        let listen = self.listen.ok_or_else(|| {
            wrong(
                "a provider needs listen = \"ADDRESS:PORT\" in the table of its transport"
                    .to_owned(),
            )
        })?;
        let cannot = |error| wrong(format!("cannot listen on {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let task = tokio::spawn(accept(listener, self.shared.clone()));
        Ok(Listening { address, task })
    }

    pub(crate) async fn address(&self) -> Option<SocketAddr> {
        self.listening
            .lock()
            .await
            .as_ref()
            .map(|listening| listening.address)
    }

    /// Lets what runs finish, while the services refuse what is new.
    pub(crate) async fn drain(&self) {
        let services: Vec<_> = self
            .shared
            .services
            .read()
            .await
            .values()
            .cloned()
            .collect();
        for service in services {
            service.drain().await;
        }
        self.shared.running.close();
        self.shared.running.wait().await;
    }

    /// Waits until the port is free again; what runs was cancelled already.
    pub(crate) async fn close(&self) {
        if let Some(Listening { task, .. }) = self.listening.lock().await.take() {
            // It ends by the same token as what it started.
            let _ = task.await;
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let next = async || {
        let place = places.clone().acquire_owned().await.ok()?;
        let (stream, _) = listener.accept().await.ok()?;
        Some((stream, place))
    };
    loop {
        let accepted = tokio::select! {
            () = shared.closing.cancelled() => return,
            accepted = next() => accepted,
        };
        let Some((stream, place)) = accepted else {
            // Without a file descriptor left, the next try would fail as fast.
            sleep(PAUSE).await;
            continue;
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = shared.closing.cancelled() => {}
                () = answer(&shared, stream) => {}
            }
            drop(place);
        });
    }
}

/// Answers the one call of a connection.
async fn answer(shared: &Shared, stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let asked = timeout(
        PATIENCE,
        wire::read::<Request>(&mut stream, shared.max_payload),
    )
    .await;
    // Whoever is slow or sends something else is not answered.
    let Ok(Ok((request, body))) = asked else {
        return;
    };
    let _running = shared.running.token();
    let result = tokio::select! {
        result = handle(shared, request, body) => result,
        // The caller is gone, or sends what nobody asked for: its handler is cancelled.
        _ = stream.read_u8() => return,
    };
    let (answer, body) = Answer::of(result);
    // Who went away while the answer was written knows that it got none.
    let _ = wire::write(&mut stream, answer, &body).await;
}

async fn handle(shared: &Shared, request: Request, body: bytes::Bytes) -> Result<Reply> {
    let service = shared.services.read().await.get(&request.contract).cloned();
    let service = service.ok_or_else(|| {
        let text = format!(
            "contract {:?} is not served here",
            request.contract.as_str()
        );
        Error::new(ErrorKind::Unavailable, text).dispatched_as(Dispatched::No)
    })?;
    service.admit(request.into_head()?)?.dispatch(body).await
}
