//! What a library is given to call its host by.

use std::collections::HashMap;
use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::null_mut;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};
use polywire_plugin_abi::read::{self, CallView, Descriptor};
use polywire_plugin_abi::{CHANNELS, Code, EVENTS, SUBSCRIPTIONS, THREADS, raw};

use super::call::Cancel;
use super::contain::contain;
use super::outbound::{self, Outbound};
use super::presence::{Presence, Run};
use super::services::{Event, Invocation, Level, Services};

/// The host as one library sees it: its functions get a pointer to this.
pub(super) struct Context {
    services: Arc<dyn Services>,
    /// What it says to other services; `None` where its host has no channels.
    pub(super) outbound: Option<Outbound>,
    pub(super) presence: Arc<Presence>,
    /// What the library says of itself, once it has been read.
    pub(super) descriptor: OnceLock<Arc<Descriptor>>,
    /// The calls under way that may be given up.
    calls: Mutex<HashMap<u64, Cancel>>,
    tables: OnceLock<Tables>,
}

struct Tables {
    host: raw::Host,
    threads: raw::Threads,
    events: raw::Events,
    channels: raw::Channels,
    subscriptions: raw::Subscriptions,
}

// SAFETY: the pointers in the tables are to functions and to the context itself, which may be used on any thread.
unsafe impl Send for Tables {}
// SAFETY: as above; they never change.
unsafe impl Sync for Tables {}

pub(super) fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(0)
}

impl Context {
    /// The context of a library about to be loaded.
    pub(super) fn new(services: Arc<dyn Services>) -> Arc<Self> {
        let context = Arc::new(Self {
            outbound: services.outside().map(Outbound::new),
            services,
            presence: Presence::new(),
            descriptor: OnceLock::new(),
            calls: Mutex::default(),
            tables: OnceLock::new(),
        });
        let ctx = Arc::as_ptr(&context).cast_mut().cast::<c_void>();
        context.tables.get_or_init(|| Tables {
            host: raw::Host {
                size: size::<raw::Host>(),
                ctx,
                log: Some(log),
                cancelled: Some(cancelled),
                invoke: Some(invoke),
                extension: Some(extension),
            },
            threads: raw::Threads {
                size: size::<raw::Threads>(),
                ctx,
                at_exit: Some(at_exit),
            },
            events: raw::Events {
                size: size::<raw::Events>(),
                ctx,
                publish: Some(publish),
            },
            channels: outbound::table(ctx),
            subscriptions: outbound::subscriptions(ctx),
        });
        context
    }

    /// What the library gets: valid for as long as this lives.
    pub(super) fn host(&self) -> *const raw::Host {
        self.tables
            .get()
            .map_or(std::ptr::null(), |tables| &raw const tables.host)
    }

    /// Says what the library is.
    pub(super) fn describe(&self, descriptor: Arc<Descriptor>) {
        let _ = self.descriptor.set(descriptor);
    }

    pub(super) fn services(&self) -> &Arc<dyn Services> {
        &self.services
    }

    /// Lets a call be given up until [`forget`](Self::forget).
    pub(super) fn watch(&self, id: u64, cancel: &Cancel) {
        self.calls.lock().insert(id, cancel.clone());
    }

    pub(super) fn forget(&self, id: u64) {
        self.calls.lock().remove(&id);
    }

    fn plugin(&self) -> &str {
        self.descriptor
            .get()
            .map_or("", |descriptor| &descriptor.name)
    }

    fn publish(&self, call: &CallView<'_>) -> Result<()> {
        let found = self.descriptor.get().and_then(|descriptor| {
            let contract = descriptor.contracts.get(call.contract?)?;
            Some((contract, contract.methods.get(call.method?)?))
        });
        let Some((contract, event)) = found else {
            return Err(Error::new(
                ErrorKind::Unroutable,
                "the event's contract or method is none of the plugin's descriptor",
            ));
        };
        self.services.publish(Event {
            plugin: self.plugin(),
            contract,
            event,
            headers: call.headers,
            body: call.body,
        })
    }
}

