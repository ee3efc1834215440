//! Panics are told to the host: what and where, without a backtrace, whose symbols would stay in memory for ever.

use std::cell::Cell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use polywire_plugin_abi::raw;
use polywire_plugin_abi::read::HostTable;

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Installs the hook of this library.
pub(crate) fn install(host: HostTable) {
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.set(PANICS.get().wrapping_add(1));
        host.log(raw::LOG_ERROR, &text(panic));
    }));
}

/// Takes it back, and its memory with it.
pub(crate) fn remove() {
    drop(std::panic::take_hook());
}

/// Counts from now on beside what the program's own hook does, which stays.
pub(crate) fn count_as_well() {
    static ONCE: Once = Once::new();
    // A thread that panics may not change the hook; the next one does.
    if !std::thread::panicking() {
        ONCE.call_once(|| {
            let own = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                PANICS.set(PANICS.get().wrapping_add(1));
                own(panic);
            }));
        });
    }
}

/// How often the calling thread panicked: a difference says that it did.
pub(crate) fn count() -> u32 {
    PANICS.get()
}

fn text(panic: &PanicHookInfo<'_>) -> String {
    let what = panic
        .payload_as_str()
        .unwrap_or("something that is no text");
    match panic.location() {
        Some(at) => format!("plugin panicked at {at}: {what}"),
        None => format!("plugin panicked: {what}"),
    }
}
