//! Where the host writes what it answers: memory of the plugin, up to a bound.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polywire_core::{Error, ErrorKind, Result};
use polywire_plugin_abi::{Code, raw};

/// What the host wrote.
pub(crate) struct Collected {
    bytes: Vec<u8>,
    most: usize,
    overflowed: bool,
}

impl Collected {
    /// For at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            most,
            overflowed: false,
        }
    }

    /// A sink that writes here, for as long as this is borrowed.
    pub(crate) fn sink(&mut self) -> raw::Sink {
        raw::Sink {
            ctx: std::ptr::from_mut(self).cast(),
            write: Some(collect),
        }
    }

    /// What was written.
    ///
    /// # Errors
    /// `TooLarge` when it was more than may be.
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>> {
        if self.overflowed {
            let text = format!("the host answered with more than {} bytes", self.most);
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        Ok(self.bytes)
    }
}

/// What the host refused something with.
pub(crate) fn refused(code: i32, problem: &[u8]) -> Error {
    match Code::from_number(code) {
        Some(code) => Error::from_problem(problem).unwrap_or_else(|| {
            Error::new(ErrorKind::Internal, format!("the host answered {code:?}"))
        }),
        None => Error::new(
            ErrorKind::Internal,
            format!("the host answered with code {code}, which is none of version 1"),
        ),
    }
}

unsafe extern "C" fn collect(ctx: *mut c_void, bytes: raw::Slice) -> i32 {
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the context is the `Collected` whose sink this is, which waits for the host to return.
        let Some(collected) = (unsafe { ctx.cast::<Collected>().as_mut() }) else {
            return false;
        };
        // SAFETY: the host lends the bytes until this returns.
        let Ok(bytes) = (unsafe { polywire_plugin_abi::read::bytes("bytes", bytes) }) else {
            return false;
        };
        let room = collected.most.saturating_sub(collected.bytes.len());
        if collected.overflowed || bytes.len() > room {
            collected.overflowed = true;
            return false;
        }
        collected.bytes.extend_from_slice(bytes);
        true
    }));
    i32::from(!taken.unwrap_or(false))
}
