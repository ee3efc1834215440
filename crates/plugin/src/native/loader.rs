//! From a file to a generation.

use std::fmt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polywire_plugin_abi::raw;
use polywire_plugin_abi::read::{self, Contract, Descriptor, Entries, ReadError};

use super::context::Context;
use super::error::LoadError;
use super::generation::Generation;
use super::library::Library;
use super::output::Output;
use super::parts::Parts;
use super::reaper::Grave;
use super::registry;
use super::services::Services;

/// The bounds within which plugins are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many plugin libraries may be in this process, with those that could not be closed: 64. A library without the
    /// unload shim takes one of the 1,024 keys that a process has.
    pub max_resident: usize,
    /// How long a generation may take to stop before it is left where it is: 5 seconds.
    pub quiesce: Duration,
    /// The largest answer of a plugin, in bytes: 16 MiB.
    pub max_answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_resident: 64,
            quiesce: Duration::from_secs(5),
            max_answer: 16 * 1024 * 1024,
        }
    }
}

/// Loads plugins.
#[derive(Clone)]
pub struct Loader {
    limits: Limits,
    services: Arc<dyn Services>,
    grave: Grave,
}

static IDS: AtomicU64 = AtomicU64::new(1);
/// The longest explanation of a plugin that is read, in bytes.
const MAX_EXPLANATION: usize = 16 * 1024;

impl Loader {
    /// A loader whose plugins are served by `services`.
    ///
    /// # Errors
    /// When the thread that ends generations cannot be started.
    pub fn new(limits: Limits, services: Arc<dyn Services>) -> Result<Self, LoadError> {
        let grave = Grave::new(limits.quiesce).map_err(LoadError::Thread)?;
        Ok(Self {
            limits,
            services,
            grave,
        })
    }

    /// How many plugin libraries are in this process, and how many of them will stay.
    #[must_use]
    pub fn resident() -> (usize, usize) {
        registry::count()
    }

    /// Loads a library, checks what it says about itself, makes an instance of it and has that test itself.
    ///
    /// `path` must be a file that nobody changes, and no other generation's: a private copy. It was verified before: the
    /// library's constructors run when it is loaded. `expect` compares the descriptor with what was promised of it, before
    /// anything else runs.
    ///
    /// # Errors
    /// Says what was found and what would work. What had been loaded by then is ended.
    pub fn load(
        &self,
        path: &Path,
        config: &[u8],
        expect: &dyn Fn(&Descriptor) -> Result<(), String>,
    ) -> Result<Arc<Generation>, LoadError> {
        let library = Library::open(path, self.limits.max_resident)?;
        self.begin(library, config, expect)
    }

    /// The same for a plugin that is in this program already. It is not among those that are [`resident`](Self::resident),
    /// and when its generation has ended, the plugin stays: its fate is always [`Retired`](super::Fate::Retired).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Safety
    /// `plugin` and what it points to are as [`Descriptor::read`] is promised until this returns. The functions in it do
    /// what the interface says, and are there until the process ends.
    pub unsafe fn link(
        &self,
        plugin: *const raw::Plugin,
        config: &[u8],
        expect: &dyn Fn(&Descriptor) -> Result<(), String>,
    ) -> Result<Arc<Generation>, LoadError> {
        self.begin(Library::linked(plugin), config, expect)
    }

    fn begin(
        &self,
        library: Library,
        config: &[u8],
        expect: &dyn Fn(&Descriptor) -> Result<(), String>,
    ) -> Result<Arc<Generation>, LoadError> {
        let mut parts = Parts {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            code: library,
            context: Context::new(self.services.clone()),
            descriptor: None,
            entries: None,
            instance: null_mut(),
        };
        match start(&mut parts, config, expect) {
            Ok((descriptor, entries)) => Ok(Arc::new(Generation::new(
                parts,
                entries,
                descriptor,
                self.limits.max_answer,
                self.grave.clone(),
            ))),
            Err(error) => {
                self.grave.bury(parts);
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn start(
    parts: &mut Parts,
    config: &[u8],
    expect: &dyn Fn(&Descriptor) -> Result<(), String>,
) -> Result<(Arc<Descriptor>, Entries), LoadError> {
    let path = parts.code.path().to_path_buf();
    let wrong = |source| LoadError::Descriptor {
        path: path.clone(),
        source,
    };
    let address = parts.code.descriptor()?;
    // SAFETY: the library exports a descriptor under this name, or was linked with one; whoever made it promises that it is
    // one.
    let (mut descriptor, entries) = unsafe { Descriptor::read(address) }.map_err(wrong)?;
    parts.descriptor = Some(Arc::new(descriptor.clone()));
    if descriptor.contracts.is_empty() {
        // From here on it has run, and is asked to finish before it is closed.
        parts.entries = Some(entries);
        descriptor.contracts = describe(parts, &entries, &descriptor)?.map_err(wrong)?;
    }
    expect(&descriptor).map_err(|reason| LoadError::Unexpected {
        path: path.clone(),
        reason,
    })?;
    let descriptor = Arc::new(descriptor);
    parts.context.describe(descriptor.clone());
    parts.descriptor = Some(descriptor.clone());
    parts.entries = Some(entries);
    let mut err = Output::new(MAX_EXPLANATION);
    let sink = err.sink();
    // SAFETY: the host is there until the library is left; the rest until this returns.
    let code = unsafe {
        (entries.init)(
            parts.context.host(),
            raw::Slice::of(config),
            &raw mut parts.instance,
            &raw const sink,
        )
    };
    if code != 0 || parts.instance.is_null() {
        parts.instance = null_mut();
        return Err(refused(&descriptor, "init", err));
    }
    let mut err = Output::new(MAX_EXPLANATION);
    let sink = err.sink();
    // SAFETY: the instance was made just now.
    let code = unsafe { (entries.self_test)(parts.instance, &raw const sink) };
    if code != 0 {
        return Err(refused(&descriptor, "self_test", err));
    }
    Ok((descriptor, entries))
}

fn describe(
    parts: &Parts,
    entries: &Entries,
    descriptor: &Descriptor,
) -> Result<Result<Vec<Contract>, ReadError>, LoadError> {
    let Some(describe) = entries.describe else {
        return Ok(Ok(Vec::new()));
    };
    let (mut first, mut count) = (null(), 0);
    let mut err = Output::new(MAX_EXPLANATION);
    let sink = err.sink();
    // SAFETY: the host is there until the library is left; the rest until this returns.
    let code = unsafe {
        describe(
            parts.context.host(),
            &raw mut first,
            &raw mut count,
            &raw const sink,
        )
    };
    if code != 0 {
        return Err(refused(descriptor, "describe", err));
    }
    // SAFETY: the plugin has just said where they are, and keeps them until it finishes.
    Ok(unsafe { read::contracts(first, count) })
}

fn refused(descriptor: &Descriptor, step: &'static str, err: Output) -> LoadError {
    LoadError::Refused {
        name: descriptor.name.clone(),
        release: descriptor.release.to_string(),
        step,
        reason: err.into_text(),
    }
}
