//! Panics of the application and of its transports stop here: none may cross the boundary, or end a thread of ours.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs something that may panic; `otherwise` when it did, or had nothing to answer.
pub(super) fn contain<T>(otherwise: T, work: impl FnOnce() -> Option<T>) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Some(value)) => value,
        Ok(None) => otherwise,
        Err(payload) => {
            discard(payload);
            otherwise
        }
    }
}

/// Drops what was thrown. That may panic again, and so may dropping what it throws then: this is left behind.
pub(super) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_was_thrown_is_freed() {
        let thrown = Arc::new(());
        let copy = thrown.clone();
        assert_eq!(contain(7, move || panic_any(copy)), 7);
        assert_eq!(Arc::strong_count(&thrown), 1);
    }

    #[test]
    fn what_panics_when_dropped_is_contained_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic_any(Self);
            }
        }
        assert_eq!(contain(7, || panic_any(Bomb)), 7);
        assert_eq!(contain(7, || Some(8)), 8);
        assert_eq!(contain(7, || None), 7);
    }
}
