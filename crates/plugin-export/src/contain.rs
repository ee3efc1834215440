//! Panics stop here: none may cross the boundary.

use std::panic::{AssertUnwindSafe, catch_unwind};

use polywire_core::Thrown;

/// Something panicked; what it said is in the host's log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panicked;

/// Runs something that may panic.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        drop(Thrown::new(payload));
        Panicked
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_stops_here() {
        assert!(contain(|| panic!("so")).is_err());
        assert_eq!(contain(|| 7).unwrap(), 7);
    }
}
