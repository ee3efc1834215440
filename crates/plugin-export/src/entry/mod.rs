//! The functions in the descriptor. Each contains its panics and checks what it was given.

mod answer;

use std::ffi::c_void;
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::Contract;
use polywire_core::__private::forget_documents;
use polywire_core::{Error, ErrorKind, Result};
use polywire_plugin_abi::read::{CallView, HostTable, Output, bytes};
use polywire_plugin_abi::{Code, raw};

use crate::contain::{Panicked, contain};
use crate::described::{Described, described};
use crate::export::{Export, Setup};
use crate::host::Host;
use crate::instance::Instance;
use crate::{hook, shim};

/// A provider that is exported; [`crate::export_plugin!`] implements it.
pub trait Exported: 'static {
    /// Makes the provider.
    ///
    /// # Errors
    /// Why it cannot be made.
    fn make(setup: &Setup) -> Result<Export>;

    /// The contracts that it serves.
    ///
    /// # Errors
    /// When one of them cannot be described.
    fn contracts() -> Result<Vec<Arc<Contract>>>;
}

/// How many instances there are.
static INSTANCES: AtomicU32 = AtomicU32::new(0);
/// What every function but `call` answers when it failed.
const FAILED: i32 = 1;

/// The descriptor of a provider.
#[must_use]
pub const fn descriptor<P: Exported>(
    flags: u32,
    name: &'static str,
    release: &'static str,
    build_id: &'static str,
) -> raw::Plugin {
    let unload = if shim::CAN_UNLOAD { raw::CAN_UNLOAD } else { 0 };
    raw::Plugin {
        magic: raw::MAGIC,
        abi_major: raw::ABI_MAJOR,
        abi_minor: raw::ABI_MINOR,
        // The structure is far smaller than that.
        #[allow(clippy::cast_possible_truncation)]
        size: size_of::<raw::Plugin>() as u32,
        flags: flags | raw::CONCURRENT | raw::OWN_THREADS | unload,
        name: raw::Slice::of(name.as_bytes()),
        release: raw::Slice::of(release.as_bytes()),
        build_id: raw::Slice::of(build_id.as_bytes()),
        contracts: std::ptr::null(),
        n_contracts: 0,
        init: Some(init::<P>),
        call: Some(call),
        self_test: Some(self_test),
        quiesce: Some(quiesce),
        live_threads: Some(live_threads),
        destroy: Some(destroy),
        fini: Some(fini),
        describe: Some(describe::<P>),
    }
}

/// Writes why something failed.
///
/// # Safety
/// Null or a sink.
unsafe fn explain(err: *const raw::Sink, outcome: Result<Result<()>, Panicked>) -> i32 {
    let text = match outcome {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => error.to_string(),
        Err(Panicked) => "it panicked; see the log".to_owned(),
    };
    // SAFETY: as the caller promises.
    if let Ok(err) = unsafe { Output::read(err) } {
        // A host that does not want to know why learns that it failed.
        let _ = err.write(text.as_bytes());
    }
    FAILED
}

fn malformed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidPayload, error.to_string())
}

unsafe extern "C" fn describe<P: Exported>(
    host: *const raw::Host,
    contracts: *mut *const raw::ContractEntry,
    n_contracts: *mut u32,
    err: *const raw::Sink,
) -> i32 {
    let outcome = contain(|| {
        // SAFETY: the host passes itself.
        let host = unsafe { HostTable::read(host) }.map_err(malformed)?;
        shim::begin(&host);
        hook::install(host);
        if contracts.is_null() || n_contracts.is_null() {
            return Err(malformed("describe was given no place for the contracts"));
        }
        let mut known = described();
        if known.is_none() {
            *known = Some(Arc::new(Described::new(P::contracts()?)));
        }
        let entries = known.as_ref().map_or(&[][..], |known| known.entries());
        // SAFETY: not null, and the host passes places of its own; what is written there is kept until `fini`.
        unsafe {
            contracts.write(entries.as_ptr());
            n_contracts.write(u32::try_from(entries.len()).unwrap_or(0));
        }
        Ok(())
    });
    // SAFETY: the host passes a sink.
    unsafe { explain(err, outcome) }
}

