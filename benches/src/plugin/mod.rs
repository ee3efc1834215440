//! A typed call into a plugin that is deployed, beside a bare function of the same library that does the same encoding, a trait
//! object here, and the same call over memory and HTTP.

mod bare;
mod deployed;
mod swap;

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use polywire_http::Protocol;

use crate::http::Call;
use crate::http::polywire as http;
use crate::memory::{Pair, encoding};
use crate::payload::{Order, Quote};
use crate::stats::median;
use bare::Bare;
use deployed::{Consumer, Repository};
pub use swap::{Swaps, swaps};

/// A contender's name and what one call of it takes, in nanoseconds, beyond the bare function, by round.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Who.
    pub name: &'static str,
    /// Nanoseconds for a call, by round.
    pub calls: Vec<f64>,
    /// What it took more than the bare function in the same round.
    pub beyond: Vec<f64>,
}

/// One payload size.
#[derive(Clone, Debug)]
pub struct Case {
    /// The size of the request's JSON, in bytes.
    pub bytes: usize,
    /// In the order of the table.
    pub figures: Vec<Figure>,
}

/// Short enough that most batches run without losing the processor.
const BATCH: u32 = 50;
/// Who is measured, the bare function first.
const NAMES: [&str; 7] = [
    "bare function of a library",
    "encoding alone",
    "trait object",
    "memory channel",
    "plugin, short",
    "plugin, on threads of its own",
    "HTTP, both ends in this process",
];

/// Where cargo puts the plugins, beside the program that measures.
fn library(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let folder = program.parent().ok_or("the program is in no folder")?;
    let path = folder
        .join("examples")
        .join(libloading::library_filename(name));
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is missing: `cargo xtask bench plugin` builds it",
        path.display()
    )
    .into())
}

/// What a program has without a library: a call through a trait object, the payload as it is.
trait Quotes {
    fn quote(&self, order: Order) -> Quote;
}

struct Here;

impl Quotes for Here {
    fn quote(&self, order: Order) -> Quote {
        order.quote()
    }
}

/// Measures one payload size within about `time`.
///
/// # Errors
/// When a library is missing or a call fails.
pub async fn measure(bytes: usize, time: Duration) -> Result<Case, Box<dyn Error>> {
    let (short, patient) = (library("plugin_short")?, library("plugin_patient")?);
    // A plugin's library is the plugin's alone.
    let copies = tempfile::tempdir()?;
    let copy = copies.path().join("bare.so");
    std::fs::copy(&short, &copy)?;
    let bare = Bare::open(&copy)?;
    let repositories = [Repository::new()?, Repository::new()?];
    for (repository, library) in repositories.iter().zip([&short, &patient]) {
        repository.deploy(&repository.publish(library)?)?;
    }
    let [short, patient] = &repositories;
    let (short, patient) = (Consumer::new(short)?, Consumer::new(patient)?);
    let server = http::serve().await?;
    let client = http::Client::new(&server.address, Protocol::Auto).await?;
    let pair = Pair::start().await?;
    let local: Box<dyn Quotes> = black_box(Box::new(Here));
    let order = Order::of_size(bytes);
    let mut rounds: Vec<[f64; NAMES.len()]> = Vec::new();
    let start = Instant::now();
    while start.elapsed() < time || rounds.len() < 5 {
        let mut took = [0.0; NAMES.len()];
        for (which, slot) in took.iter_mut().enumerate() {
            let begin = Instant::now();
            for _ in 0..BATCH {
                let order = black_box(&order);
                black_box(match which {
                    0 => bare.quote(order)?,
                    1 => encoding(order)?,
                    2 => local.quote(order.clone()),
                    3 => pair.call(order).await?,
                    4 => short.call(order).await?,
                    5 => patient.call(order).await?,
                    _ => client.call(order.clone()).await?,
                });
            }
            *slot = begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH);
        }
        rounds.push(took);
    }
    let figures = NAMES.iter().enumerate().map(|(which, name)| Figure {
        name,
        calls: rounds.iter().map(|round| round[which]).collect(),
        beyond: rounds.iter().map(|round| round[which] - round[0]).collect(),
    });
    Ok(Case {
        bytes,
        figures: figures.collect(),
    })
}

/// Calls a short plugin a fixed number of times, for counting instructions under a profiler.
///
/// # Errors
/// As [`measure`].
pub async fn repeat(times: u32, bytes: usize) -> Result<(), Box<dyn Error>> {
    let repository = Repository::new()?;
    repository.deploy(&repository.publish(&library("plugin_short")?)?)?;
    let consumer = Consumer::new(&repository)?;
    let order = Order::of_size(bytes);
    for _ in 0..times {
        black_box(consumer.call(black_box(&order)).await?);
    }
    Ok(())
}

impl Figure {
    /// The median of all rounds.
    #[must_use]
    pub fn call(&self) -> f64 {
        median(&self.calls)
    }

    /// The median of the differences within a round.
    #[must_use]
    pub fn overhead(&self) -> f64 {
        median(&self.beyond)
    }
}
