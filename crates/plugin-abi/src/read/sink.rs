//! Where an answer is written.

use super::error::ReadError;
use super::field;
use crate::raw;

/// A sink of the other side.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    ctx: *mut std::ffi::c_void,
    write: unsafe extern "C" fn(*mut std::ffi::c_void, raw::Slice) -> i32,
}

impl Output {
    /// Reads a sink.
    ///
    /// # Errors
    /// When it or its function is null.
    ///
    /// # Safety
    /// A pointer that is neither null nor misaligned points to a [`raw::Sink`], whose function may be called with its
    /// context for as long as this value is used.
    pub unsafe fn read(sink: *const raw::Sink) -> Result<Self, ReadError> {
        field::pointer("sink", sink, "expected a sink")?;
        // SAFETY: it is aligned and not null, and the caller promises that it is a sink.
        let sink = unsafe { sink.read() };
        let write = field::function("sink.write", sink.write)?;
        Ok(Self {
            ctx: sink.ctx,
            write,
        })
    }

    /// Appends bytes; whether the other side took them.
    #[must_use]
    pub fn write(&self, bytes: &[u8]) -> bool {
        // SAFETY: `read` was promised that the function may be called; the bytes are there until it returns.
        unsafe { (self.write)(self.ctx, raw::Slice::of(bytes)) == 0 }
    }
}
