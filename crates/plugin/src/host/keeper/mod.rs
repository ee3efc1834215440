//! Keeps what is installed as the repository names it: a thread that looks, makes contact, loads, swaps, and goes back.

mod bake;
mod follow;
mod load;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};

use super::PluginHost;
use super::metrics::{Event, Sampler};
use super::resident::Resident;
use crate::fetch::Reader;
use crate::format::{Index, InstanceId, Manifest, PluginName, ReleaseId};
use crate::layout::below;
use crate::native::Generation;
use crate::refusal::Refusal;
use crate::watch::{Stopper, Wake, Watch};
use crate::window::{BootClock, BootTime, Contact, Proof, Slot, Window};

/// A plugin that is deployed in a repository, and on which terms it is run.
#[derive(Debug)]
pub struct Deployment {
    /// The plugin.
    pub plugin: PluginName,
    /// What is believed of its repository.
    pub reader: Reader,
    /// What tells that it may have changed.
    pub watch: Watch,
    /// For how long what runs may go on without proof that it is still deployed.
    pub window: Duration,
    /// What proves that the repository is there.
    pub proof: Proof,
    /// The name under which this process acknowledges what it runs; no other has it.
    pub instance: InstanceId,
    /// For how long a release that was replaced is kept, to go back to.
    pub bake: Duration,
    /// The folder of a file for each plugin, of its name, which it is configured with.
    pub settings: Option<PathBuf>,
    /// The time.
    pub clock: Arc<dyn BootClock>,
}

