//! A closed loop of callers on one client, and what a stretch of it took.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::cpu;
use crate::payload::{Order, Quote};
use crate::stats::percentile;

/// A typed client of one contender.
pub(crate) trait Call: Clone + Send + Sync + 'static {
    /// What a call fails with.
    type Error: Debug + Display + Send + Sync + 'static;

    /// A typed call.
    fn call(&self, order: Order) -> impl Future<Output = Result<Quote, Self::Error>> + Send;
}

/// How much is asked for at once and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The size of the request's JSON, in bytes.
    pub bytes: usize,
    /// How many callers wait for a reply at any time.
    pub concurrency: usize,
    /// How long calls are made before they count.
    pub warm_up: Duration,
    /// How long calls count.
    pub time: Duration,
}

/// What one stretch of calls took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Calls per second.
    pub rate: f64,
    /// The median latency, in microseconds.
    pub p50: f64,
    /// The 99th percentile of latency, in microseconds.
    pub p99: f64,
    /// The client's CPU time per call, in microseconds.
    pub client_cpu: f64,
    /// The server's CPU time per call, in microseconds.
    pub server_cpu: f64,
    /// The share of the machine that other processes used.
    pub others: f64,
}

impl Sample {
    /// Both ends' CPU time per call, in microseconds.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        self.client_cpu + self.server_cpu
    }
}

const WARM: u8 = 0;
const MEASURE: u8 = 1;
const STOP: u8 = 2;

/// Loads a client whose server is the process `server`.
///
/// # Errors
/// When a call fails or answers wrongly, or `/proc` cannot be read.
pub(super) async fn load<C: Call>(
    client: &C,
    server: u32,
    load: Load,
) -> Result<Sample, Box<dyn Error>> {
    let order = Order::of_size(load.bytes);
    let phase = Arc::new(AtomicU8::new(WARM));
    let mut callers = JoinSet::new();
    for _ in 0..load.concurrency {
        callers.spawn(repeat(client.clone(), order.clone(), phase.clone()));
    }
    tokio::time::sleep(load.warm_up).await;
    let own = std::process::id();
    let read = || -> std::io::Result<_> {
        Ok((
            cpu::of_process(own)?,
            cpu::of_process(server)?,
            cpu::of_machine()?,
        ))
    };
    let (before, begin) = (read()?, Instant::now());
    phase.store(MEASURE, Ordering::Relaxed);
    tokio::time::sleep(load.time).await;
    phase.store(STOP, Ordering::Relaxed);
    let (after, elapsed) = (read()?, begin.elapsed());
    let mut latencies = Vec::new();
    while let Some(done) = callers.join_next().await {
        latencies.extend(done??);
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let calls = latencies.len().max(1) as f64;
    let spent = |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64();
    let (client, server) = (spent(before.0, after.0), spent(before.1, after.1));
    let processors = std::thread::available_parallelism()?.get();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let available = elapsed.as_secs_f64() * processors as f64;
    Ok(Sample {
        rate: calls / elapsed.as_secs_f64(),
        p50: percentile(&latencies, 0.5),
        p99: percentile(&latencies, 0.99),
        client_cpu: client * 1e6 / calls,
        server_cpu: server * 1e6 / calls,
        others: ((spent(before.2, after.2) - client - server) / available).clamp(0.0, 1.0),
    })
}

/// Calls until told to stop; the latencies of what was measured, in microseconds.
async fn repeat<C: Call>(
    client: C,
    order: Order,
    phase: Arc<AtomicU8>,
) -> Result<Vec<f64>, String> {
    let expected = order.total();
    let mut latencies = Vec::new();
    loop {
        let now = phase.load(Ordering::Relaxed);
        if now == STOP {
            return Ok(latencies);
        }
        let begin = Instant::now();
        let quote = client
            .call(order.clone())
            .await
            .map_err(|error| format!("a call failed: {error:?}"))?;
        if quote.total_cents != expected {
            return Err(format!(
                "a quote over {} instead of {expected}",
                quote.total_cents
            ));
        }
        if now == MEASURE {
            latencies.push(begin.elapsed().as_secs_f64() * 1e6);
        }
    }
}
