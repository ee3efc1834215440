//! Panics stop here: none may cross the boundary.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Something panicked; what it said is in the host's log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panicked;

/// Runs something that may panic.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        // What was thrown may panic when it is dropped, and what that throws as well: then it is left behind.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
        Panicked
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_when_dropped_is_contained_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::panic_any(Self);
            }
        }
        assert!(contain(|| std::panic::panic_any(Bomb)).is_err());
        assert_eq!(contain(|| 7).unwrap(), 7);
    }
}
