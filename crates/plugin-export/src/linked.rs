//! A provider in its host's own program, behind the same C interface as a library: for tests of both sides of it.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt;
use std::mem::size_of;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use polywire_core::{Channel, Error, ErrorKind, Result, Service};
use polywire_plugin_abi::raw;

use crate::channel::HostChannel;
use crate::contain::contain;
use crate::described::Described;
use crate::entry::{call, quiesce, self_test, start};
use crate::export::{Export, Setup};
use crate::hook;
use crate::instance::{Instance, routes};

/// A provider that is no library: it never goes away, and one of it is made at most.
///
/// Its calls run on the instance's own runtime, so a host calls it on a thread that may wait. From the first one on, panics
/// of the whole program are counted on their way to the program's own hook, since a panic tells the host's log nothing here.
///
/// Dropping it frees what it has described; an instance that was made of it goes on until its host ends it.
#[derive(Debug)]
pub struct Linked {
    id: u64,
    entry: Arc<Entry>,
}

struct Entry {
    plugin: raw::Plugin,
    described: Arc<Described>,
    /// There until an instance is made.
    service: Mutex<Option<Arc<Service>>>,
    /// There from then on.
    channel: OnceLock<Arc<HostChannel>>,
}

// SAFETY: the descriptor points to functions and to what is described, which is there as long and never changes.
unsafe impl Send for Entry {}

static IDS: AtomicU64 = AtomicU64::new(1);
/// Those that are there: a C function finds its own by the configuration that it is given.
static LINKED: Mutex<BTreeMap<u64, Arc<Entry>>> = Mutex::new(BTreeMap::new());

impl Linked {
    /// A plugin that answers with this service.
    ///
    /// # Errors
    /// `Config` when a version of it cannot be named by a requirement.
    pub fn new(service: impl Into<Arc<Service>>) -> Result<Self> {
        hook::count_as_well();
        let service = service.into();
        let described = Arc::new(Described::new(service.contracts().cloned().collect()));
        routes(&service, &described.contracts)?;
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry {
            plugin: descriptor(&described),
            described,
            service: Mutex::new(Some(service)),
            channel: OnceLock::new(),
        });
        linked().insert(id, entry.clone());
        Ok(Self { id, entry })
    }

    /// The configuration that its host passes when it makes the instance.
    #[must_use]
    pub fn config(&self) -> Vec<u8> {
        self.id.to_le_bytes().to_vec()
    }

    /// Its descriptor, which is there as long as this is; the functions in it stay for ever.
    #[must_use]
    pub fn plugin(&self) -> *const raw::Plugin {
        &raw const self.entry.plugin
    }

    /// The provider's end, as [`Setup::channel`]; `None` until its host has made the instance.
    #[must_use]
    pub fn channel(&self) -> Option<Arc<dyn Channel>> {
        let channel = self.entry.channel.get()?;
        Some(channel.clone())
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        linked().remove(&self.id);
    }
}

impl Entry {
    fn instance(&self, setup: &Setup) -> Result<Instance> {
        let service = self
            .service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(service) = service else {
            return Err(Error::new(
                ErrorKind::Config,
                "this plugin was linked before: link each one once",
            ));
        };
        let made = Instance::new(
            setup,
            |_| Ok(Export::new(service)),
            &self.described.contracts,
        )?;
        let _ = self.channel.set(setup.host_channel().clone());
        Ok(made)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("contracts", &self.described.contracts.len())
            .field("is_linked", &self.channel.get().is_some())
            .finish_non_exhaustive()
    }
}

fn linked() -> MutexGuard<'static, BTreeMap<u64, Arc<Entry>>> {
    LINKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The descriptor of what is described, and valid for as long.
fn descriptor(described: &Described) -> raw::Plugin {
    let entries = described.entries();
    let first = described.contracts.first();
    raw::Plugin {
        magic: raw::MAGIC,
        abi_major: raw::ABI_MAJOR,
        abi_minor: raw::ABI_MINOR,
        size: u32::try_from(size_of::<raw::Plugin>()).unwrap_or(0),
        flags: raw::CONCURRENT | raw::OWN_THREADS,
        name: first.map_or(raw::Slice::EMPTY, |contract| {
            raw::Slice::of(contract.name().as_bytes())
        }),
        release: raw::Slice::of(env!("CARGO_PKG_VERSION").as_bytes()),
        build_id: raw::Slice::EMPTY,
        contracts: entries.as_ptr(),
        n_contracts: u32::try_from(entries.len()).unwrap_or(0),
        init: Some(init),
        call: Some(call),
        self_test: Some(self_test),
        quiesce: Some(quiesce),
        live_threads: Some(live_threads),
        destroy: Some(destroy),
        fini: Some(fini),
        describe: None,
    }
}

unsafe extern "C" fn init(
    host: *const raw::Host,
    config: raw::Slice,
    instance: *mut *mut c_void,
    err: *const raw::Sink,
) -> i32 {
    // SAFETY: the host passes what this one is promised.
    unsafe {
        start(host, config, instance, err, |host, config| {
            let id = <[u8; 8]>::try_from(&config[..]).map(u64::from_le_bytes);
            let entry = id.ok().and_then(|id| linked().get(&id).cloned());
            let Some(entry) = entry else {
                return Err(Error::new(
                    ErrorKind::Config,
                    "no plugin is linked under this configuration: pass that of Linked::config",
                ));
            };
            entry.instance(&Setup::new(Bytes::new(), host, entry.described.clone()))
        })
    }
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    let _ = contain(|| {
        if !instance.is_null() {
            // SAFETY: the host passes what `init` gave, once, when nothing runs in it.
            drop(unsafe { Box::from_raw(instance.cast::<Instance>()) });
        }
    });
}

/// None that would be left in a library that is closed.
unsafe extern "C" fn live_threads() -> u32 {
    0
}

/// Nothing is closed, and so nothing let go of.
unsafe extern "C" fn fini() -> i32 {
    0
}
