//! The shim for glibc.

mod keys;
mod ledger;
mod real;
mod threads;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use polywire_plugin_abi::read::{HostTable, ThreadsTable};

pub use keys::{pthread_key_create, pthread_key_delete, pthread_setspecific};
pub use ledger::__cxa_thread_atexit_impl;
pub use threads::pthread_create;

/// Whether a library with this shim may be closed.
pub const CAN_UNLOAD: bool = true;

/// Whether this is a plugin that its host has called.
static ACTIVE: AtomicBool = AtomicBool::new(false);
/// Whether something was passed on before: glibc may keep a pointer into the library.
static ESCAPED: AtomicBool = AtomicBool::new(false);
static HOST: OnceLock<Option<ThreadsTable>> = OnceLock::new();

/// Keeps account from now on.
pub(crate) fn begin(host: &HostTable) {
    HOST.get_or_init(|| host.threads());
    ACTIVE.store(true, Ordering::Release);
}

/// Whether an account is kept; notes what is not in it.
fn is_active() -> bool {
    let active = ACTIVE.load(Ordering::Acquire);
    if !active {
        ESCAPED.store(true, Ordering::Relaxed);
    }
    active
}

/// How many threads of the library have not ended.
pub(crate) fn live_threads() -> u32 {
    threads::live()
}

/// Runs every destructor that is left and deletes every key; whether the library may be closed.
///
/// # Safety
/// Nothing of the library runs on another thread, and no thread that has its values is ending.
pub(crate) unsafe fn end() -> bool {
    if threads::live() != 0 || ESCAPED.load(Ordering::Relaxed) {
        return false;
    }
    // SAFETY: as the caller promises.
    unsafe { ledger::settle_all() };
    keys::delete_all();
    threads::forget();
    true
}
