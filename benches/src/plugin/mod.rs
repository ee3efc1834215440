//! A typed call into a plugin, beside a bare function of the same library that does the same encoding, and a trait object here.

mod bare;

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire_core::contract::Name;
use polywire_core::{Result, Service, Session};
use polywire_plugin::host::{HostConfig, PluginHost};
use polywire_plugin::{Hosts, PluginChannel};

use crate::contract::{ORDERS, Orders, QUOTE, contract, session};
use crate::memory::{Pair, encoding};
use crate::payload::{Order, Quote};
use crate::stats::median;
use bare::Bare;

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

/// The plugin of one library in this process.
#[derive(Debug)]
struct Loaded {
    session: Session,
}

#[derive(Debug)]
struct One(Arc<PluginHost>);

impl Hosts for One {
    fn host(&self, _: &Name) -> Result<Arc<PluginHost>> {
        Ok(self.0.clone())
    }

    fn started(&self) -> Vec<Arc<PluginHost>> {
        vec![self.0.clone()]
    }
}

impl Loaded {
    fn new(library: &Path) -> std::result::Result<Self, Box<dyn Error>> {
        let contract = contract()?;
        let host = PluginHost::new(HostConfig::new(ORDERS))?;
        let generation = host.loader().load(library, &[], &|_| Ok(()))?;
        let service = Service::new(Orders::new(contract.clone()))?;
        host.install(&generation, service.offer());
        let channel = Arc::new(PluginChannel::new(Arc::new(One(host)), 2 * 1024 * 1024));
        Ok(Self {
            session: session(channel, contract)?,
        })
    }
}

/// Short enough that most batches run without losing the processor.
const BATCH: u32 = 50;
/// Who is measured, the bare function first.
const NAMES: [&str; 6] = [
    "bare function of a library",
    "encoding alone",
    "trait object",
    "memory channel",
    "plugin, short",
    "plugin, on threads of its own",
];

/// Where cargo puts the plugins, beside the program that measures.
fn library(name: &str) -> std::result::Result<PathBuf, Box<dyn Error>> {
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
pub async fn measure(bytes: usize, time: Duration) -> std::result::Result<Case, Box<dyn Error>> {
    let (short, patient) = (library("plugin_short")?, library("plugin_patient")?);
    let bare = Bare::open(&short)?;
    // The system has each library once, and the bare function is one of the first.
    let copies = tempfile::tempdir()?;
    let copy = copies.path().join("short.so");
    std::fs::copy(&short, &copy)?;
    let other = copies.path().join("patient.so");
    std::fs::copy(&patient, &other)?;
    let (short, patient) = (Loaded::new(&copy)?, Loaded::new(&other)?);
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
                    4 => call(&short, order).await?,
                    _ => call(&patient, order).await?,
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

async fn call(
    loaded: &Loaded,
    order: &Order,
) -> std::result::Result<Quote, polywire_core::CallError<polywire_core::NoError>> {
    loaded.session.request(QUOTE, order).await
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
