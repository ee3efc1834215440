//! A release that serves calls: asynchronous callers on one side, a library that blocks on the other.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Name, Offered, Version};
use polywire_core::lifecycle::provider_closed;
use polywire_core::{Dispatched, Error, ErrorKind, Head, Outcome, Result, fields};
use polywire_plugin_abi::write_header;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::metrics::Counts;
use super::roster::Place;
use super::waiting;
use crate::format::ReleaseId;
use crate::native::{Cancel, Generation, Request};
use crate::window::Gate;

/// A generation that calls go to, with what they need to get in.
pub(super) struct Resident {
    generation: Arc<Generation>,
    /// Without it calls are let in for ever, as into a provider that is linked into this program.
    deployed: Option<Deployed>,
    versions: Vec<Spoken>,
    /// Whether its calls end soon and never wait, so that they run where their callers are.
    short: bool,
    places: Arc<Semaphore>,
    workers: usize,
    /// Ends the calls that are under way, for those who wait for them.
    cut: CancellationToken,
    counts: Arc<Counts>,
}

/// One contract version, by its place in the descriptor.
struct Spoken {
    offered: Offered,
    contract: usize,
    methods: HashMap<Name, usize>,
}

/// Which release it is, and for how long it may be called.
pub(super) struct Deployed {
    pub(super) release: ReleaseId,
    pub(super) gate: Gate,
}

impl Resident {
    /// A generation that serves these versions of a contract, with so many calls at once.
    pub(super) fn new(
        generation: Arc<Generation>,
        deployed: Option<Deployed>,
        (contract, offered): (&Name, Vec<Offered>),
        workers: usize,
    ) -> Self {
        let described = &generation.descriptor().contracts;
        let spoken = |mut offered: Offered| {
            let same = |(_, known): &(usize, &crate::native::Contract)| {
                known.name == contract.as_str() && *known.version.version() == offered.version
            };
            let (index, known) = described.iter().enumerate().find(same)?;
            let methods: HashMap<Name, usize> = known
                .methods
                .iter()
                .enumerate()
                .filter_map(|(place, method)| Some((method.parse().ok()?, place)))
                .collect();
            // What it does not have is not offered.
            offered
                .interactions
                .get_or_insert_with(|| methods.keys().cloned().collect())
                .retain(|interaction| methods.contains_key(interaction));
            Some(Spoken {
                offered,
                contract: index,
                methods,
            })
        };
        let versions = offered.into_iter().filter_map(spoken).collect();
        let flags = generation.descriptor().flags;
        Self {
            short: flags.is_short() && flags.is_concurrent(),
            generation,
            deployed,
            versions,
            places: Arc::new(Semaphore::new(workers)),
            workers,
            cut: CancellationToken::new(),
            counts: Arc::default(),
        }
    }

    pub(super) fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    pub(super) fn release(&self) -> Option<&ReleaseId> {
        self.deployed.as_ref().map(|deployed| &deployed.release)
    }

    pub(super) fn offered(&self) -> impl Iterator<Item = &Offered> {
        self.versions.iter().map(|spoken| &spoken.offered)
    }

    /// Where a method of a version is in the descriptor.
    pub(super) fn place(self: &Arc<Self>, version: &Version, interaction: &Name) -> Option<Place> {
        let spoken = self
            .versions
            .iter()
            .find(|spoken| spoken.offered.version == *version)?;
        Some(Place {
            resident: self.clone(),
            contract: spoken.contract,
            method: *spoken.methods.get(interaction)?,
        })
    }

    /// Whether calls are let in.
    ///
    /// # Errors
    /// `Unavailable`, since the deployment window has passed.
    pub(super) fn check(&self) -> Result<()> {
        let deployed = self.deployed.as_ref();
        deployed.map_or(Ok(()), |deployed| deployed.gate.check())
    }

    /// Gives up every call that is under way, and what the release says to other services.
    pub(super) fn cut(&self) {
        self.cut.cancel();
        self.generation.cut_off();
    }

    /// How many calls were given up by their callers and still run.
    pub(super) fn stuck(&self) -> usize {
        self.counts.stuck().load(Ordering::Relaxed)
    }

    /// How many calls are in the plugin, whether anybody waits for them or not.
    pub(super) fn running(&self) -> usize {
        self.counts.running().load(Ordering::SeqCst)
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// For how much longer calls are let in without another contact; `None` for ever.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let deployed = self.deployed.as_ref();
        deployed.map(|deployed| deployed.gate.remaining())
    }
}

