//! `GET` of an event: a stream of server-sent events, for anybody or for a member of a group.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header;
use http::request::Parts;
use http::{Response, StatusCode};
use polywire_core::contract::Name;
use polywire_core::{
    Dispatched, Error, ErrorKind, Head, Kind, Member, Received, Result, Subscription,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Server;
use super::members::Joined;
use super::query::Query;
use super::table::{Route, Streams};
use crate::body::ReplyBody;
use crate::wire::{
    self, EVENT_STREAM, Gap, HEARTBEAT, LAST_EVENT_ID, MAX_PREFETCH, NO_STORE, encode_event,
    read_head, write_event,
};

/// How many events wait for a connection to take them.
const READY: usize = 64;

/// What a stream does until it ends.
struct Pump {
    server: Arc<Server>,
    streams: Arc<Streams>,
    event: Name,
    member: Member,
    /// `None` when what goes out counts as done.
    joined: Option<Joined>,
    out: mpsc::Sender<Bytes>,
    missed: u64,
}

impl Server {
    /// Opens a stream.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        route: &Route,
        parts: &Parts,
    ) -> Result<Response<ReplyBody>> {
        let service = &route.served.service;
        let mut head = Head::new(
            Kind::Event,
            service.name().clone(),
            route.interaction.clone(),
        );
        let stated = read_head(&parts.headers, &mut head)?;
        let query = Query::of(parts.uri.query());
        let group = query
            .get("group")
            .map(|name| name.parse::<Name>())
            .transpose();
        let group = group.map_err(|error| invalid(format!("group: {error}")))?;
        let prefetch = query.number("prefetch", 1, MAX_PREFETCH)?;
        // A member says what became of each event; whoever names neither group nor prefetch just listens.
        let settles = group.is_some() || prefetch.is_some();
        let subscription = Subscription {
            contract: head.contract.clone(),
            event: head.interaction.clone(),
            group,
            requirement: route.served.requirement(stated, route.track)?,
            prefetch: prefetch.unwrap_or(READY),
            token: head.token.clone(),
        };
        service.admit_subscription(&subscription)?;
        let caller = service.authenticate(&head)?;
        let since = self.since(parts)?;
        let member = self.exchange.join(&subscription, since.position)?;
        let joined = settles.then(|| self.members.join(parts.uri.path(), &caller));
        let (out, ready) = mpsc::channel(READY);
        self.greet(&out, &member, joined.as_ref(), since)?;
        let streams = route.served.streams.clone();
        let pump = Pump {
            server: self.clone(),
            streams: streams.clone(),
            event: route.interaction.clone(),
            member,
            joined,
            out,
            missed: 0,
        };
        streams.running.spawn(pump.run());
        let ready = futures_util::stream::unfold(ready, |mut ready| async move {
            ready.recv().await.map(|bytes| (bytes, ready))
        });
        let mut response = Response::new(ReplyBody::stream(ready));
        *response.status_mut() = StatusCode::OK;
        *response.headers_mut() = route.served.headers.offer();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, EVENT_STREAM);
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, NO_STORE);
        Ok(response)
    }

    /// Where a subscriber wants to go on.
    fn since(&self, parts: &Parts) -> Result<Since> {
        let Some(value) = parts.headers.get(LAST_EVENT_ID) else {
            return Ok(Since {
                position: None,
                restarted: false,
            });
        };
        let text = wire::visible("last-event-id", value)?;
        let read = text
            .rsplit_once('-')
            .and_then(|(epoch, position)| Some((epoch, position.parse::<u64>().ok()?)));
        let (epoch, position) = read.ok_or_else(|| {
            invalid(format!(
                "last-event-id {text:?}: send the id of an event as it came"
            ))
        })?;
        // What another run of the provider published is gone; of this one it can have missed everything.
        let restarted = epoch != self.epoch;
        Ok(Since {
            position: Some(if restarted { 0 } else { position }),
            restarted,
        })
    }

    /// What a stream begins with: from where on it goes, and what is gone.
    fn greet(
        &self,
        out: &mpsc::Sender<Bytes>,
        member: &Member,
        joined: Option<&Joined>,
        since: Since,
    ) -> Result<()> {
        let position = since.position.unwrap_or(member.joined_at());
        let joined = wire::Joined {
            member: joined.map_or_else(String::new, |joined| joined.hands.member.clone()),
            heartbeat_ms: u64::try_from(self.heartbeat.as_millis()).unwrap_or(u64::MAX),
        };
        let mut text = write_event(Some(&self.event_id(position)), "joined", &json(&joined)?);
        if since.restarted {
            let gap = Gap {
                missed: None,
                reason: "the provider was restarted: what it had published before is gone"
                    .to_owned(),
            };
            text.push_str(&write_event(None, "gap", &json(&gap)?));
        }
        // The channel is new and holds more than one piece.
        let _ = out.try_send(text.into());
        Ok(())
    }

    fn event_id(&self, position: u64) -> String {
        format!("{}-{position}", self.epoch)
    }
}

#[derive(Clone, Copy)]
struct Since {
    position: Option<u64>,
    restarted: bool,
}

/// Why a stream goes on no more.
enum End {
    /// Its connection, its member or the whole provider is gone.
    Gone,
    /// The provider drains.
    Draining,
    /// The member wants nothing more.
    Leaving,
}

impl Pump {
    async fn run(mut self) {
        match self.deliver().await {
            End::Gone => {}
            End::Draining => self.finish().await,
            End::Leaving => self.leave().await,
        }
    }

