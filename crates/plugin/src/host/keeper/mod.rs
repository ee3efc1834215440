//! Keeps what is installed as the repository names it: a thread that looks, makes contact, loads, swaps, and goes back.

mod bake;
mod follow;
mod load;
mod report;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};

use super::PluginHost;
use super::resident::Resident;
use crate::fetch::Reader;
use crate::format::{Index, InstanceId, Manifest, PluginName, ReleaseId};
use crate::native::Generation;
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
        let hint = stopper.clone();
        host.wanted.lock().hint = Some(Box::new(move || hint.hint()));
        let run = Run {
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
            warm: BTreeMap::new(),
            draining: Vec::new(),
            refused: BTreeMap::new(),
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
    /// What was replaced and can be gone back to.
    warm: BTreeMap<u64, Warm>,
    /// What was replaced and may still run calls.
    draining: Vec<(Slot, Weak<Generation>)>,
    /// What is not tried again for now.
    refused: BTreeMap<Slot, Refused>,
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
    message: String,
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
        let plugin = self.plugin;
        if let Err(refusal) = self.contact.leave() {
            tracing::warn!(%plugin, %refusal, "the acknowledgement stays behind, and goes by its age");
        }
    }

    /// One look, which may be one too many at no harm.
    fn round(&mut self) {
        if let Some(index) = self.look() {
            self.follow(&index);
        }
        self.look_back();
        for slot in self.window.lock().expire() {
            tracing::error!(plugin = %self.plugin, release = %slot.release, major = slot.major, "the deployment window has passed: calls are refused until the repository is reached again");
        }
    }

    /// The index as it is: by a contact when one is due, or else by a mere look.
    fn look(&mut self) -> Option<Index> {
        let due = {
            let window = self.window.lock();
            window.next_contact(rand::random::<f64>()) <= self.clock.now()
        };
        let read = if due {
            self.contact.make(&self.window)
        } else {
            match self.reader.index(&self.plugin) {
                // A change is acknowledged at once.
                Ok(index) if index.seq != self.seq => self.contact.make(&self.window),
                read => read,
            }
        };
        match read {
            Ok(index) => {
                if due {
                    // A gate that was closed may be open again.
                    self.host.switch.exchange.look_again();
                }
                Some(index)
            }
            Err(refusal) => {
                self.trouble(Some(refusal.to_string()));
                None
            }
        }
    }

    /// Says what keeps what is deployed from being served, or that nothing does.
    fn trouble(&self, trouble: Option<String>) {
        let changed = {
            let mut state = self.host.state.lock();
            let changed = state.looking || state.trouble != trouble;
            if let Some(trouble) = trouble.as_ref().filter(|_| changed) {
                tracing::warn!(plugin = %self.plugin, %trouble, "what is deployed is not served");
            }
            state.looking = false;
            state.trouble = trouble;
            changed
        };
        if changed {
            self.host.switch.tell();
        }
    }
}
