//! The checks that every reader is made of.

use std::mem::{align_of, size_of};

use super::error::{Problem, ReadError};
use crate::raw::Slice;

/// The largest structure that is believed, in bytes: ones that grew for years are smaller.
const MAX_SIZE: usize = 4096;

/// Checks that a pointer may be a structure's.
pub(super) fn pointer<T>(
    field: &str,
    pointer: *const T,
    expected: &'static str,
) -> Result<(), ReadError> {
    if pointer.is_null() {
        return Err(ReadError::new(field, Problem::Null { expected }));
    }
    if !pointer.is_aligned() {
        let expected = align_of::<T>();
        return Err(ReadError::new(field, Problem::Misaligned { expected }));
    }
    Ok(())
}

/// Checks what a structure says about its own size, and returns that.
pub(super) fn size<T>(field: &str, found: u32) -> Result<usize, ReadError> {
    let least = size_of::<T>();
    match usize::try_from(found) {
        Ok(found) if (least..=MAX_SIZE).contains(&found) => Ok(found),
        found => Err(ReadError::new(
            format!("{field}.size"),
            Problem::Size {
                found: found.unwrap_or(usize::MAX),
                least,
                most: MAX_SIZE,
            },
        )),
    }
}

/// A function that must be there.
pub(super) fn function<F>(field: &str, function: Option<F>) -> Result<F, ReadError> {
    function.ok_or_else(|| {
        let expected = "expected a function";
        ReadError::new(field, Problem::Null { expected })
    })
}

/// The text of a slice.
///
/// # Safety
/// A slice that is not null points to `len` bytes which stay unchanged for `'a`.
pub(super) unsafe fn text<'a>(
    field: &str,
    slice: Slice,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<&'a str, ReadError> {
    if !lengths.contains(&slice.len) {
        return Err(ReadError::new(
            field,
            Problem::Length {
                what: "bytes",
                found: slice.len,
                least: *lengths.start(),
                most: *lengths.end(),
            },
        ));
    }
    if slice.len == 0 {
        return Ok("");
    }
    pointer(
        field,
        slice.ptr,
        "expected as many bytes as its length says",
    )?;
    // SAFETY: not null, its length is within bounds, and the caller promises that the bytes are there.
    let bytes = unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) };
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        ReadError::new(field, Problem::Text { at })
    })
}
