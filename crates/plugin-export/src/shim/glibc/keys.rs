//! Keys: glibc gets them without their destructors, and they are deleted when the library is finished with.

use std::ffi::{c_int, c_uint, c_void};
use std::sync::{Mutex, PoisonError};

use super::real::Destructor;
use super::{is_active, ledger, real};

/// The keys that exist, each with its destructor.
static KEYS: Mutex<Vec<(c_uint, Option<Destructor>)>> = Mutex::new(Vec::new());

/// `pthread_key_create` of this library.
///
/// # Safety
/// As the function of the C library.
pub unsafe extern "C" fn pthread_key_create(
    key: *mut c_uint,
    destructor: Option<Destructor>,
) -> c_int {
    if !is_active() {
        // SAFETY: passed on.
        return unsafe { real::pthread_key_create(key, destructor) };
    }
    // SAFETY: passed on; without a destructor nothing of this library is known to glibc.
    let failed = unsafe { real::pthread_key_create(key, None) };
    if failed == 0 {
        // SAFETY: the C library has just written it.
        let key = unsafe { key.read() };
        keys().push((key, destructor));
    }
    failed
}

/// `pthread_key_delete` of this library. Without it a key that belongs to somebody else by now would be deleted at the end.
///
/// # Safety
/// As the function of the C library.
pub unsafe extern "C" fn pthread_key_delete(key: c_uint) -> c_int {
    keys().retain(|(known, _)| *known != key);
    // SAFETY: passed on.
    unsafe { real::pthread_key_delete(key) }
}

/// `pthread_setspecific` of this library: a thread that has a value is one whose end matters.
///
/// # Safety
/// As the function of the C library.
pub unsafe extern "C" fn pthread_setspecific(key: c_uint, value: *const c_void) -> c_int {
    if !value.is_null() && ledger::is_missing() && is_active() && has_destructor(key) {
        ledger::open();
    }
    // SAFETY: passed on.
    unsafe { real::pthread_setspecific(key, value) }
}

/// Runs the destructors of the values that the calling thread has; whether there was one.
///
/// # Safety
/// The thread uses none of the values again.
pub(super) unsafe fn destroy_values() -> bool {
    let with_destructor: Vec<_> = keys()
        .iter()
        .filter_map(|(key, destructor)| Some((*key, (*destructor)?)))
        .collect();
    let mut any = false;
    for (key, destructor) in with_destructor {
        // SAFETY: the key exists until the library is finished with.
        let value = unsafe { libc::pthread_getspecific(key) };
        if !value.is_null() {
            any = true;
            // SAFETY: the destructor was given for the values of this key, and no value is given to it twice.
            unsafe {
                real::pthread_setspecific(key, std::ptr::null());
                destructor(value);
            }
        }
    }
    any
}

/// Deletes every key.
pub(super) fn delete_all() {
    let keys = std::mem::take(&mut *keys());
    for (key, _) in keys {
        // SAFETY: it exists, and nothing of the library runs any more.
        unsafe { real::pthread_key_delete(key) };
    }
}

fn has_destructor(key: c_uint) -> bool {
    keys()
        .iter()
        .any(|(known, destructor)| *known == key && destructor.is_some())
}

fn keys() -> std::sync::MutexGuard<'static, Vec<(c_uint, Option<Destructor>)>> {
    KEYS.lock().unwrap_or_else(PoisonError::into_inner)
}
