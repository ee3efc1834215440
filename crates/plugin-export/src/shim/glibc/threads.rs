//! The threads of the library: counted until the kernel has ended them.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::real::Start;
use super::{is_active, ledger, real};

/// Threads that run what they were started for.
static RUNNING: AtomicU32 = AtomicU32::new(0);
/// Threads that are done, by the kernel's id: until that is gone, they may still be on their way out of the library.
static ENDING: Mutex<Vec<libc::pid_t>> = Mutex::new(Vec::new());
/// From so many on, those that are gone are looked for at each end.
const MANY: usize = 64;

struct Packet {
    start: Start,
    argument: *mut c_void,
}

/// `pthread_create` of this library.
///
/// # Safety
/// As the function of the C library.
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    if !is_active() {
        // SAFETY: passed on.
        return unsafe { real::pthread_create(thread, attributes, start, argument) };
    }
    let packet = Box::into_raw(Box::new(Packet { start, argument }));
    RUNNING.fetch_add(1, Ordering::AcqRel);
    // SAFETY: passed on, with a function that takes the packet.
    let failed = unsafe { real::pthread_create(thread, attributes, run, packet.cast()) };
    if failed != 0 {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
        // SAFETY: no thread was made that could have taken it.
        drop(unsafe { Box::from_raw(packet) });
    }
    failed
}

/// Lets unwinding pass: a thread that is cancelled counts as running for ever, and its library stays.
extern "C-unwind" fn run(packet: *mut c_void) -> *mut c_void {
    // SAFETY: it was made by `pthread_create` for this thread alone.
    let packet = unsafe { Box::from_raw(packet.cast::<Packet>()) };
    let Packet { start, argument } = *packet;
    ledger::mark_own();
    let result = start(argument);
    // SAFETY: the thread runs nothing else of the library.
    unsafe { ledger::settle() };
    // SAFETY: it has no arguments and cannot fail.
    let id = unsafe { libc::gettid() };
    let mut ending = ending();
    if ending.len() >= MANY {
        ending.retain(|id| exists(*id));
    }
    ending.push(id);
    drop(ending);
    RUNNING.fetch_sub(1, Ordering::AcqRel);
    result
}

/// How many threads of the library have not ended.
pub(super) fn live() -> u32 {
    let running = RUNNING.load(Ordering::Acquire);
    let mut ending = ending();
    ending.retain(|id| exists(*id));
    running.saturating_add(u32::try_from(ending.len()).unwrap_or(u32::MAX))
}

/// Gives the list's memory back.
pub(super) fn forget() {
    *ending() = Vec::new();
}

fn exists(id: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks whether there is such a thread in this process.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, 0) == 0 }
}

fn ending() -> MutexGuard<'static, Vec<libc::pid_t>> {
    ENDING.lock().unwrap_or_else(PoisonError::into_inner)
}
