//! Publishes what happens to subscriptions, to their tenants.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Head, Kind, Message, Result, Service, Stamp};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::events::{self, CONTRACT, TenantEvent};
use crate::server::{Publisher, Server};

/// How many wait to be published; what comes beyond that is in the log alone.
const WAITING: usize = 1000;
/// How long to wait for a store that does not answer, before the second attempt and the third.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// How long what waits may take to be published when the provider stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Takes events that wait to be published. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct EventQueue {
    queue: mpsc::Sender<TenantEvent>,
    open: Arc<AtomicBool>,
}

/// The events that wait to be published.
pub(super) type Waiting = mpsc::Receiver<TenantEvent>;

impl EventQueue {
    /// A queue that takes events from the start, or none until it is opened.
    pub(super) fn new(open: bool) -> (Self, Waiting) {
        let (queue, waiting) = mpsc::channel(WAITING);
        let open = Arc::new(open.into());
        (Self { queue, open }, waiting)
    }

    /// Takes an event, without waiting.
    ///
    /// None of the subscriptions to these events themselves: it would be published to the one that failed, again and again.
    pub(super) fn push(&self, event: TenantEvent) {
        if event.notice.contract == CONTRACT.as_str() || !self.open.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = self.queue.try_send(event) {
            tracing::warn!(%error, "an event of a webhook subscription is in the log alone");
        }
    }
}

/// Offers the events to subscribers and publishes them; its task ends with this value.
#[derive(Debug)]
pub(super) struct EventPublisher {
    queue: EventQueue,
    service: Arc<Service>,
    /// Whether the transport knows who subscribes.
    authenticated: bool,
    /// Whether they are never offered again.
    withheld: Mutex<bool>,
    stop: CancellationToken,
    task: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl EventPublisher {
    /// Begins to publish, and offers the events where the transport knows who subscribes.
    ///
    /// # Errors
    /// `Internal` when their contract cannot be made.
    pub(super) fn start(
        queue: EventQueue,
        waiting: Waiting,
        server: &Server,
        authenticated: bool,
    ) -> Result<Self> {
        let service = events::service()?;
        let offered = service.offer().versions().first();
        let stamp = offered.and_then(|offered| service.stamp(&offered.version));
        let stamp = stamp.cloned().ok_or_else(|| {
            let text = format!("contract {:?} has no version", CONTRACT.as_str());
            Error::new(ErrorKind::Internal, text)
        })?;
        if authenticated {
            server.serve(service.clone());
        }
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(waiting, stop.clone(), server.publisher(), stamp));
        Ok(Self {
            queue,
            service,
            authenticated,
            withheld: Mutex::new(false),
            stop,
            task: Mutex::new(Some(AbortOnDropHandle::new(task))),
        })
    }

    /// Offers the events beside a service that is served from now on.
    ///
    /// Where only a service knows who somebody is, the tenant of a subscription is nobody's word: they are not offered then.
    pub(super) fn offer(&self, server: &Server, beside: &Service) {
        if self.authenticated {
            return;
        }
        let mut withheld = self.withheld.lock();
        *withheld |= beside.is_authenticated();
        if *withheld {
            server.withdraw(&CONTRACT);
        } else {
            server.serve(self.service.clone());
        }
        self.queue.open.store(!*withheld, Ordering::Release);
    }

    /// Publishes what waits, for [`FAREWELL`] at most, and ends.
    pub(super) async fn finish(&self) {
        self.stop.cancel();
        let task = self.task.lock().take();
        let Some(task) = task else {
            return;
        };
        match timeout(FAREWELL, task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "events of webhook subscriptions were not published");
            }
            Err(_) => tracing::warn!(
                "events of webhook subscriptions were not published within {FAREWELL:?}: they are in the log alone"
            ),
        }
    }
}

async fn run(
    mut waiting: Waiting,
    stop: CancellationToken,
    publisher: Publisher,
    stamp: Arc<Stamp>,
) {
    loop {
        let event = tokio::select! {
            biased;
            event = waiting.recv() => event,
            () = stop.cancelled(), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
        };
        let Some(event) = event else {
            return;
        };
        publish(&event, &stop, &publisher, &stamp).await;
    }
}

async fn publish(
    event: &TenantEvent,
    stop: &CancellationToken,
    publisher: &Publisher,
    stamp: &Arc<Stamp>,
) {
    let body = match serde_json::to_vec(&event.notice) {
        Ok(body) => body,
        Err(error) => {
            return tracing::error!(%error, "an event of a webhook subscription cannot be written");
        }
    };
    let mut head = Head::new(Kind::Event, CONTRACT, event.name.clone());
    head.stamp = Some(stamp.clone());
    let message = Message::new(head, body.into());
    for wait in WAITS.into_iter().map(Some).chain([None]) {
        let published = publisher.publish_to(&event.tenant, message.clone()).await;
        let Err(error) = published else {
            return;
        };
        let wait = wait.filter(|_| !stop.is_cancelled());
        tracing::warn!(%error, event = %event.name, again = ?wait, "an event of a webhook subscription was not published");
        let Some(wait) = wait else {
            return;
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
}
