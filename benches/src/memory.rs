//! A typed call over the memory channel, and the same payloads encoded and decoded without a channel.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire_core::memory::{Hub, MemoryChannel};
use polywire_core::{Bounds, CallError, Channel, NoError, Service, Session, codec};

use crate::contract::{Orders, QUOTE, contract, session};
use crate::payload::{Order, Quote};
use crate::stats::median;

/// A consumer and a provider in this process.
#[derive(Debug)]
pub struct Pair {
    session: Session,
    _channels: [Arc<MemoryChannel>; 2],
}

impl Pair {
    /// Serves the contract on a hub of its own and connects to it.
    ///
    /// # Errors
    /// When the contract does not build or is not served.
    pub async fn start() -> Result<Self, Box<dyn Error>> {
        let contract = contract()?;
        let hub = Hub::new(Bounds::default());
        let channel = || Arc::new(MemoryChannel::new(hub.clone(), 2 * 1024 * 1024));
        let (provider, consumer) = (channel(), channel());
        let service = Arc::new(Service::new(Orders::new(contract.clone()))?);
        provider.serve(service).await?;
        Ok(Self {
            session: session(consumer.clone(), contract)?,
            _channels: [provider, consumer],
        })
    }

    /// A typed call.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn call(&self, order: &Order) -> Result<Quote, CallError<NoError>> {
        self.session.request(QUOTE, order).await
    }
}

/// What the call does to the payloads: request and reply, encoded and decoded, and the handler between.
///
/// # Errors
/// As [`codec::encode`] and [`codec::decode`].
pub fn encoding(order: &Order) -> polywire_core::Result<Quote> {
    let request: Order = codec::decode(&codec::encode(order)?)?;
    codec::decode(&codec::encode(&request.quote())?)
}

/// Nanoseconds for one payload size, medians over rounds that alternate both.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// The size of the request's JSON, in bytes.
    pub bytes: usize,
    /// A typed call.
    pub call: f64,
    /// Encoding and decoding request and reply, and the handler.
    pub encoding: f64,
    /// The median of the differences within a round.
    pub overhead: f64,
}

/// Short enough that most batches run without losing the processor.
const BATCH: u32 = 50;

/// Measures one payload size within about `time`.
///
/// # Errors
/// When a call fails.
pub async fn measure(bytes: usize, time: Duration) -> Result<Figures, Box<dyn Error>> {
    let pair = Pair::start().await?;
    let order = Order::of_size(bytes);
    let (mut calls, mut encodings, mut overheads) = (Vec::new(), Vec::new(), Vec::new());
    let start = Instant::now();
    while start.elapsed() < time || calls.len() < 5 {
        let begin = Instant::now();
        for _ in 0..BATCH {
            black_box(pair.call(black_box(&order)).await?);
        }
        let call = per_call(begin.elapsed());
        let begin = Instant::now();
        for _ in 0..BATCH {
            black_box(encoding(black_box(&order))?);
        }
        let encoding = per_call(begin.elapsed());
        calls.push(call);
        encodings.push(encoding);
        overheads.push(call - encoding);
    }
    Ok(Figures {
        bytes,
        call: median(&calls),
        encoding: median(&encodings),
        overhead: median(&overheads),
    })
}

/// What [`repeat`] repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The typed call.
    Call,
    /// The encoding alone.
    Encoding,
    /// The typed call, of a short plugin instead of memory.
    Plugin,
}

/// Repeats one part a fixed number of times.
///
/// # Errors
/// When a call fails.
pub async fn repeat(part: Part, times: u32, bytes: usize) -> Result<(), Box<dyn Error>> {
    if part == Part::Plugin {
        return crate::plugin::repeat(times, bytes).await;
    }
    let pair = Pair::start().await?;
    let order = Order::of_size(bytes);
    for _ in 0..times {
        match part {
            Part::Call => black_box(pair.call(black_box(&order)).await?),
            _ => black_box(encoding(black_box(&order))?),
        };
    }
    Ok(())
}

fn per_call(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e9 / f64::from(BATCH)
}
