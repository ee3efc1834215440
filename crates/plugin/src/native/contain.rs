//! Panics of the application and of its transports stop here: none may cross the boundary, or end a thread of ours.

use std::panic::{AssertUnwindSafe, catch_unwind};

use polywire_core::Thrown;

/// Runs something that may panic; `otherwise` when it did, or had nothing to answer.
pub(super) fn contain<T>(otherwise: T, work: impl FnOnce() -> Option<T>) -> T {
    match catch_unwind(AssertUnwindSafe(work)).map_err(Thrown::new) {
        Ok(Some(value)) => value,
        Ok(None) | Err(_) => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_panic_stops_and_what_was_thrown_is_freed() {
        let thrown = Arc::new(());
        let copy = thrown.clone();
        assert_eq!(contain(7, move || panic_any(copy)), 7);
        assert_eq!(Arc::strong_count(&thrown), 1);
        assert_eq!(contain(7, || Some(8)), 8);
        assert_eq!(contain(7, || None), 7);
    }
}
