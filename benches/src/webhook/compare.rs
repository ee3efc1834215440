//! Alternating rounds of all contenders.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire_core::codec;
use polywire_webhook::store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore};

use super::bare::Bare;
use super::polywire::Polywire;
use super::sink::Sink;
use crate::cpu;
use crate::payload::Order;

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// A batch of SQLite, and a loop of signed posts that stores nothing.
    Bare,
    /// Polywire, with its store in SQLite.
    Sqlite,
    /// Polywire, with its store in PostgreSQL.
    Postgres,
}

impl Contender {
    /// All of them; what the others are compared with comes first.
    pub const ALL: [Self; 3] = [Self::Bare, Self::Sqlite, Self::Postgres];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "SQLite batch; signed posts",
            Self::Sqlite => "polywire, SQLite",
            Self::Postgres => "polywire, PostgreSQL",
        }
    }
}

/// What is measured and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The payload size, in bytes of JSON.
    pub bytes: usize,
    /// How often every contender has its turn.
    pub rounds: usize,
    /// Events in a turn.
    pub events: usize,
    /// How many of them are published at once.
    pub window: usize,
}

/// What one turn took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Events kept per second.
    pub published: f64,
    /// CPU time of this process per event kept, in microseconds.
    pub publish_cpu: f64,
    /// Deliveries per second, until the last one is settled.
    pub delivered: f64,
    /// CPU time of this process per delivery, in microseconds.
    pub delivery_cpu: f64,
    /// The share of the machine that was used by others than this process; the sink and the database are among them.
    pub others: f64,
}

/// The samples of every contender, in the order of the rounds.
pub type Figures = Vec<(Contender, Vec<Sample>)>;

/// Runs the plan, with a PostgreSQL server at an URL; `progress` is told each round before it begins.
///
/// # Errors
/// When a store or the sink cannot be used.
pub async fn compare(
    plan: &Plan,
    postgres: &str,
    mut progress: impl FnMut(usize),
) -> Result<Figures, Box<dyn Error>> {
    let mut sink = Sink::start().await?;
    let body = codec::encode(&Order::of_size(plan.bytes))?;
    let folder = tempfile::tempdir()?;
    let file = SqliteOptions::new(folder.path().join("outbox.db"));
    let mut bare = Bare::start(&sink)?;
    let sqlite = Polywire::start(Arc::new(SqliteStore::open(file).await?), &sink).await?;
    let database = PostgresStore::open(PostgresOptions::new(postgres)).await?;
    let database = Polywire::start(Arc::new(database), &sink).await?;
    let mut figures: Figures = Contender::ALL.map(|one| (one, Vec::new())).into();
    // One more, which does not count: files, connections and caches are new in the first.
    for round in 0..=plan.rounds {
        progress(round);
        for (contender, own) in &mut figures {
            let begin = (Instant::now(), used()?, cpu::of_machine()?);
            let store = match contender {
                Contender::Bare => None,
                Contender::Sqlite => Some(&sqlite),
                Contender::Postgres => Some(&database),
            };
            let (before, cpu) = (Instant::now(), used()?);
            match store {
                None => bare.keep(plan.events, &body)?,
                Some(store) => store.publish(plan.events, plan.window, &body).await?,
            }
            let published = (before.elapsed(), used()?.saturating_sub(cpu));
            let (before, cpu) = (Instant::now(), used()?);
            match store {
                None => {
                    bare.post(plan.events, &body).await?;
                    sink.takes(plan.events).await?;
                }
                Some(store) => store.deliver(plan.events, &mut sink).await?,
            }
            let delivered = (before.elapsed(), used()?.saturating_sub(cpu));
            if round > 0 {
                own.push(sample(plan.events, published, delivered, others(begin)?));
            }
        }
    }
    Ok(figures)
}

fn sample(
    events: usize,
    published: (Duration, Duration),
    delivered: (Duration, Duration),
    others: f64,
) -> Sample {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let events = events as f64;
    Sample {
        published: events / published.0.as_secs_f64(),
        publish_cpu: published.1.as_secs_f64() * 1e6 / events,
        delivered: events / delivered.0.as_secs_f64(),
        delivery_cpu: delivered.1.as_secs_f64() * 1e6 / events,
        others,
    }
}

fn used() -> std::io::Result<Duration> {
    cpu::of_process(std::process::id())
}

/// The share of the machine that others have used since then.
fn others(begin: (Instant, Duration, Duration)) -> Result<f64, Box<dyn Error>> {
    let own = used()?.saturating_sub(begin.1);
    let all = cpu::of_machine()?.saturating_sub(begin.2);
    let processors = u32::try_from(std::thread::available_parallelism()?.get())?;
    Ok(all.saturating_sub(own).as_secs_f64() / (begin.0.elapsed() * processors).as_secs_f64())
}
