//! Where plugins write: memory of the host, up to a bound.

use std::ffi::c_void;

use polywire_plugin_abi::{raw, read};

use super::contain::contain;

/// What a plugin wrote.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Vec<u8>,
    most: usize,
    overflowed: bool,
}

impl Output {
    /// For at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            most,
            overflowed: false,
        }
    }

    /// A sink that writes here, for a function that returns before this is looked at again.
    pub(super) fn sink(&mut self) -> raw::Sink {
        raw::Sink {
            ctx: std::ptr::from_mut(self).cast(),
            write: Some(write),
        }
    }

    /// What was written; `None` when that was too much.
    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        (!self.overflowed).then_some(self.bytes)
    }

    /// What was written as text for people, cut after 2,000 characters.
    pub(super) fn into_text(self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        if text.is_empty() {
            "it did not say why".to_owned()
        } else {
            text.chars().take(2000).collect()
        }
    }

    fn append(&mut self, bytes: &[u8]) -> bool {
        if self.overflowed || bytes.len() > self.most.saturating_sub(self.bytes.len()) {
            self.overflowed = true;
            return false;
        }
        self.bytes.extend_from_slice(bytes);
        true
    }
}

unsafe extern "C" fn write(ctx: *mut c_void, bytes: raw::Slice) -> i32 {
    let taken = contain(false, || {
        // SAFETY: the context is the `Output` whose sink this is, which waits for the plugin to return.
        let output = unsafe { ctx.cast::<Output>().as_mut() }?;
        // SAFETY: the plugin lends the bytes until this returns.
        match unsafe { read::bytes("bytes", bytes) } {
            Ok(bytes) => Some(output.append(bytes)),
            Err(_) => {
                output.overflowed = true;
                None
            }
        }
    });
    i32::from(!taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn give(sink: &raw::Sink, bytes: raw::Slice) -> bool {
        // SAFETY: the output lives, and the bytes are those of a slice or null.
        unsafe { sink.write.unwrap()(sink.ctx, bytes) == 0 }
    }

    #[test]
    fn writes_are_appended_up_to_the_bound() {
        let mut output = Output::new(5);
        let sink = output.sink();
        assert!(give(&sink, raw::Slice::of(b"abc")));
        assert!(give(&sink, raw::Slice::EMPTY));
        assert!(give(&sink, raw::Slice::of(b"de")));
        assert_eq!(output.into_bytes().unwrap(), b"abcde");
    }

    #[test]
    fn nothing_is_taken_beyond_the_bound_or_from_null() {
        let mut output = Output::new(5);
        let sink = output.sink();
        assert!(!give(&sink, raw::Slice::of(b"abcdef")));
        assert!(!give(&sink, raw::Slice::of(b"a")));
        assert_eq!(output.into_bytes(), None);
        let mut output = Output::new(5);
        let null = raw::Slice {
            ptr: std::ptr::null(),
            len: 1,
        };
        let sink = output.sink();
        assert!(!give(&sink, null));
        assert_eq!(output.into_bytes(), None);
    }
}