    async fn deliver(&mut self) -> End {
        let heartbeat = self.server.heartbeat;
        let mut ticks = interval_at(Instant::now() + heartbeat, heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.is_leaving() {
                return End::Leaving;
            }
            tokio::select! {
                biased;
                () = self.streams.closing.cancelled() => return End::Gone,
                () = self.streams.finishing.cancelled() => return End::Draining,
                () = self.out.closed() => return if self.is_leaving() { End::Leaving } else { End::Gone },
                () = changed(self.joined.as_ref()) => {}
                _ = ticks.tick() => {
                    if self.is_lost(heartbeat) {
                        tracing::warn!(event = %self.event, "a member that holds events is not heard of any more: they return to its group");
                        return End::Gone;
                    }
                    // A connection that takes nothing needs no heartbeat to be found out.
                    let _ = self.out.try_send(Bytes::from_static(HEARTBEAT.as_bytes()));
                }
                // A place first: an event taken without one would wait in nobody's sight.
                sent = next(&self.out, &mut self.member) => match sent {
                    Some((place, received)) => {
                        let bytes = encode(&self.server, &self.event, &mut self.missed, self.member.missed(), self.joined.as_ref(), received).await;
                        place.send(bytes);
                    }
                    None => return End::Gone,
                },
            }
        }
    }

    fn is_leaving(&self) -> bool {
        self.joined
            .as_ref()
            .is_some_and(|joined| joined.hands.leaving.load(Ordering::Acquire))
    }

    fn is_lost(&self, heartbeat: Duration) -> bool {
        self.joined
            .as_ref()
            .is_some_and(|joined| joined.hands.is_lost(heartbeat * 3))
    }

    /// The member takes nothing more. If it said so, it may still settle what it holds.
    async fn leave(self) {
        let Self {
            server,
            streams,
            member,
            joined,
            out,
            ..
        } = self;
        drop((member, out));
        let Some(joined) = joined.filter(|joined| joined.hands.leaving.load(Ordering::Acquire))
        else {
            return;
        };
        let lost = server.heartbeat * 3;
        let mut ticks = interval_at(Instant::now() + server.heartbeat, server.heartbeat);
        while !joined.hands.is_empty() && !joined.hands.is_lost(lost) {
            tokio::select! {
                () = joined.hands.changed.notified() => {}
                _ = ticks.tick() => {}
                () = streams.closing.cancelled() => return,
            }
        }
    }

    /// The provider drains: what is there still goes out, and what is held is waited for.
    async fn finish(mut self) {
        let (server, streams) = (self.server.clone(), self.streams.clone());
        loop {
            while let Some(Some(received)) = self.member.next().now_or_never() {
                let bytes = encode(
                    &self.server,
                    &self.event,
                    &mut self.missed,
                    self.member.missed(),
                    self.joined.as_ref(),
                    received,
                )
                .await;
                tokio::select! {
                    sent = self.out.send(bytes) => if sent.is_err() { return },
                    () = streams.closing.cancelled() => return,
                }
            }
            let Some(joined) = &self.joined else { break };
            if joined.hands.is_empty() || joined.hands.is_lost(server.heartbeat * 3) {
                break;
            }
            tokio::select! {
                () = joined.hands.changed.notified() => {}
                () = tokio::time::sleep(server.heartbeat) => {}
                () = self.out.closed() => return,
                () = streams.closing.cancelled() => return,
            }
        }
        let bye = write_event(
            None,
            "bye",
            "{\"reason\":\"the provider is draining: come back later, or to another replica\"}",
        );
        let _ = self.out.send(bye.into()).await;
    }
}

async fn next<'a>(
    out: &'a mpsc::Sender<Bytes>,
    member: &mut Member,
) -> Option<(mpsc::Permit<'a, Bytes>, Received)> {
    let place = out.reserve().await.ok()?;
    Some((place, member.next().await?))
}

async fn changed(joined: Option<&Joined>) {
    match joined {
        Some(joined) => joined.hands.changed.notified().await,
        None => std::future::pending().await,
    }
}

/// Hands an event over: held until it is settled, or done with when nobody settles.
async fn encode(
    server: &Server,
    event: &Name,
    told: &mut u64,
    missed: u64,
    joined: Option<&Joined>,
    received: Received,
) -> Bytes {
    let Received { position, delivery } = received;
    let mut text = String::new();
    if missed > *told {
        let gap = Gap {
            missed: Some(missed - *told),
            reason: "the group was full or away, and its oldest events went".to_owned(),
        };
        *told = missed;
        text = write_event(None, "gap", &json(&gap).unwrap_or_default());
    }
    let (head, body) = (delivery.head.clone(), delivery.body.clone());
    let hold = match joined {
        Some(joined) => Some(joined.hands.hold(delivery)),
        None => {
            // In memory this cannot fail.
            let _ = delivery.ack().await;
            None
        }
    };
    match encode_event(&head, &body, hold) {
        Ok(data) => text.push_str(&write_event(Some(&server.event_id(position)), event, &data)),
        Err(error) => {
            tracing::error!(%event, id = %head.id, %error, "an event cannot be written and is set aside");
            let delivery = hold.and_then(|id| joined.and_then(|joined| joined.hands.take(id)));
            if let Some(delivery) = delivery {
                // What cannot even be set aside comes again.
                let _ = delivery.reject(error.to_string()).await;
            }
        }
    }
    text.into()
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Internal, "a control event has no JSON form").caused_by(error)
    })
}

pub(super) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidPayload, message).dispatched_as(Dispatched::No)
}