unsafe extern "C" fn init<P: Exported>(
    host: *const raw::Host,
    config: raw::Slice,
    instance: *mut *mut c_void,
    err: *const raw::Sink,
) -> i32 {
    // SAFETY: the host passes what this one is promised.
    unsafe {
        start(host, config, instance, err, |host, config| {
            let Some(known) = described().clone() else {
                return Err(malformed("init was called before describe"));
            };
            let setup = Setup::new(config, host, known.clone());
            let made = Instance::new(&setup, P::make, &known.contracts)?;
            INSTANCES.fetch_add(1, Ordering::AcqRel);
            Ok(made)
        })
    }
}

/// Makes an instance from what `init` was given.
///
/// # Safety
/// The host passes itself, its configuration, a place of its own or null, and a sink or null.
pub(crate) unsafe fn start(
    host: *const raw::Host,
    config: raw::Slice,
    instance: *mut *mut c_void,
    err: *const raw::Sink,
    make: impl FnOnce(Host, Bytes) -> Result<Instance>,
) -> i32 {
    let outcome = contain(|| {
        // SAFETY: the host passes itself.
        let host = unsafe { HostTable::read(host) }.map_err(malformed)?;
        // SAFETY: the host lends its configuration until this returns.
        let config = unsafe { bytes("config", config) }.map_err(malformed)?;
        if instance.is_null() {
            return Err(malformed("init was given no place for the instance"));
        }
        let made = make(Host::new(host), Bytes::copy_from_slice(config))?;
        // SAFETY: not null, and the host passes a place of its own.
        unsafe { instance.write(Box::into_raw(Box::new(made)).cast()) };
        Ok(())
    });
    // SAFETY: the host passes a sink.
    unsafe { explain(err, outcome) }
}

pub(crate) unsafe extern "C" fn self_test(instance: *mut c_void, err: *const raw::Sink) -> i32 {
    let outcome = contain(|| {
        // SAFETY: the host passes what `init` gave, and destroys it later.
        match unsafe { instance.cast::<Instance>().as_ref() } {
            Some(instance) => instance.self_test(),
            None => Err(malformed("self_test was given no instance")),
        }
    });
    // SAFETY: the host passes a sink.
    unsafe { explain(err, outcome) }
}

pub(crate) unsafe extern "C" fn call(
    instance: *mut c_void,
    call: *const raw::Call,
    out: *const raw::Sink,
) -> i32 {
    let panics = hook::count();
    let code = contain(|| {
        // SAFETY: the host passes a sink.
        let Ok(out) = (unsafe { Output::read(out) }) else {
            return Code::Failed;
        };
        // SAFETY: the host passes what `init` gave, and destroys it when no call runs.
        let Some(instance) = (unsafe { instance.cast::<Instance>().as_ref() }) else {
            return answer::refuse(&out, Code::Failed, &malformed("call was given no instance"));
        };
        // SAFETY: the host lends the call until this returns.
        match unsafe { CallView::read(call) } {
            Ok(call) => {
                let answered = instance.call(&call);
                answer::write(&out, answered, hook::count() != panics)
            }
            Err(error) => answer::refuse(&out, Code::Failed, &malformed(error)),
        }
    });
    code.unwrap_or(Code::Panicked).number()
}

pub(crate) unsafe extern "C" fn quiesce(instance: *mut c_void, timeout_ms: u32) -> i32 {
    let stopped = contain(|| {
        // SAFETY: the host passes what `init` gave, and destroys it later.
        let instance = unsafe { instance.cast::<Instance>().as_ref() };
        let timeout = Duration::from_millis(timeout_ms.into());
        instance.is_some_and(|instance| instance.quiesce(timeout))
    });
    i32::from(!stopped.unwrap_or(false))
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    let _ = contain(|| {
        if !instance.is_null() {
            INSTANCES.fetch_sub(1, Ordering::AcqRel);
            // SAFETY: the host passes what `init` gave, once, when nothing runs in it.
            drop(unsafe { Box::from_raw(instance.cast::<Instance>()) });
        }
    });
}

unsafe extern "C" fn live_threads() -> u32 {
    contain(shim::live_threads).unwrap_or(u32::MAX)
}

unsafe extern "C" fn fini() -> i32 {
    let ended = contain(|| {
        if INSTANCES.load(Ordering::Acquire) != 0 {
            return false;
        }
        hook::remove();
        *described() = None;
        forget_documents();
        // SAFETY: there is no instance, so nothing runs; the host sees to it that no thread ends meanwhile.
        unsafe { shim::end() }
    });
    i32::from(!ended.unwrap_or(false))
}
