//! The task that keeps a connection: connects to one node after the other, watches, and starts again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt;
use lapin::Event;
use polywire_contract::Retry;
use polywire_core::{Dispatched, Error, ErrorKind};
use rand::RngExt;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connect::{Failure, connect};
use super::{Live, State};
use crate::config::{AmqpConfig, Identity};
use crate::error::plain;

/// How long to wait before asking again a broker that refused us.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// How often to look whether a connection still counts as one, beside listening to its events.
const LOOK: Duration = Duration::from_secs(1);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

pub(super) struct Supervisor {
    pub(super) role: &'static str,
    pub(super) config: Arc<AmqpConfig>,
    pub(super) identity: Identity,
    pub(super) state: Arc<watch::Sender<State>>,
    pub(super) closing: CancellationToken,
}

pub(super) async fn supervise(supervisor: Supervisor) {
    let closing = supervisor.closing.clone();
    let mut node = 0;
    let mut pauses = pauses();
    while !closing.is_cancelled() {
        let attempt = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            attempt = round(&supervisor, &mut node) => attempt,
        };
        let pause = match attempt {
            Ok(live) => {
                pauses = self::pauses();
                supervisor.state.send_replace(State::Up(live.clone()));
                let why = watch_over(&supervisor, &live).await;
                live.lose();
                if closing.is_cancelled() {
                    break;
                }
                tracing::warn!(role = supervisor.role, %why, "lost the connection to the broker; connecting again");
                let lost = Error::new(
                    ErrorKind::Unavailable,
                    format!("lost the connection to the broker: {why}"),
                )
                .retry_as(Retry::Later)
                .dispatched_as(Dispatched::No);
                supervisor.state.send_replace(State::Down(Some(lost)));
                // A restarting broker drops all its clients at one moment.
                Duration::from_millis(rand::rng().random_range(10..200))
            }
            Err(Failure::Unreachable(error)) => {
                tracing::warn!(role = supervisor.role, %error, "no connection to the broker yet");
                supervisor.state.send_replace(State::Down(Some(error)));
                pauses.next().unwrap_or(Duration::from_secs(5))
            }
            Err(Failure::Refused(error)) => {
                tracing::error!(role = supervisor.role, %error, "the broker refuses the connection; asking again in a while");
                supervisor.state.send_replace(State::Refused(error));
                REFUSED_PAUSE.mul_f64(rand::rng().random_range(0.75..1.25))
            }
        };
        tokio::select! {
            biased;
            () = closing.cancelled() => break,
            () = sleep(pause) => {}
        }
    }
    supervisor.state.send_replace(State::Closed);
}

/// The waits between rounds: from 100 ms doubling to 5 s, with jitter, without an end.
fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Tries each node once, beginning after the one that was tried last.
async fn round(supervisor: &Supervisor, node: &mut usize) -> Result<Arc<Live>, Failure> {
    let urls = &supervisor.config.urls;
    let mut worst = None;
    for _ in 0..urls.len() {
        let Some(url) = urls.get(*node % urls.len()) else {
            break;
        };
        match connect(
            supervisor.role,
            &supervisor.config,
            &supervisor.identity,
            url,
        )
        .await
        {
            Ok((connection, socket)) => {
                tracing::info!(role = supervisor.role, broker = %url, "connected to the broker");
                return Ok(Arc::new(Live::new(connection, socket)));
            }
            Err(failure) => {
                *node = node.wrapping_add(1);
                worst = Some(failure);
            }
        }
    }
    Err(worst.unwrap_or_else(|| {
        Failure::Refused(Error::new(ErrorKind::Config, "no broker url is configured"))
    }))
}

/// Listens until the connection is lost or let go of; says why.
async fn watch_over(supervisor: &Supervisor, live: &Live) -> String {
    // The library hands each event to one listener only, so this is the only one.
    let mut events = live.connection.events_listener().boxed();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = supervisor.closing.cancelled() => {
                let goodbye = live.connection.close(200, lapin::types::ShortString::default());
                // Whether the broker hears it or not, the socket goes next.
                let _ = timeout(GOODBYE, goodbye).await;
                return "closed".to_owned();
            }
            event = events.next() => match event {
                Some(Event::ConnectionBlocked(why)) => {
                    tracing::warn!(role = supervisor.role, %why, "the broker takes nothing for now");
                    live.set_blocked(Some(why.into()));
                }
                Some(Event::ConnectionUnblocked) => {
                    tracing::info!(role = supervisor.role, "the broker takes messages again");
                    live.set_blocked(None);
                }
                Some(Event::Error(error)) if !live.connection.status().connected() => {
                    return plain(&error);
                }
                Some(_) => {}
                None => return "the connection ended".to_owned(),
            },
            _ = look.tick() => {
                if !live.connection.status().connected() {
                    return "the connection ended without a word".to_owned();
                }
            }
        }
    }
}
