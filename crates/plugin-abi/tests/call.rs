//! Calls, sinks and hosts, good and hostile, as a plugin reads them.

#![allow(clippy::unwrap_used, unsafe_code)]

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::null_mut;
use std::time::Duration;

use polywire_plugin_abi::read::{CallView, HostTable, Output, ReadError};
use polywire_plugin_abi::{raw, write_header};
use proptest::prelude::*;

fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap()
}

fn call(headers: &[u8], body: &[u8]) -> raw::Call {
    raw::Call {
        size: size::<raw::Call>(),
        id: 7,
        timeout_ns: 1_500_000,
        contract: 1,
        method: raw::BY_NAME,
        headers: raw::Slice::of(headers),
        body: raw::Slice::of(body),
    }
}

fn read(call: &raw::Call) -> Result<CallView<'_>, ReadError> {
    // SAFETY: its slices are null, or borrowed from longer than the call.
    unsafe { CallView::read(call) }
}

#[test]
fn a_good_call_is_read() {
    let mut headers = Vec::new();
    write_header(&mut headers, "method", "quote").unwrap();
    let raw = call(&headers, b"{}");
    let view = read(&raw).unwrap();
    assert_eq!((view.id, view.contract, view.method), (7, Some(1), None));
    assert_eq!(view.timeout, Some(Duration::from_micros(1500)));
    assert_eq!(view.headers.get("method"), Some("quote"));
    assert_eq!(view.body, b"{}");
    let mut raw = call(&[], &[]);
    raw.timeout_ns = 0;
    raw.body.ptr = std::ptr::null();
    let view = read(&raw).unwrap();
    assert_eq!((view.timeout, view.body), (None, &[][..]));
}

#[test]
fn each_wrong_field_is_named() {
    let refused = |change: fn(&mut raw::Call)| {
        let mut raw = call(&[], b"{}");
        change(&mut raw);
        read(&raw).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|call| call.size -= 1),
        "call.size is 63: this structure has 64 to 4096 bytes"
    );
    assert_eq!(
        refused(|call| call.body.ptr = std::ptr::null()),
        "call.body is null: expected as many bytes as its length says"
    );
    assert_eq!(
        refused(|call| call.body.len = usize::MAX),
        "call.body has 18446744073709551615 bytes: expected 0 to 9223372036854775807"
    );
    assert_eq!(
        refused(|call| call.headers = raw::Slice::of(b"\x01")),
        "call.headers is wrong: header 0 ends at byte 6, and there are 1"
    );
}

extern "C" fn log(ctx: *mut c_void, level: u32, message: raw::Slice) {
    // SAFETY: the tests give a vector as context, and the message is there until this returns.
    let (lines, message) = unsafe {
        let message = polywire_plugin_abi::read::bytes("message", message).unwrap();
        (&mut *ctx.cast::<Vec<String>>(), message)
    };
    lines.push(format!("{level} {}", String::from_utf8_lossy(message)));
}

extern "C" fn cancelled(_: *mut c_void, id: u64) -> i32 {
    i32::from(id == 7)
}

extern "C" fn invoke(
    _: *mut c_void,
    _: raw::Slice,
    _: *const raw::Call,
    _: *const raw::Sink,
) -> i32 {
    raw::OVERLOADED
}

/// An extension that says it has 4 bytes.
static TOO_SMALL: [u64; 3] = [4, 0, 0];

extern "C" fn extension(_: *mut c_void, _: raw::Slice) -> *const c_void {
    (&raw const TOO_SMALL).cast()
}

fn host(lines: &mut Vec<String>) -> raw::Host {
    raw::Host {
        size: size::<raw::Host>(),
        ctx: std::ptr::from_mut(lines).cast(),
        log: Some(log),
        cancelled: Some(cancelled),
        invoke: Some(invoke),
        extension: Some(extension),
    }
}

#[test]
fn a_host_is_used_and_what_it_lacks_is_named() {
    let mut lines = Vec::new();
    let raw_host = host(&mut lines);
    // SAFETY: its functions take its context.
    let table = unsafe { HostTable::read(&raw_host) }.unwrap();
    table.log(raw::LOG_WARN, "careful");
    assert!(table.cancelled(7) && !table.cancelled(8));
    let sink = raw::Sink {
        ctx: null_mut(),
        write: None,
    };
    assert_eq!(
        table.invoke("stock", &call(&[], &[]), &sink),
        raw::OVERLOADED
    );
    assert!(table.threads().is_none() && table.events().is_none());
    assert_eq!(lines, ["2 careful"]);

    let mut lacking = host(&mut lines);
    lacking.cancelled = None;
    // SAFETY: what is null is refused.
    let error = unsafe { HostTable::read(&lacking) }.unwrap_err();
    assert_eq!(
        error.to_string(),
        "host.cancelled is null: expected a function"
    );
    // SAFETY: as above.
    let error = unsafe { Output::read(&sink) }.unwrap_err();
    assert_eq!(error.to_string(), "sink.write is null: expected a function");
}

proptest! {
    #[test]
    fn headers_of_any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let raw = call(&bytes, &[]);
        match read(&raw) {
            Ok(view) => {
                let read: usize = view.headers.map(|(name, value)| 6 + name.len() + value.len()).sum();
                prop_assert_eq!(read, bytes.len());
            }
            Err(error) => prop_assert_eq!(error.field, "call.headers"),
        }
    }
}
