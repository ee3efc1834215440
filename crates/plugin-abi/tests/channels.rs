//! The channels and subscriptions of a host, good and hostile, as a plugin reads them.

#![allow(clippy::unwrap_used, unsafe_code)]

mod support;

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::null_mut;

use polywire_plugin_abi::read::{HostTable, Settlement};
use polywire_plugin_abi::{CHANNELS, SUBSCRIPTIONS, raw};
use support::{cancelled, invoke, log};

fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap()
}

/// What a host has, and what it was asked.
struct Tables {
    channels: raw::Channels,
    subscriptions: raw::Subscriptions,
    asked: Vec<String>,
}

fn note(ctx: *mut c_void, line: String) {
    // SAFETY: the tests give their tables as context, which nobody else uses meanwhile.
    let tables = unsafe { &mut *ctx.cast::<Tables>() };
    tables.asked.push(line);
}

fn text(slice: raw::Slice) -> String {
    // SAFETY: what the reader lends is there until this returns.
    let bytes = unsafe { polywire_plugin_abi::read::bytes("text", slice) }.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

extern "C" fn describe(ctx: *mut c_void, channel: raw::Slice, _: *const raw::Sink) -> i32 {
    note(ctx, format!("describe {}", text(channel)));
    raw::OK
}

extern "C" fn call(
    ctx: *mut c_void,
    channel: raw::Slice,
    _: *const raw::Call,
    _: *const raw::Sink,
    _: *const raw::Sink,
) -> i32 {
    note(ctx, format!("call {}", text(channel)));
    raw::OVERLOADED
}

extern "C" fn cancel(ctx: *mut c_void, id: u64) {
    note(ctx, format!("cancel {id}"));
}

extern "C" fn subscribe(
    ctx: *mut c_void,
    channel: raw::Slice,
    _: *const raw::Call,
    subscription: *mut u64,
    _: *const raw::Sink,
) -> i32 {
    note(ctx, format!("subscribe {}", text(channel)));
    // SAFETY: the reader passes a place of its own.
    unsafe { subscription.write(9) };
    raw::OK
}

extern "C" fn next(
    ctx: *mut c_void,
    subscription: u64,
    timeout_ns: u64,
    delivery: *mut u64,
    _: *const raw::Sink,
    _: *const raw::Sink,
) -> i32 {
    note(ctx, format!("next {subscription} {timeout_ns}"));
    // SAFETY: as above.
    unsafe { delivery.write(4) };
    raw::OK
}

extern "C" fn settle(
    ctx: *mut c_void,
    subscription: u64,
    delivery: u64,
    verdict: u32,
    after_ns: u64,
    reason: raw::Slice,
    _: *const raw::Sink,
) -> i32 {
    let reason = text(reason);
    note(
        ctx,
        format!("settle {subscription} {delivery} {verdict} {after_ns} {reason}"),
    );
    raw::OK
}

extern "C" fn unsubscribe(ctx: *mut c_void, subscription: u64) {
    note(ctx, format!("unsubscribe {subscription}"));
}

extern "C" fn extension(ctx: *mut c_void, id: raw::Slice) -> *const c_void {
    // SAFETY: the tests give their tables as context.
    let tables = unsafe { &*ctx.cast::<Tables>() };
    match text(id).as_str() {
        CHANNELS => (&raw const tables.channels).cast(),
        SUBSCRIPTIONS => (&raw const tables.subscriptions).cast(),
        _ => std::ptr::null(),
    }
}

fn tables() -> Box<Tables> {
    let mut tables = Box::new(Tables {
        channels: raw::Channels {
            size: size::<raw::Channels>(),
            ctx: null_mut(),
            describe: Some(describe),
            call: Some(call),
            send: Some(call),
            cancel: Some(cancel),
        },
        subscriptions: raw::Subscriptions {
            size: size::<raw::Subscriptions>(),
            ctx: null_mut(),
            subscribe: Some(subscribe),
            next: Some(next),
            settle: Some(settle),
            unsubscribe: Some(unsubscribe),
        },
        asked: Vec::new(),
    });
    let ctx = (&raw mut *tables).cast();
    (tables.channels.ctx, tables.subscriptions.ctx) = (ctx, ctx);
    tables
}

fn host(tables: &mut Tables) -> HostTable {
    let host = raw::Host {
        size: size::<raw::Host>(),
        ctx: std::ptr::from_mut(tables).cast(),
        log: Some(log),
        cancelled: Some(cancelled),
        invoke: Some(invoke),
        extension: Some(extension),
    };
    // SAFETY: its functions take its context.
    unsafe { HostTable::read(&raw const host) }.unwrap()
}

#[test]
fn both_are_used_as_they_are_meant() {
    let mut tables = tables();
    let host = host(&mut tables);
    let nothing = raw::Sink {
        ctx: null_mut(),
        write: None,
    };
    let message = raw::Call {
        size: size::<raw::Call>(),
        id: 7,
        timeout_ns: 0,
        contract: raw::BY_NAME,
        method: raw::BY_NAME,
        headers: raw::Slice::EMPTY,
        body: raw::Slice::EMPTY,
    };
    let channels = host.channels().unwrap();
    assert_eq!(channels.describe("stock", &nothing), raw::OK);
    let code = channels.call("stock", &message, &nothing, &nothing);
    assert_eq!(code, raw::OVERLOADED);
    let code = channels.send("depot", &message, &nothing, &nothing);
    assert_eq!(code, raw::OVERLOADED);
    channels.cancel(7);
    let subscriptions = host.subscriptions().unwrap();
    let subscribed = subscriptions.subscribe("stock", &message, &nothing);
    assert_eq!(subscribed, (raw::OK, 9));
    let came = subscriptions.next(9, 1000, &nothing, &nothing);
    assert_eq!(came, (raw::OK, 4));
    let settlement = Settlement {
        delivery: 4,
        verdict: raw::REJECT,
        after_ns: 5,
        reason: "unlucky",
    };
    assert_eq!(subscriptions.settle(9, &settlement, &nothing), raw::OK);
    subscriptions.unsubscribe(9);
    assert_eq!(
        tables.asked,
        [
            "describe stock",
            "call stock",
            "call depot",
            "cancel 7",
            "subscribe stock",
            "next 9 1000",
            "settle 9 4 2 5 unlucky",
            "unsubscribe 9",
        ]
    );
}

#[test]
fn one_that_lacks_a_function_or_is_too_small_is_none() {
    let without: [fn(&mut Tables); 10] = [
        |tables| tables.channels.size -= 1,
        |tables| tables.channels.describe = None,
        |tables| tables.channels.call = None,
        |tables| tables.channels.send = None,
        |tables| tables.channels.cancel = None,
        |tables| tables.subscriptions.size = 5000,
        |tables| tables.subscriptions.subscribe = None,
        |tables| tables.subscriptions.next = None,
        |tables| tables.subscriptions.settle = None,
        |tables| tables.subscriptions.unsubscribe = None,
    ];
    for (number, spoil) in without.into_iter().enumerate() {
        let mut tables = tables();
        spoil(&mut tables);
        let host = host(&mut tables);
        let found = (host.channels().is_some(), host.subscriptions().is_some());
        assert_eq!(found, (number >= 5, number < 5), "{number}");
    }
}
