//! The functions of a host, as a plugin sees them.

use std::ffi::c_void;

use super::error::ReadError;
use super::field;
use crate::raw;

/// A host all of whose functions are there. It is the plugin's until `fini` returned.
#[derive(Clone, Copy, Debug)]
pub struct HostTable {
    ctx: *mut c_void,
    log: unsafe extern "C" fn(*mut c_void, u32, raw::Slice),
    cancelled: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    invoke:
        unsafe extern "C" fn(*mut c_void, raw::Slice, *const raw::Call, *const raw::Sink) -> i32,
    extension: unsafe extern "C" fn(*mut c_void, raw::Slice) -> *const c_void,
}

/// The extension [`crate::THREADS`].
#[derive(Clone, Copy, Debug)]
pub struct ThreadsTable {
    ctx: *mut c_void,
    at_exit: unsafe extern "C" fn(
        *mut c_void,
        Option<unsafe extern "C" fn(*mut c_void)>,
        *mut c_void,
    ) -> i32,
}

/// The extension [`crate::EVENTS`].
#[derive(Clone, Copy, Debug)]
pub struct EventsTable {
    ctx: *mut c_void,
    publish: unsafe extern "C" fn(*mut c_void, *const raw::Call, *const raw::Sink) -> i32,
}

// SAFETY: the functions of a host may be called on any thread with its context: that is what a host promises.
unsafe impl Send for HostTable {}
// SAFETY: as above.
unsafe impl Sync for HostTable {}
// SAFETY: as above.
unsafe impl Send for ThreadsTable {}
// SAFETY: as above.
unsafe impl Sync for ThreadsTable {}
// SAFETY: as above.
unsafe impl Send for EventsTable {}
// SAFETY: as above.
unsafe impl Sync for EventsTable {}

impl HostTable {
    /// Reads a host.
    ///
    /// # Errors
    /// Names what is null or too small.
    ///
    /// # Safety
    /// A pointer that is neither null nor misaligned points to a [`raw::Host`] of at least the size that it says, whose
    /// functions may be called with its context for as long as this value is used.
    pub unsafe fn read(host: *const raw::Host) -> Result<Self, ReadError> {
        field::pointer("host", host, "expected a host")?;
        // SAFETY: it is aligned and not null; the size comes first.
        let size = unsafe { (&raw const (*host).size).read() };
        field::size::<raw::Host>("host", size)?;
        // SAFETY: it is as large as the fields that are known here.
        let host = unsafe { host.read() };
        Ok(Self {
            ctx: host.ctx,
            log: field::function("host.log", host.log)?,
            cancelled: field::function("host.cancelled", host.cancelled)?,
            invoke: field::function("host.invoke", host.invoke)?,
            extension: field::function("host.extension", host.extension)?,
        })
    }

    /// Writes a line to the host's log.
    pub fn log(&self, level: u32, message: &str) {
        // SAFETY: `read` was promised that the function may be called; the text is there until it returns.
        unsafe { (self.log)(self.ctx, level, raw::Slice::of(message.as_bytes())) }
    }

    /// Whether the host has given up a call.
    #[must_use]
    pub fn cancelled(&self, call: u64) -> bool {
        // SAFETY: `read` was promised that the function may be called.
        unsafe { (self.cancelled)(self.ctx, call) != 0 }
    }

    /// Calls out through one of the host's channels; the number of a [`crate::Code`].
    #[must_use]
    pub fn invoke(&self, channel: &str, call: &raw::Call, out: &raw::Sink) -> i32 {
        let channel = raw::Slice::of(channel.as_bytes());
        // SAFETY: `read` was promised that the function may be called; what it gets is there until it returns.
        unsafe { (self.invoke)(self.ctx, channel, call, out) }
    }

    /// The extension [`crate::THREADS`], if the host has it and it can be read.
    #[must_use]
    pub fn threads(&self) -> Option<ThreadsTable> {
        let table = self.extension::<raw::Threads>(crate::THREADS)?;
        let at_exit = table.at_exit?;
        Some(ThreadsTable {
            ctx: table.ctx,
            at_exit,
        })
    }

    /// The extension [`crate::EVENTS`], if the host has it and it can be read.
    #[must_use]
    pub fn events(&self) -> Option<EventsTable> {
        let table = self.extension::<raw::Events>(crate::EVENTS)?;
        let publish = table.publish?;
        Some(EventsTable {
            ctx: table.ctx,
            publish,
        })
    }

    pub(super) fn extension<T: Copy>(&self, id: &str) -> Option<T> {
        // SAFETY: `read` was promised that the function may be called; the id is there until it returns.
        let found = unsafe { (self.extension)(self.ctx, raw::Slice::of(id.as_bytes())) };
        field::pointer(id, found.cast::<T>(), "expected the extension").ok()?;
        // SAFETY: an extension begins with its size; it is aligned and not null.
        let size = unsafe { found.cast::<u32>().read() };
        field::size::<T>(id, size).ok()?;
        // SAFETY: the id says which structure it is, and it is as large as the fields that are known here.
        Some(unsafe { found.cast::<T>().read() })
    }
}

impl ThreadsTable {
    /// Has a function run when the calling thread ends, unless the library was closed before; whether it will.
    ///
    /// # Safety
    /// `run(arg)` may be called on the calling thread for as long as `fini` has not returned.
    #[must_use]
    pub unsafe fn at_exit(&self, run: unsafe extern "C" fn(*mut c_void), arg: *mut c_void) -> bool {
        // SAFETY: the host promised that the function may be called, the caller that what it is given may be run.
        unsafe { (self.at_exit)(self.ctx, Some(run), arg) == 0 }
    }
}

impl EventsTable {
    /// Publishes an event; the number of a [`crate::Code`].
    #[must_use]
    pub fn publish(&self, event: &raw::Call, problem: &raw::Sink) -> i32 {
        // SAFETY: the host promised that the function may be called; what it gets is there until it returns.
        unsafe { (self.publish)(self.ctx, event, problem) }
    }
}
