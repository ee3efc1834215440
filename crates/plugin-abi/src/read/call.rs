//! A call as the side sees it that answers.

use super::error::{Problem, ReadError};
use super::field;
use crate::headers::Headers;
use crate::raw;

/// A call whose structure, headers and payload could be read.
#[derive(Clone, Copy, Debug)]
pub struct CallView<'a> {
    /// Names the call towards the host.
    pub id: u64,
    /// How much time there is from entry; `None` without a limit.
    pub timeout: Option<std::time::Duration>,
    /// The index of the contract; `None` when it is named by a header.
    pub contract: Option<usize>,
    /// The index of the method; `None` when it is named by a header.
    pub method: Option<usize>,
    /// The headers.
    pub headers: Headers<'a>,
    /// The payload.
    pub body: &'a [u8],
}

impl<'a> CallView<'a> {
    /// Reads a call.
    ///
    /// # Errors
    /// Names the field that is null, too small, too long or no text.
    ///
    /// # Safety
    /// A pointer that is neither null nor misaligned points to a [`raw::Call`] of at least the size that it says, and its
    /// slices to as many bytes as they say; all unchanged for `'a`.
    pub unsafe fn read(call: *const raw::Call) -> Result<Self, ReadError> {
        field::pointer("call", call, "expected a call")?;
        // SAFETY: it is aligned and not null; the size comes first, and is looked at before anything else.
        let size = unsafe { (&raw const (*call).size).read() };
        field::size::<raw::Call>("call", size)?;
        // SAFETY: it is as large as the fields that are known here.
        let call = unsafe { call.read() };
        // SAFETY: as the caller promises.
        let headers = unsafe { bytes("call.headers", call.headers) }?;
        let headers = Headers::read(headers)
            .map_err(|error| ReadError::new("call.headers", Problem::Value(error.to_string())))?;
        Ok(Self {
            id: call.id,
            timeout: (call.timeout_ns != 0)
                .then(|| std::time::Duration::from_nanos(call.timeout_ns)),
            contract: index(call.contract),
            method: index(call.method),
            headers,
            // SAFETY: as the caller promises.
            body: unsafe { bytes("call.body", call.body) }?,
        })
    }
}

fn index(index: u32) -> Option<usize> {
    (index != raw::BY_NAME).then(|| usize::try_from(index).unwrap_or(usize::MAX))
}

/// Borrows the bytes of a slice.
///
/// # Errors
/// When they are null and not none, or more than memory can have.
///
/// # Safety
/// A slice that is not null points to `len` bytes which stay unchanged for `'a`.
pub unsafe fn bytes<'a>(field: &str, slice: raw::Slice) -> Result<&'a [u8], ReadError> {
    if slice.len == 0 {
        return Ok(&[]);
    }
    field::pointer(
        field,
        slice.ptr,
        "expected as many bytes as its length says",
    )?;
    let most = isize::MAX.unsigned_abs();
    // The last byte has an address as well.
    if slice.len > most || slice.ptr.addr().checked_add(slice.len).is_none() {
        return Err(ReadError::new(
            field,
            Problem::Length {
                what: "bytes",
                found: slice.len,
                least: 0,
                most,
            },
        ));
    }
    // SAFETY: not null, no longer than memory, and the caller promises that the bytes are there.
    Ok(unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) })
}
