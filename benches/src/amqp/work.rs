//! What every contender is asked to do, and what it took.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

use futures_util::{TryStreamExt, stream};

use crate::cpu;
use crate::stats::percentile;

/// A contender, connected, with a durable queue of its own for events and one for calls.
pub(super) trait Party {
    /// What its work fails with.
    type Error: Debug + Display + Send + Sync + 'static;

    /// Publishes one persistent event and waits until the broker confirms it.
    fn publish(&self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Takes `count` events off its queue, decodes and acks each; how long that took from the first one on.
    fn consume(&self, count: usize) -> impl Future<Output = Result<Duration, Self::Error>>;

    /// Calls and decodes the reply.
    fn call(&self) -> impl Future<Output = Result<(), Self::Error>>;
}

/// How much of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    /// Events published one after another.
    pub(super) serial: usize,
    /// Events published together.
    pub(super) together: usize,
    /// How many of those wait for their confirms at once.
    pub(super) window: usize,
    /// Calls one after another.
    pub(super) calls: usize,
    /// Calls of [`CALLERS`] callers at once.
    pub(super) calls_together: usize,
}

/// How many callers call at once.
pub(super) const CALLERS: usize = 64;

/// What one turn took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Events per second when each confirm is awaited before the next publish.
    pub serial: f64,
    /// Events per second when many wait for their confirms at once.
    pub together: f64,
    /// CPU time of this process per event published so, in microseconds.
    pub publish_cpu: f64,
    /// Events consumed per second.
    pub consumed: f64,
    /// CPU time of this process per event consumed, in microseconds.
    pub consume_cpu: f64,
    /// The median round trip of one caller, in microseconds.
    pub call_p50: f64,
    /// Calls per second of 64 callers at once.
    pub calls: f64,
    /// CPU time of this process, which has both ends, per such call, in microseconds.
    pub call_cpu: f64,
    /// The share of the machine that was used by others than this process; the broker is among them.
    pub others: f64,
}

/// One contender's turn. What it publishes it consumes again.
pub(super) async fn turn<P: Party>(party: &P, amount: Amount) -> Result<Sample, Box<dyn Error>> {
    let begin = (Instant::now(), own()?, cpu::of_machine()?);
    let serial = timed(repeat(amount.serial, 1, || party.publish())).await?;
    let together = timed(repeat(amount.together, amount.window, || party.publish())).await?;
    let published = amount.serial + amount.together;
    let before = own()?;
    let consuming = party.consume(published).await.map_err(told)?;
    let consume_cpu = own()?.saturating_sub(before);
    let mut trips = Vec::with_capacity(amount.calls);
    for _ in 0..amount.calls {
        let begin = Instant::now();
        party.call().await.map_err(told)?;
        trips.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    let calls = timed(repeat(amount.calls_together, CALLERS, || party.call())).await?;
    let (elapsed, used) = (begin.0.elapsed(), own()?.saturating_sub(begin.1));
    let machine = cpu::of_machine()?.saturating_sub(begin.2);
    let processors = std::thread::available_parallelism()?.get();
    Ok(Sample {
        serial: count(amount.serial) / serial.0.as_secs_f64(),
        together: count(amount.together) / together.0.as_secs_f64(),
        publish_cpu: together.1.as_secs_f64() * 1e6 / count(amount.together),
        consumed: count(published) / consuming.as_secs_f64(),
        consume_cpu: consume_cpu.as_secs_f64() * 1e6 / count(published),
        call_p50: percentile(&trips, 0.5),
        calls: count(amount.calls_together) / calls.0.as_secs_f64(),
        call_cpu: calls.1.as_secs_f64() * 1e6 / count(amount.calls_together),
        others: machine.saturating_sub(used).as_secs_f64()
            / (elapsed.as_secs_f64() * count(processors)),
    })
}

/// Does something a number of times, so many at once.
async fn repeat<F, E>(times: usize, at_once: usize, one: impl Fn() -> F) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
{
    stream::iter((0..times).map(|_| Ok(one())))
        .try_buffer_unordered(at_once)
        .try_for_each(|()| async { Ok(()) })
        .await
}

async fn timed<E>(
    work: impl Future<Output = Result<(), E>>,
) -> Result<(Duration, Duration), Box<dyn Error>>
where
    E: Debug + Display + Send + Sync + 'static,
{
    let (begin, before) = (Instant::now(), own()?);
    work.await.map_err(told)?;
    Ok((begin.elapsed(), own()?.saturating_sub(before)))
}

fn own() -> std::io::Result<Duration> {
    cpu::of_process(std::process::id())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(of: usize) -> f64 {
    of as f64
}

fn told(error: impl Debug) -> String {
    format!("{error:?}")
}