/// Keeps a host as a repository names it, until it is stopped or dropped.
pub struct Keeper {
    stopper: Stopper,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// Starts to keep a host.
    ///
    /// # Errors
    /// `Config` for a deployment window that is too short or too long; `Internal` when the thread cannot be started.
    pub fn start(host: Arc<PluginHost>, deployment: Deployment) -> Result<Self> {
        let Deployment {
            plugin,
            reader,
            watch,
            window,
            proof,
            instance,
            bake,
            settings,
            clock,
        } = deployment;
        let source = reader.fetcher().describe();
        let window = Window::new(&source, &plugin, window, clock.clone())?;
        let stopper = watch.stopper();
        {
            let mut state = host.state.lock();
            state.looking = true;
            state.source = Some(source);
        }
        host.wanted.lock().hint = Some(stopper.clone());
        let run = Run {
            sampler: Sampler::start(host.clone())?,
            contact: Contact::new(reader.clone(), plugin.clone(), instance, proof),
            host,
            plugin,
            reader,
            watch,
            window: Mutex::new(window),
            clock,
            bake,
            settings,
            manifests: BTreeMap::new(),
            seq: 0,
            told: 0,
            warm: BTreeMap::new(),
            draining: Vec::new(),
            refused: BTreeMap::new(),
            revoked: BTreeMap::new(),
            asked: BTreeSet::new(),
            rollback: None,
        };
        let thread = thread::Builder::new()
            .name("polywire-deploy".to_owned())
            .spawn(move || run.keep())
            .map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("no thread to load plugins on: {error}"),
                )
            })?;
        Ok(Self {
            stopper,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Has it stop, and take its acknowledgement back. Does not wait.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Waits until it has stopped, which takes as long as the repository does to answer.
    pub fn join(&self) {
        self.stop();
        if let Some(thread) = self.thread.lock().take() {
            // A panic in it was printed; there is nothing left to be done.
            let _ = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

/// What the thread has.
struct Run {
    /// Tells what happens to the plugin in metrics.
    sampler: Sampler,
    host: Arc<PluginHost>,
    plugin: PluginName,
    reader: Reader,
    watch: Watch,
    contact: Contact,
    window: Mutex<Window>,
    clock: Arc<dyn BootClock>,
    bake: Duration,
    settings: Option<PathBuf>,
    /// Those of the releases that the index names.
    manifests: BTreeMap<ReleaseId, Manifest>,
    /// The index that was followed last.
    seq: u64,
    /// The index that was acknowledged last.
    told: u64,
    /// What was replaced and can be gone back to.
    warm: BTreeMap<u64, Warm>,
    /// What was replaced and may still run calls.
    draining: Vec<(Slot, Weak<Generation>)>,
    /// What is not tried again for now.
    refused: BTreeMap<Slot, Refused>,
    /// What was stopped, while nothing else is named in its place.
    revoked: BTreeMap<u64, ReleaseId>,
    /// Whose callers wait for the end of this look.
    asked: BTreeSet<u64>,
    /// What was left of our own accord.
    rollback: Option<ReleaseId>,
}

/// What served a major before, while its successor proves itself.
struct Warm {
    slot: Slot,
    resident: Arc<Resident>,
    until: BootTime,
}

/// A release that is not served, and why.
struct Refused {
    code: &'static str,
    /// What happened, without the name of the release.
    message: String,
    /// How often it was tried.
    tries: u32,
    /// When it is tried again; never while the index stays the same, without.
    again: Option<BootTime>,
    /// The index that named it.
    seq: u64,
}

impl Run {
    fn keep(mut self) {
        while self.watch.wait() != Wake::Stopped {
            self.round();
        }
        self.host.wanted.lock().hint = None;
        self.host.clear();
        self.warm.clear();
        let plugin = self.plugin;
        if let Err(refusal) = self.contact.leave() {
            tracing::warn!(%plugin, %refusal, "the acknowledgement stays behind, and goes by its age");
        }
        self.sampler.finish();
    }

    /// One look, which may be one too many at no harm.
    fn round(&mut self) {
        self.asked.clone_from(&self.host.wanted.lock().pending);
        // First, so that the deployer is told in the same look.
        self.look_back();
        let looked = self.look();
        // Before another release serves in its place.
        self.run_out();
        match looked {
            Ok(index) => self.follow(&index),
            Err(refusal) => self.unread(&refusal),
        }
        self.answer();
    }

    /// Says whose deployment window has passed since the last look.
    fn run_out(&self) {
        let expired = self.window.lock().expire();
        for slot in expired {
            tracing::error!(plugin = %self.plugin, release = %slot.release, major = slot.major, "the deployment window has passed: calls are refused until the repository is reached again");
            let serves = self.current(slot.major);
            if serves.is_some_and(|now| now.release() == Some(&slot.release)) {
                self.host.figures.happened(Event::Expired);
            }
        }
    }

    /// The index as it is: by a contact when one is due, or else by a mere look.
    fn look(&mut self) -> Result<Index, Refusal> {
        let due = {
            let window = self.window.lock();
            window.next_contact(rand::random::<f64>()) <= self.clock.now()
        };
        if !due {
            let index = self.reader.index(&self.plugin)?;
            if index.seq == self.seq {
                return Ok(index);
            }
            // A change is acknowledged at once.
        }
        self.make_contact()
    }

    fn make_contact(&mut self) -> Result<Index, Refusal> {
        let made = self.contact.make(&self.window);
        let outcome = made.as_ref().map_or_else(Refusal::code, |_| Event::REACHED);
        self.host.figures.happened(Event::Contact(outcome));
        let index = made?;
        // A gate that was closed may be open again.
        self.host.switch.exchange.look_again();
        Ok(index)
    }

    /// Lets those go on who waited for this look, whatever it has brought.
    fn answer(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        self.host
            .wanted
            .lock()
            .pending
            .retain(|major| !self.asked.contains(major));
        self.host.switch.tell();
    }

    /// Says what keeps the repository from being read.
    fn unread(&self, refusal: &Refusal) {
        let repository = self.reader.fetcher().describe();
        let text = match refusal {
            Refusal::Missing { path } if path.ends_with(below::index(&self.plugin)) => format!(
                "repository {repository:?} has no release of plugin {} deployed: {path:?} is not there",
                self.plugin
            ),
            Refusal::Missing { path } if path.ends_with(below::beacon(&self.plugin)) => format!(
                "{path:?} is not there, and proof = \"beacon\" takes it: have the publisher write it, or this process write its \
                 acknowledgement"
            ),
            Refusal::Unreachable { path, source } if *path == *repository => {
                format!("repository {repository:?} cannot be reached: {source}")
            }
            other => other.to_string(),
        };
        self.trouble(Some(text), None);
    }

    /// Says what keeps what is deployed from being served, or that nothing does.
    fn trouble(&self, unread: Option<String>, unserved: Option<BTreeMap<u64, String>>) {
        let (changed, tell) = {
            let mut state = self.host.state.lock();
            let unserved = unserved.unwrap_or_else(|| state.unserved.clone());
            let changed = state.unread != unread || state.unserved != unserved;
            let looked = std::mem::replace(&mut state.looking, false);
            state.unread = unread;
            state.unserved = unserved;
            let trouble = state.trouble(None).map(str::to_owned);
            (trouble.filter(|_| changed), changed || looked)
        };
        if let Some(trouble) = changed {
            tracing::warn!(plugin = %self.plugin, %trouble, "what is deployed is not served");
        }
        if tell {
            self.host.switch.tell();
        }
    }
}