/// # Safety
/// Null, or the context that the table was made with, which lives until `fini` returned.
pub(super) unsafe fn context<'a>(ctx: *mut c_void) -> Option<&'a Context> {
    // SAFETY: as the caller promises.
    unsafe { ctx.cast::<Context>().as_ref() }
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, message: raw::Slice) {
    contain((), || {
        // SAFETY: the plugin gives the context back, and lends the message until this returns.
        let (context, message) = unsafe { (context(ctx)?, read::bytes("message", message).ok()?) };
        let level = match level {
            raw::LOG_ERROR => Level::Error,
            raw::LOG_WARN => Level::Warn,
            raw::LOG_INFO => Level::Info,
            _ => Level::Debug,
        };
        let text = String::from_utf8_lossy(message);
        context.services.log(context.plugin(), level, &text);
        Some(())
    });
}

unsafe extern "C" fn cancelled(ctx: *mut c_void, id: u64) -> i32 {
    contain(0, || {
        // SAFETY: the plugin gives the context back.
        let context = unsafe { context(ctx) }?;
        let cancelled = context
            .calls
            .lock()
            .get(&id)
            .is_some_and(Cancel::is_cancelled);
        Some(i32::from(cancelled))
    })
}

unsafe extern "C" fn invoke(
    ctx: *mut c_void,
    channel: raw::Slice,
    call: *const raw::Call,
    out: *const raw::Sink,
) -> i32 {
    // SAFETY: the plugin gives the context back.
    if unsafe { context(ctx) }.is_some_and(|context| context.outbound.is_some()) {
        // SAFETY: the plugin passes what this one is promised.
        return unsafe { outbound::invoke(ctx, channel, call, out) };
    }
    answer(out, || {
        // SAFETY: the plugin gives the context back, and lends the rest until this returns.
        let (context, channel, call) = unsafe {
            (
                context(ctx).ok_or_else(lost)?,
                read::bytes("channel", channel).map_err(malformed)?,
                CallView::read(call).map_err(malformed)?,
            )
        };
        context.services.invoke(Invocation {
            plugin: context.plugin(),
            channel: std::str::from_utf8(channel).map_err(malformed)?,
            headers: call.headers,
            timeout: call.timeout,
            body: call.body,
        })
    })
}

unsafe extern "C" fn publish(
    ctx: *mut c_void,
    event: *const raw::Call,
    problem: *const raw::Sink,
) -> i32 {
    answer(problem, || {
        // SAFETY: the plugin gives the context back, and lends the event until this returns.
        let (context, event) = unsafe {
            (
                context(ctx).ok_or_else(lost)?,
                CallView::read(event).map_err(malformed)?,
            )
        };
        context.publish(&event).map(|()| Vec::new())
    })
}

unsafe extern "C" fn at_exit(ctx: *mut c_void, run: Option<Run>, argument: *mut c_void) -> i32 {
    contain(1, || {
        // SAFETY: the plugin gives the context back.
        let context = unsafe { context(ctx) }?;
        Some(i32::from(!context.presence.at_exit(run?, argument)))
    })
}

unsafe extern "C" fn extension(ctx: *mut c_void, id: raw::Slice) -> *const c_void {
    contain(null_mut::<c_void>().cast_const(), || {
        // SAFETY: the plugin gives the context back, and lends the id until this returns.
        let (context, id) = unsafe { (context(ctx)?, read::bytes("id", id).ok()?) };
        let tables = context.tables.get()?;
        match std::str::from_utf8(id).ok()? {
            THREADS => Some((&raw const tables.threads).cast()),
            EVENTS => Some((&raw const tables.events).cast()),
            CHANNELS if context.outbound.is_some() => Some((&raw const tables.channels).cast()),
            SUBSCRIPTIONS if context.outbound.is_some() => {
                Some((&raw const tables.subscriptions).cast())
            }
            _ => None,
        }
    })
}

/// Runs something for a plugin, and writes what it answers.
pub(super) fn answer(out: *const raw::Sink, work: impl FnOnce() -> Result<Vec<u8>>) -> i32 {
    contain(Code::Panicked, || {
        // SAFETY: the plugin passes a sink of its own.
        let out = unsafe { read::Output::read(out) }.ok()?;
        let (code, bytes) = match work() {
            Ok(bytes) => (Code::Ok, bytes),
            Err(error) => (Code::Failed, error.to_problem()),
        };
        let taken = bytes.is_empty() || out.write(&bytes);
        Some(if taken { code } else { Code::Failed })
    })
    .number()
}

pub(super) fn malformed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidPayload, error.to_string())
}

pub(super) fn lost() -> Error {
    Error::new(
        ErrorKind::InvalidPayload,
        "the host was called without its context",
    )
}
