//! One replica's stream of events: opened, read, and opened again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use polywire_core::{Delivery, Dispatched, Error, ErrorKind, Result, Subscription};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Ends;
use super::progress::Progress;
use super::settler::{self, Member, Order, Ticket};
use crate::client::lane::first_track;
use crate::client::{Client, refusal};
use crate::error::{broken_answer, no_answer, origin};
use crate::wire::{
    EVENT_STREAM, Gap, Joined, LAST_EVENT_ID, MAX_PREFETCH, SseEvent, SseReader, decode_event,
};

/// How long a replica may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The waits before a stream is opened again.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The part of an event that is not its data, in bytes.
const ENVELOPE: usize = 64 * 1024;

/// A subscription at one replica.
#[derive(Debug)]
pub(super) struct Replica {
    client: Arc<Client>,
    subscription: Arc<Subscription>,
    uri: Uri,
    settle_uri: Uri,
    progress: Arc<Mutex<Progress>>,
}

/// A stream that has begun.
#[derive(Debug)]
pub(super) struct Opened {
    body: Incoming,
    reader: SseReader,
    /// Events that came with the first ones.
    ready: Vec<SseEvent>,
    heartbeat: Duration,
    settler: mpsc::UnboundedSender<Order>,
}

/// Why a stream is not read on.
enum End {
    /// The connection broke, or the provider goes away.
    Broken(String),
    /// Nobody listens any more.
    Unwanted,
}

impl Replica {
    pub(super) fn new(
        client: Arc<Client>,
        subscription: Arc<Subscription>,
        turn: usize,
    ) -> Result<Self> {
        let Subscription {
            contract,
            event,
            group,
            requirement,
            prefetch,
            ..
        } = &*subscription;
        let path = format!("/{contract}/{}/{event}", first_track(requirement));
        let prefetch = prefetch.clamp(&1, &MAX_PREFETCH);
        let group = group.as_ref().map_or_else(String::new, |group| {
            format!("&group={}", utf8_percent_encode(group, NON_ALPHANUMERIC))
        });
        let base = &client.bases[turn];
        let uri = base.join(&format!("{path}?prefetch={prefetch}{group}"))?;
        let settle_uri = base.join(&format!("{path}/settle"))?;
        Ok(Self {
            client,
            subscription,
            uri,
            settle_uri,
            progress: Arc::default(),
        })
    }

    /// Opens the stream and waits until the group is joined.
    pub(super) async fn open(&mut self) -> Result<Opened> {
        let opening = timeout(PATIENCE, self.try_open()).await;
        opening.unwrap_or_else(|_| {
            let text = format!(
                "{} did not begin the stream of {} within {PATIENCE:?}",
                origin(&self.uri),
                self.subscription.event
            );
            Err(Error::new(ErrorKind::Unavailable, text).dispatched_as(Dispatched::No))
        })
    }

