//! What takes the figures of a plugin to the recorder of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use polywire_core::{Error, ErrorKind, Health, Result};

use super::counts::Totals;
use super::event::Event;
use super::figures::Account;
use super::names::{self, CALLS, GENERATIONS, HEALTHY, OVERRUN, RELEASE, REMAINING, STUCK};
use crate::host::PluginHost;

/// Takes figures to the recorder of the program, again and again. It has a thread of its own: neither calls nor whoever keeps a
/// plugin current wait for a recorder, and figures go on while whoever keeps it waits for the repository.
///
/// Nothing of the recorder is kept: it may be installed late, and may forget series that are idle. Dropping this ends its thread.
pub(crate) struct Sampler {
    /// Closed, it ends the thread.
    stop: SyncSender<()>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a recorder may take for the last figures.
const LAST: Duration = Duration::from_secs(1);

impl Sampler {
    /// Starts to tell of a host.
    ///
    /// # Errors
    /// `Internal` when the thread cannot be started.
    pub(crate) fn start(host: Arc<PluginHost>) -> Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let (running, ended) = sync_channel::<()>(0);
        let sample = move || {
            let contract = host.contract().as_str();
            let mut told = Told::default();
            names::describe();
            told.tell(contract, Figure::of(&host));
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                told.tell(contract, Figure::of(&host));
            }
            let last = Figure {
                healthy: false,
                ..Figure::of(&host)
            };
            told.tell(contract, last);
            drop(running);
        };
        thread::Builder::new()
            .name("polywire-figures".to_owned())
            .spawn(sample)
            .map_err(|error| {
                let text = format!("no thread to tell metrics on: {error}");
                Error::new(ErrorKind::Internal, text)
            })?;
        Ok(Self { stop, ended })
    }

    /// Ends it, and waits until the last figures are told. A recorder that hangs is not waited for.
    pub(crate) fn finish(self) {
        drop(self.stop);
        // It is closed, or it takes too long.
        let _ = self.ended.recv_timeout(LAST);
    }
}

/// What there is to tell at one moment. Nothing in it keeps a release.
struct Figure {
    healthy: bool,
    events: BTreeMap<Event, u64>,
    /// For how many calls nobody could be had.
    unserved: u64,
    accounts: Vec<Account>,
    served: BTreeSet<Served>,
    /// The libraries that serve.
    resident: BTreeSet<u64>,
    retired: u64,
    remaining: Duration,
}

/// A major, the release that serves it, and the number of the index.
type Served = (String, String, String);

impl Figure {
    fn of(host: &PluginHost) -> Self {
        let figures = &host.figures;
        let sequence = figures.sequence().to_string();
        let roster = host.switch.roster.load();
        let residents = roster.residents();
        let served = residents.iter().filter_map(|(major, resident)| {
            let release = resident.release()?.version().to_string();
            Some((major.to_string(), release, sequence.clone()))
        });
        let remaining = residents
            .values()
            .filter_map(|resident| resident.remaining());
        let ids = residents
            .values()
            .map(|resident| resident.generation().id());
        Self {
            healthy: host.health() == Health::Ready,
            events: figures.events(),
            unserved: figures.refused(),
            accounts: figures.accounts(),
            served: served.collect(),
            resident: ids.collect(),
            retired: host.switch.retired.load(Ordering::Relaxed),
            remaining: remaining.min().unwrap_or_default(),
        }
    }
}

/// What was told last, so that it is taken back when it does not hold any more.
#[derive(Default)]
struct Told {
    /// The releases of which stuck calls were told.
    stuck: BTreeSet<String>,
    served: BTreeSet<Served>,
}

impl Told {
    fn tell(&mut self, contract: &str, figure: Figure) {
        for event in Event::EXPECTED {
            event.record(contract, 0);
        }
        for (event, times) in &figure.events {
            event.record(contract, *times);
        }
        CALLS.add([contract, "none", "refused"], figure.unserved);
        for account in &figure.accounts {
            calls(contract, account);
        }
        self.stuck(contract, &figure.accounts);
        libraries(contract, &figure);
        HEALTHY.set([contract], if figure.healthy { 1.0 } else { 0.0 });
        REMAINING.set([contract], figure.remaining.as_secs_f64());
        self.served(contract, figure.served);
    }

    fn stuck(&mut self, contract: &str, accounts: &[Account]) {
        let gone = std::mem::take(&mut self.stuck);
        let mut stuck: BTreeMap<&str, usize> =
            gone.iter().map(|release| (release.as_str(), 0)).collect();
        for account in accounts {
            *stuck.entry(&account.release).or_default() += account.stuck;
        }
        for (release, calls) in stuck {
            STUCK.set([contract, release], number(calls));
        }
        let there = accounts.iter().filter(|account| !account.gone);
        self.stuck = there.map(|account| account.release.clone()).collect();
    }

    fn served(&mut self, contract: &str, served: BTreeSet<Served>) {
        for (major, release, sequence) in self.served.difference(&served) {
            RELEASE.set([contract, major, release, sequence], 0.0);
        }
        for (major, release, sequence) in &served {
            RELEASE.set([contract, major, release, sequence], 1.0);
        }
        self.served = served;
    }
}

fn calls(contract: &str, account: &Account) {
    let Account { release, news, .. } = account;
    let Totals {
        answered,
        failed,
        panicked,
        refused,
        late,
    } = *news;
    CALLS.add([contract, release, "answered"], answered);
    CALLS.add([contract, release, "failed"], failed);
    CALLS.add([contract, release, "panicked"], panicked);
    CALLS.add([contract, release, "refused"], refused);
    OVERRUN.add([contract, release], late);
}

fn libraries(contract: &str, figure: &Figure) {
    let accounts = figure.accounts.iter();
    let replaced =
        accounts.filter(|account| !account.gone && !figure.resident.contains(&account.generation));
    let (draining, kept): (Vec<_>, Vec<_>) = replaced.partition(|account| account.running > 0);
    let distinct = |accounts: Vec<&Account>| -> BTreeSet<u64> {
        accounts.iter().map(|account| account.generation).collect()
    };
    let (draining, kept) = (distinct(draining), distinct(kept));
    let set = |state, count| GENERATIONS.set([contract, state], number(count));
    set("resident", figure.resident.len());
    set("draining", draining.len());
    set("kept", kept.difference(&draining).count());
    set(
        "retired",
        usize::try_from(figure.retired).unwrap_or(usize::MAX),
    );
}

/// Exact for as many as there may be.
#[allow(clippy::cast_precision_loss)]
fn number(count: usize) -> f64 {
    count as f64
}
