//! Where there is no shim a library stays loaded.

use polywire_plugin_abi::read::HostTable;

/// Whether a library with this shim may be closed.
pub const CAN_UNLOAD: bool = false;

/// Nothing to begin with.
pub(crate) fn begin(_: &HostTable) {}

/// Not known, and so never safe to close.
pub(crate) fn live_threads() -> u32 {
    0
}

/// Nothing is let go of, and so never safe to close.
///
/// # Safety
/// None.
pub(crate) unsafe fn end() -> bool {
    false
}
