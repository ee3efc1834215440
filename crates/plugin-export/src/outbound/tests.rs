//! Answers of a host that no good one gives.

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::null_mut;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Name, Requirement};
use polywire_core::{ErrorKind, Head, Kind, Message};
use polywire_plugin_abi::read::{ChannelsTable, HostTable};
use polywire_plugin_abi::{raw, write_header};
use tokio::time::Instant;

use super::exchange::{Exchange, listed};

fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(0)
}

fn give(sink: *const raw::Sink, bytes: &[u8]) -> bool {
    // SAFETY: the tests pass sinks of their own, which take bytes until they return.
    unsafe {
        let sink = sink.read();
        sink.write
            .is_some_and(|write| write(sink.ctx, raw::Slice::of(bytes)) == 0)
    }
}

unsafe extern "C" fn call(
    _: *mut c_void,
    channel: raw::Slice,
    _: *const raw::Call,
    fields: *const raw::Sink,
    out: *const raw::Sink,
) -> i32 {
    // SAFETY: the name is there until this returns.
    let name = unsafe { polywire_plugin_abi::read::bytes("channel", channel) };
    let mut version = Vec::new();
    let written = |name, value: &str| {
        let mut version = Vec::new();
        let _ = write_header(&mut version, name, value);
        version
    };
    match name.unwrap_or_default() {
        b"garbage" => drop(give(fields, b"\x01")),
        b"wordless" => {}
        b"unversioned" => drop(give(fields, &written("contract-version", "newest"))),
        b"strange" => return 77,
        b"mute" => return raw::FAILED,
        b"flood" => while give(out, &[b' '; 4096]) {},
        b"wide" => while give(fields, &[0; 4096]) {},
        _ => version = written("contract-version", "1.2.0"),
    }
    if !version.is_empty() {
        give(fields, &version);
        give(out, b"{}");
    }
    raw::OK
}

unsafe extern "C" fn describe(_: *mut c_void, _: raw::Slice, out: *const raw::Sink) -> i32 {
    give(out, b"{\"contract\":7}");
    raw::OK
}

unsafe extern "C" fn cancel(_: *mut c_void, _: u64) {}

unsafe extern "C" fn log(_: *mut c_void, _: u32, _: raw::Slice) {}

unsafe extern "C" fn cancelled(_: *mut c_void, _: u64) -> i32 {
    0
}

unsafe extern "C" fn invoke(
    _: *mut c_void,
    _: raw::Slice,
    _: *const raw::Call,
    _: *const raw::Sink,
) -> i32 {
    raw::OK
}

unsafe extern "C" fn extension(ctx: *mut c_void, _: raw::Slice) -> *const c_void {
    ctx.cast_const()
}

fn table() -> ChannelsTable {
    let mut channels = raw::Channels {
        size: size::<raw::Channels>(),
        ctx: null_mut(),
        describe: Some(describe),
        call: Some(call),
        send: Some(call),
        cancel: Some(cancel),
    };
    let host = raw::Host {
        size: size::<raw::Host>(),
        ctx: (&raw mut channels).cast(),
        log: Some(log),
        cancelled: Some(cancelled),
        invoke: Some(invoke),
        extension: Some(extension),
    };
    // SAFETY: its functions take its context, and the table is copied.
    let host = unsafe { HostTable::read(&raw const host) }.unwrap();
    host.channels().unwrap()
}

fn message() -> Message {
    let stock = Name::from_static("stock");
    let mut head = Head::new(Kind::Operation, stock.clone(), Name::from_static("left"));
    head.requirement = Some(Requirement::parse_list(stock, "^1.2").unwrap());
    Message::new(head, Bytes::from_static(b"{}"))
}

#[test]
fn a_good_answer_has_a_stamp_which_is_read_once() {
    let exchange = Exchange::new(table(), "good", 100);
    let first = exchange.call(1, &message()).unwrap();
    assert_eq!(first.stamp.version.to_string(), "1.2.0");
    assert_eq!(first.body, "{}");
    let second = exchange.call(2, &message()).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first.stamp, &second.stamp));
}

#[test]
fn bad_answers_are_errors() {
    for (name, kind, text) in [
        (
            "garbage",
            ErrorKind::Integrity,
            "the fields of the host's answer cannot be read: header 0 ends at byte 6, and there are 1",
        ),
        (
            "wordless",
            ErrorKind::Integrity,
            "the host's answer does not say at which version it was spoken",
        ),
        (
            "unversioned",
            ErrorKind::InvalidPayload,
            "header contract-version is \"newest\": ",
        ),
        (
            "strange",
            ErrorKind::Internal,
            "the host answered with code 77, which is none of version 1",
        ),
        ("mute", ErrorKind::Internal, "the host answered Failed"),
        (
            "flood",
            ErrorKind::TooLarge,
            "the host answered with more than 65636 bytes",
        ),
        (
            "wide",
            ErrorKind::TooLarge,
            "the host answered with more than 65536 bytes",
        ),
    ] {
        let exchange = Exchange::new(table(), name, 100);
        let error = exchange.call(1, &message()).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.message().starts_with(text), "{name}: {error}");
    }
    let error = listed(table(), "stock").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let text = "what the host says of channel \"stock\" cannot be read: ";
    assert!(error.message().starts_with(text), "{error}");
}

#[test]
fn who_is_late_does_not_ask() {
    let exchange = Exchange::new(table(), "strange", 100);
    let mut late = message();
    late.head.deadline = Instant::now().checked_sub(Duration::from_nanos(1));
    let error = exchange.call(1, &late).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(
        error.message(),
        "the deadline has passed before the host was asked"
    );
}