/// A call that is in the plugin, until it is dropped.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn of(running: &'a AtomicUsize) -> Self {
        running.fetch_add(1, Ordering::SeqCst);
        Self(running)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Place {
    /// Calls it, until a deadline where there is one. Dropping the future gives the call up.
    ///
    /// # Errors
    /// `Unavailable` when the deployment window has passed, before the call or while it ran; `Overloaded` when all workers stayed
    /// busy until the deadline; `DeadlineExceeded`; and those of [`Generation::call`].
    pub(super) async fn call(&self, head: &Head, body: Bytes) -> Result<(Outcome, Bytes)> {
        if !self.resident.short {
            // Before it waits for a thread.
            self.let_in()?;
        }
        let mut headers = Vec::with_capacity(160);
        fields::write(head, |name, value| {
            write_header(&mut headers, name, value).map_err(|error| {
                let text = error.to_string();
                self.refused(Error::new(ErrorKind::TooLarge, text).dispatched_as(Dispatched::No))
            })
        })?;
        let answer = if self.resident.short {
            let timeout = self.time_left(head)?;
            self.run(timeout, &headers, &body, None)
        } else {
            // Boxed, as short calls would carry it along.
            Box::pin(self.hand_over(head, headers, body)).await
        };
        let ran = |error: &Error| error.dispatched() != Dispatched::No;
        if answer.as_ref().err().is_none_or(ran) {
            // What was let in and came out too late is not what is deployed any more.
            self.resident.check().map_err(|expired| {
                self.resident.counts.late();
                expired.dispatched_as(Dispatched::Maybe)
            })?;
        }
        answer
    }

    /// Lets a call in, or refuses it.
    fn let_in(&self) -> Result<()> {
        self.resident
            .check()
            .map_err(|expired| self.refused(expired))
    }

    /// Counts a call that is not let in.
    fn refused(&self, error: Error) -> Error {
        self.resident.counts.refused();
        error
    }

    fn time_left(&self, head: &Head) -> Result<Option<Duration>> {
        match head.remaining() {
            Some(Duration::ZERO) => {
                Err(self.refused(late(head, "before the plugin was called", Dispatched::No)))
            }
            left => Ok(left),
        }
    }

    /// Runs it on this thread, if calls are let in.
    fn run(
        &self,
        timeout: Option<Duration>,
        headers: &[u8],
        body: &[u8],
        cancel: Option<&Cancel>,
    ) -> Result<(Outcome, Bytes)> {
        // It may have waited for its thread since the gate was looked at first.
        self.let_in()?;
        let _inside = Inside::of(self.resident.counts.running());
        let (panicked, answer) = self.resident.generation.called(&Request {
            contract: self.contract,
            method: self.method,
            timeout,
            headers,
            body,
            cancel,
        });
        self.resident.counts.ended(panicked, &answer);
        answer
    }

    /// Runs it on a thread that may block.
    async fn hand_over(
        &self,
        head: &Head,
        headers: Vec<u8>,
        body: Bytes,
    ) -> Result<(Outcome, Bytes)> {
        // Without a deadline the plugin's own bound holds.
        let never = || Instant::now() + Duration::from_secs(30 * 86_400);
        let deadline = head.deadline.unwrap_or_else(never);
        let place = self.resident.places.clone().acquire_owned();
        let Ok(Ok(place)) = timeout_at(deadline, place).await else {
            let text = format!(
                "{}.{} runs its {} calls already: retry later, or raise workers",
                head.contract, head.interaction, self.resident.workers
            );
            let error = Error::new(ErrorKind::Overloaded, text).dispatched_as(Dispatched::No);
            return Err(self.refused(error));
        };
        let timeout = self.time_left(head)?;
        let (waiting, running) = waiting::begin(self.resident.counts.stuck());
        let own = self.clone();
        let work = blocking::unblock(move || {
            let answer = own.run(timeout, &headers, &body, Some(running.cancel()));
            drop(running);
            drop(place);
            answer
        });
        // The plugin has the same deadline and answers at it, unless it is stuck.
        let answered = tokio::select! {
            biased;
            answered = timeout_at(deadline + GRACE, work) => answered,
            () = self.resident.cut.cancelled() => return Err(provider_closed()),
        };
        if answered.is_ok() {
            waiting.done();
        }
        answered.unwrap_or_else(|_| {
            Err(late(
                head,
                "and the plugin is still running",
                Dispatched::Yes,
            ))
        })
    }
}

/// How much later than the deadline a plugin may say that it has passed.
const GRACE: Duration = Duration::from_millis(25);

fn late(head: &Head, when: &str, dispatched: Dispatched) -> Error {
    let text = format!(
        "the deadline of {}.{} has passed, {when}",
        head.contract, head.interaction
    );
    Error::new(ErrorKind::DeadlineExceeded, text).dispatched_as(dispatched)
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resident")
            .field("generation", &self.generation)
            .field("release", &self.release())
            .field("stuck", &self.stuck())
            .finish_non_exhaustive()
    }
}
