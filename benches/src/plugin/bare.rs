//! A function of a library, found once and called by its pointer.

#![allow(unsafe_code)]

use std::error::Error;
use std::path::Path;

use libloading::Library;
use polywire_core::codec;

use crate::payload::{Order, Quote};

type Function = unsafe extern "C" fn(*const u8, usize, *mut u8, usize) -> usize;

/// A library with a `bare_quote`.
pub(super) struct Bare {
    function: Function,
    _library: Library,
}

impl Bare {
    pub(super) fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        // SAFETY: it is the plugin of these benches, whose constructors do nothing.
        let library = unsafe { Library::new(path) }?;
        // SAFETY: this is the type of the function of that name.
        let function = unsafe { *library.get::<Function>(b"bare_quote\0")? };
        Ok(Self {
            function,
            _library: library,
        })
    }

    /// Encodes, calls, decodes.
    pub(super) fn quote(&self, order: &Order) -> Result<Quote, Box<dyn Error>> {
        let request = codec::encode(order)?;
        let mut reply = vec![0; request.len() + 1024];
        // SAFETY: both buffers have the lengths that are said, and the library is open.
        let length = unsafe {
            (self.function)(
                request.as_ptr(),
                request.len(),
                reply.as_mut_ptr(),
                reply.len(),
            )
        };
        let reply = reply
            .get(..length)
            .ok_or("the reply is longer than its buffer")?;
        Ok(codec::decode(reply)?)
    }
}
