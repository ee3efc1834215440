//! One loaded release of a plugin.

use std::fmt;
use std::mem::size_of;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use polywire_core::{Dispatched, Error, ErrorKind, Outcome, Result};
use polywire_plugin_abi::read::{Descriptor, Entries};
use polywire_plugin_abi::{Code, raw};

use super::call::{self, Request};
use super::output::Output;
use super::parts::Parts;
use super::reaper::Grave;

/// One loaded release of a plugin: its library and everything that points into it.
///
/// Whoever holds it may call it; when the last one lets go, a thread of its loader ends it. Dropping it never blocks.
pub struct Generation {
    entries: Entries,
    descriptor: Arc<Descriptor>,
    max_answer: usize,
    /// Held during a call of a plugin that takes one at a time.
    turn: Mutex<()>,
    calls: AtomicU64,
    panics: AtomicU64,
    /// `None` only while it is dropped.
    parts: Option<Parts>,
    grave: Grave,
}

impl Generation {
    pub(super) fn new(
        parts: Parts,
        entries: Entries,
        descriptor: Arc<Descriptor>,
        max_answer: usize,
        grave: Grave,
    ) -> Self {
        Self {
            entries,
            descriptor,
            max_answer,
            turn: Mutex::new(()),
            calls: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            parts: Some(parts),
            grave,
        }
    }

    /// Tells it from every other generation of this process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.parts.as_ref().map_or(0, |parts| parts.id)
    }

    /// What it says about itself.
    #[must_use]
    pub fn descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }

    /// The file that it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.parts
            .as_ref()
            .map_or(Path::new(""), |parts| parts.code.path())
    }

    /// Gives up what it says to other services, and takes nothing new of that, while its calls go on.
    pub fn cut_off(&self) {
        if let Some(parts) = &self.parts {
            parts.context.close();
        }
    }

    /// How often it panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Calls it on the calling thread, which waits for the answer however long the plugin takes: a deadline and a
    /// cancellation are told to the plugin, and nothing can make it heed them.
    ///
    /// # Errors
    /// `Unsupported` for a contract or a method that its descriptor does not have, what the plugin answers as a problem
    /// document, `Internal` when it panicked or answered nonsense, `TooLarge` when it wrote more than may be.
    pub fn call(&self, request: &Request<'_>) -> Result<(Outcome, Bytes)> {
        self.called(request).1
    }

    /// Does that, and answers whether it panicked as well.
    pub(crate) fn called(&self, request: &Request<'_>) -> (bool, Result<(Outcome, Bytes)>) {
        let contract = self.descriptor.contracts.get(request.contract);
        let method = contract.and_then(|contract| contract.methods.get(request.method));
        let (Some(contract), Some(method), Some(parts)) = (contract, method, &self.parts) else {
            let text = format!(
                "plugin {} {} has no contract {} with a method {}",
                self.descriptor.name, self.descriptor.release, request.contract, request.method
            );
            let error = Error::new(ErrorKind::Unsupported, text).dispatched_as(Dispatched::No);
            return (false, Err(error));
        };
        let id = match request.cancel {
            // Only calls that may be given up are told apart.
            Some(cancel) => {
                let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
                parts.context.watch(id, cancel);
                id
            }
            None => 0,
        };
        let mut output = Output::new(self.max_answer);
        let code = self.enter(parts, id, request, &output.sink());
        if request.cancel.is_some() {
            parts.context.forget(id);
        }
        let panicked = code == Code::Panicked.number();
        if panicked {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
        let what = || {
            let Descriptor { name, release, .. } = &*self.descriptor;
            let (contract, version) = (&contract.name, &contract.version);
            format!("{contract}.{method} {version} of plugin {name} {release}")
        };
        let answer = call::answer(code, output.into_bytes(), self.max_answer, &what);
        (panicked, answer)
    }

    fn enter(&self, parts: &Parts, id: u64, request: &Request<'_>, sink: &raw::Sink) -> i32 {
        let timeout_ns = request.timeout.map_or(0, |timeout| {
            // 0 would be no limit.
            u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).max(1)
        });
        let call = raw::Call {
            size: u32::try_from(size_of::<raw::Call>()).unwrap_or(0),
            id,
            timeout_ns,
            contract: u32::try_from(request.contract).unwrap_or(raw::BY_NAME),
            method: u32::try_from(request.method).unwrap_or(raw::BY_NAME),
            headers: raw::Slice::of(request.headers),
            body: raw::Slice::of(request.body),
        };
        let turn = (!self.descriptor.flags.is_concurrent()).then(|| self.turn.lock());
        // SAFETY: the library is open and its instance there for as long as this generation is; call and sink are there
        // until it returns.
        let code = unsafe { (self.entries.call)(parts.instance, &raw const call, sink) };
        drop(turn);
        code
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.grave.bury(parts);
        }
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("id", &self.id())
            .field("name", &self.descriptor.name)
            .field("release", &self.descriptor.release)
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