    async fn try_open(&mut self) -> Result<Opened> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = self.uri.clone();
        let lane = self.client.lanes.get(
            &self.subscription.requirement,
            &self.subscription.event,
            &self.client.bases,
        )?;
        *request.headers_mut() = lane.headers();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, EVENT_STREAM);
        if let Some(token) = &self.subscription.token {
            headers.insert(AUTHORIZATION, crate::wire::bearer(token)?);
        }
        if let Some(id) = self
            .progress
            .lock()
            .resume_from()
            .and_then(|id| HeaderValue::try_from(id).ok())
        {
            headers.insert(LAST_EVENT_ID, id);
        }
        // A connection of its own: it stays open, and a load balancer may choose another replica for it.
        let response = self
            .client
            .pool
            .request(request, true)
            .await
            .map_err(|error| no_answer(error, &self.uri))?;
        if response.status() != StatusCode::OK {
            return Err(refusal(
                &self.client.whole(response, self.uri.clone(), 0).await?,
            ));
        }
        let mut body = response.into_body();
        let limit = self
            .client
            .max_payload
            .saturating_mul(2)
            .saturating_add(ENVELOPE);
        let (mut reader, mut ready) = (SseReader::new(limit), Vec::new());
        while ready.is_empty() {
            self.read(&mut body, &mut reader, &mut ready).await?;
        }
        let first = ready.remove(0);
        let joined: Joined = serde_json::from_str(&first.data)
            .ok()
            .filter(|_| first.name == "joined")
            .ok_or_else(|| {
                let text = format!(
                    "{} began its stream with {:?}: it is no provider of ours",
                    origin(&self.uri),
                    first.name
                );
                Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::No)
            })?;
        self.progress.lock().begin(&first.id.unwrap_or_default());
        let heartbeat = Duration::from_millis(joined.heartbeat_ms).max(Duration::from_millis(10));
        let (settler, orders) = mpsc::unbounded_channel();
        let member = Member {
            client: self.client.clone(),
            uri: self.settle_uri.clone(),
            id: joined.member,
            token: self.subscription.token.clone(),
            heartbeat,
        };
        tokio::spawn(settler::run(member, orders));
        Ok(Opened {
            body,
            reader,
            ready,
            heartbeat: heartbeat.max(self.client.heartbeat),
            settler,
        })
    }

    async fn read(
        &self,
        body: &mut Incoming,
        reader: &mut SseReader,
        events: &mut Vec<SseEvent>,
    ) -> Result<()> {
        let broken = |what: String| {
            Error::new(
                ErrorKind::Unavailable,
                format!(
                    "the stream of {}{} {what}",
                    origin(&self.uri),
                    self.uri.path()
                ),
            )
        };
        let frame = match body.frame().await {
            None => return Err(broken("ended".to_owned())),
            Some(frame) => frame.map_err(|error| broken_answer(error, &self.uri))?,
        };
        match frame.into_data() {
            Ok(data) => reader.feed(&data, events).map_err(|long| {
                broken(format!(
                    "has an event of more than {} bytes: raise max_payload",
                    long.0
                ))
            }),
            Err(_) => Ok(()),
        }
    }

    /// Delivers until nobody listens or the channel is closed, over as many streams as it takes.
    pub(super) async fn run(
        mut self,
        opened: Result<Opened>,
        deliver: mpsc::Sender<Delivery>,
        places: Arc<Semaphore>,
        ends: Ends,
    ) {
        let policy = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .without_max_times()
            .with_jitter();
        let (mut waits, mut opened) = (policy.build(), opened);
        loop {
            let why = match opened {
                Ok(stream) => {
                    waits = policy.build();
                    let ended = tokio::select! {
                        biased;
                        () = ends.closing.cancelled() => return,
                        ended = self.deliver(stream, &deliver, &places, &ends.draining) => ended,
                    };
                    match ended {
                        End::Unwanted => return,
                        End::Broken(why) => why,
                    }
                }
                Err(error) => error.to_string(),
            };
            let wait = waits.next().unwrap_or(LONGEST_WAIT);
            tracing::warn!(event = %self.subscription.event, uri = %self.uri, %why, ?wait, "a subscription is away from its provider; opening it again");
            tokio::select! {
                biased;
                () = ends.closing.cancelled() => return,
                () = ends.draining.cancelled() => return,
                () = deliver.closed() => return,
                () = tokio::time::sleep(wait) => {}
            }
            opened = tokio::select! {
                biased;
                () = ends.closing.cancelled() => return,
                () = ends.draining.cancelled() => return,
                () = deliver.closed() => return,
                opened = self.open() => opened,
            };
        }
    }

    async fn deliver(
        &mut self,
        mut stream: Opened,
        deliver: &mpsc::Sender<Delivery>,
        places: &Arc<Semaphore>,
        draining: &CancellationToken,
    ) -> End {
        let mut arrived = std::mem::take(&mut stream.ready);
        loop {
            let mut events = std::mem::take(&mut arrived).into_iter();
            while let Some(event) = events.next() {
                if event.name == "bye" {
                    return End::Broken("the provider is draining".to_owned());
                }
                // Each replica keeps to the prefetch; together they might exceed it.
                let place = tokio::select! {
                    biased;
                    () = deliver.closed() => None,
                    () = draining.cancelled() => None,
                    place = places.clone().acquire_owned() => place.ok(),
                };
                let wanted = place.is_some();
                let Some(delivery) = self.delivery(event, &stream.settler, place) else {
                    continue;
                };
                if !wanted || deliver.send(delivery).await.is_err() {
                    stream.ready = events.collect();
                    return self.leave(stream).await;
                }
            }
            let quiet = stream.heartbeat * 3;
            let read = tokio::select! {
                biased;
                () = deliver.closed() => return self.leave(stream).await,
                () = draining.cancelled() => return self.leave(stream).await,
                read = timeout(quiet, self.read(&mut stream.body, &mut stream.reader, &mut arrived)) => read,
            };
            match read {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return End::Broken(error.message().to_owned()),
                Err(_) => return End::Broken(format!("nothing was heard for {quiet:?}")),
            }
        }
    }

    /// Tells the provider to give nothing more, and returns what is on its way. What the application holds it may still
    /// settle.
    async fn leave(&self, mut stream: Opened) -> End {
        let _ = stream.settler.send(Order::Leave);
        let rest = async {
            let mut events = std::mem::take(&mut stream.ready);
            loop {
                for event in events.drain(..) {
                    drop(self.delivery(event, &stream.settler, None));
                }
                if self
                    .read(&mut stream.body, &mut stream.reader, &mut events)
                    .await
                    .is_err()
                {
                    return;
                }
            }
        };
        // A provider that does not end the stream sees the connection close, and takes everything back.
        let _ = timeout(PATIENCE, rest).await;
        End::Unwanted
    }

    fn delivery(
        &self,
        event: SseEvent,
        settler: &mpsc::UnboundedSender<Order>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Option<Delivery> {
        let Subscription {
            contract,
            event: name,
            requirement,
            ..
        } = &*self.subscription;
        if event.name == "gap" {
            let gap: Gap = serde_json::from_str(&event.data).ok()?;
            tracing::warn!(%contract, event = %name, missed = ?gap.missed, reason = %gap.reason, "events were missed");
            return None;
        }
        if event.name != name.as_str() {
            return None;
        }
        let event_id = event.id.unwrap_or_default();
        let received = match decode_event(contract, name, &event.data) {
            Ok(received) => received,
            Err(error) => {
                tracing::error!(%contract, event = %name, %error, "an event is passed over");
                return None;
            }
        };
        let delivery = received.delivery?;
        let mut head = received.head;
        head.requirement = Some(requirement.clone());
        let ticket = Ticket {
            delivery,
            event_id,
            progress: self.progress.clone(),
            settler: settler.clone(),
            _place: place,
        };
        if self.subscription.group.is_none() && !self.progress.lock().arrive(&ticket.event_id) {
            // Settled before the last connection broke, where the provider may not have heard of it.
            let _ = settler.send(Order::Settle(
                delivery,
                Some(polywire_core::Verdict::Ack),
                None,
            ));
            return None;
        }
        Some(Delivery::new(head, received.body, Box::new(ticket)))
    }
}
