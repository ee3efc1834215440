//! What each thread has left behind, and whose end settles it.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

use super::real::Destructor;
use super::{HOST, is_active, keys, real};

/// The destructors of one thread's values, the newest last. Only that thread touches it, or whoever finishes the library.
#[derive(Default)]
pub(super) struct Ledger(Vec<(Destructor, *mut c_void)>);

struct Shared(*mut Ledger);

// SAFETY: a ledger is touched by its thread, and by `settle_all` while nothing else of the library runs.
unsafe impl Send for Shared {}

static LEDGERS: Mutex<Vec<Shared>> = Mutex::new(Vec::new());

thread_local! {
    /// Without a destructor, so that it needs no account itself.
    static MINE: Cell<*mut Ledger> = const { Cell::new(null_mut()) };
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// As often as glibc runs destructors that leave new values.
const ROUNDS: usize = 4;

/// `__cxa_thread_atexit_impl` of this library.
///
/// # Safety
/// As the function of the C library.
pub unsafe extern "C" fn __cxa_thread_atexit_impl(
    destructor: Destructor,
    object: *mut c_void,
    library: *mut c_void,
) -> c_int {
    if !is_active() {
        // SAFETY: passed on.
        return unsafe { real::__cxa_thread_atexit_impl(destructor, object, library) };
    }
    let ledger = open();
    // SAFETY: it is this thread's, and nobody else looks at it while this runs.
    if let Some(ledger) = unsafe { ledger.as_mut() } {
        ledger.0.push((destructor, object));
    }
    0
}

/// Says that the calling thread is one of the library, whose end is noticed without the host.
pub(super) fn mark_own() {
    OWN.set(true);
}

/// Whether the calling thread has no ledger.
pub(super) fn is_missing() -> bool {
    MINE.get().is_null()
}

/// The calling thread's ledger; null when nobody would notice the thread's end. Then its values are never destroyed.
pub(super) fn open() -> *mut Ledger {
    let known = MINE.get();
    if !known.is_null() {
        return known;
    }
    let ledger = Box::into_raw(Box::<Ledger>::default());
    let noticed = OWN.get()
        || HOST.get().copied().flatten().is_some_and(|host| {
            // SAFETY: the ledger lives until its thread ends or the library is finished with, whichever is first.
            unsafe { host.at_exit(thread_ends, ledger.cast()) }
        });
    if !noticed {
        // SAFETY: made above and given to nobody.
        drop(unsafe { Box::from_raw(ledger) });
        return null_mut();
    }
    MINE.set(ledger);
    ledgers().push(Shared(ledger));
    ledger
}

/// The host calls it when one of its threads ends.
unsafe extern "C" fn thread_ends(_: *mut c_void) {
    // SAFETY: the thread is ending.
    let _ = crate::contain::contain(|| unsafe { settle() });
}

/// Destroys everything that the calling thread has.
///
/// # Safety
/// The thread runs nothing else of the library before it ends.
pub(super) unsafe fn settle() {
    for _ in 0..ROUNDS {
        // SAFETY: as the caller promises; a destructor may open the ledger, or add to it.
        unsafe { run(MINE.get()) };
        // SAFETY: as the caller promises.
        if !unsafe { keys::destroy_values() } {
            break;
        }
    }
    // SAFETY: as above, for what the last destructors of keys have left.
    unsafe { run(MINE.get()) };
    let mine = MINE.replace(null_mut());
    if !mine.is_null() {
        ledgers().retain(|other| other.0 != mine);
        // SAFETY: taken out of the list by its own thread, so that nobody else frees it.
        drop(unsafe { Box::from_raw(mine) });
    }
}

/// Destroys what every thread has left, on the calling thread.
///
/// # Safety
/// Nothing of the library runs on another thread, and no thread that has its values is ending.
pub(super) unsafe fn settle_all() {
    let mine = MINE.get();
    let others: Vec<_> = {
        let mut ledgers = ledgers();
        std::mem::take(&mut *ledgers)
    };
    for Shared(ledger) in others {
        if ledger != mine {
            // SAFETY: its thread runs nothing of the library and has not ended, so what it points to is there.
            unsafe {
                run(ledger);
                drop(Box::from_raw(ledger));
            }
        }
    }
    // SAFETY: the calling thread runs nothing else of the library afterwards.
    unsafe { settle() };
    *ledgers() = Vec::new();
}

/// Runs destructors until there is none, the newest first.
///
/// # Safety
/// Null or a ledger whose objects are there and are used by nobody.
unsafe fn run(ledger: *mut Ledger) {
    // SAFETY: as the caller promises; not borrowed while a destructor runs, which may add to it.
    while let Some((destructor, object)) = unsafe { ledger.as_mut() }.and_then(|own| own.0.pop()) {
        // SAFETY: each is run once, for the object that it was given for.
        unsafe { destructor(object) };
    }
}

fn ledgers() -> std::sync::MutexGuard<'static, Vec<Shared>> {
    LEDGERS.lock().unwrap_or_else(PoisonError::into_inner)
}
