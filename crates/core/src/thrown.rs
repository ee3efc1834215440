//! What a panic has thrown, once it was caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What was thrown by a panic that somebody caught. Dropping it is safe, whatever it does when it is dropped.
#[derive(Debug)]
pub struct Thrown(Option<Box<dyn Any + Send>>);

impl Thrown {
    /// Takes what `catch_unwind` has caught.
    #[must_use]
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(Some(payload))
    }

    /// The text of the panic, for a log. It may hold anything, so that no peer is to see it.
    #[must_use]
    pub fn text(&self) -> &str {
        let payload = self.0.as_deref();
        payload
            .and_then(|payload| {
                let text = payload.downcast_ref::<&str>().copied();
                text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            })
            .unwrap_or("not a text")
    }
}

impl Drop for Thrown {
    fn drop(&mut self) {
        // It may panic when it is dropped, and so may what it throws then, which is left behind.
        let payload = self.0.take();
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;
    use std::sync::Arc;

    use super::*;

    fn thrown(throws: impl FnOnce()) -> Thrown {
        Thrown::new(catch_unwind(AssertUnwindSafe(throws)).unwrap_err())
    }

    #[test]
    fn it_has_the_text_of_the_panic() {
        assert_eq!(thrown(|| panic!("it is {}", 7)).text(), "it is 7");
        assert_eq!(thrown(|| panic!("so")).text(), "so");
        assert_eq!(thrown(|| panic_any(7)).text(), "not a text");
    }

    #[test]
    fn it_is_freed() {
        let held = Arc::new(());
        let copy = held.clone();
        drop(thrown(move || panic_any(copy)));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn what_panics_when_dropped_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic_any(Self);
            }
        }
        drop(thrown(|| panic_any(Bomb)));
    }
}
