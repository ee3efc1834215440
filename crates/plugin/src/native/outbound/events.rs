//! The functions of `polywire.subscriptions/1`.

use std::ffi::c_void;
use std::time::Duration;

use polywire_core::{Error, ErrorKind, Head, Result, Verdict, fields};
use polywire_plugin_abi::read::{self, CallView};
use polywire_plugin_abi::{Code, raw};

use super::Outbound;
use super::subscription::{Next, verdict};
use super::table::{entered, write, write_stamp};
use crate::native::contain::contain;
use crate::native::context::{answer, context, lost, malformed, size};

/// The functions, with the context that they are given.
pub(in crate::native) fn subscriptions(ctx: *mut c_void) -> raw::Subscriptions {
    raw::Subscriptions {
        size: size::<raw::Subscriptions>(),
        ctx,
        subscribe: Some(subscribe),
        next: Some(next),
        settle: Some(settle),
        unsubscribe: Some(unsubscribe),
    }
}

/// # Safety
/// As `context`.
unsafe fn outbound<'a>(ctx: *mut c_void) -> Result<&'a Outbound> {
    // SAFETY: as the caller promises.
    unsafe { context(ctx) }.ok_or_else(lost)?.outbound()
}

/// Where a number for the plugin is written.
///
/// # Safety
/// Null, misaligned, or a place for one.
unsafe fn place<'a>(what: &str, place: *mut u64) -> Result<&'a mut u64> {
    if place.is_null() || !place.is_aligned() {
        let text = format!("{what} has no place: expected a pointer to 8 bytes");
        return Err(Error::new(ErrorKind::InvalidPayload, text));
    }
    // SAFETY: neither null nor misaligned, and as the caller promises.
    Ok(unsafe { &mut *place })
}

unsafe extern "C" fn subscribe(
    ctx: *mut c_void,
    channel: raw::Slice,
    call: *const raw::Call,
    subscription: *mut u64,
    out: *const raw::Sink,
) -> i32 {
    answer(out, || {
        // SAFETY: the plugin gives the context back, and lends the rest until this returns.
        let (call, number, (outbound, channel)) = unsafe {
            (
                CallView::read(call).map_err(malformed)?,
                place("subscription", subscription)?,
                entered(ctx, channel)?,
            )
        };
        *number = outbound.subscribe(channel, &call)?;
        Ok(Vec::new())
    })
}

unsafe extern "C" fn next(
    ctx: *mut c_void,
    subscription: u64,
    timeout_ns: u64,
    delivery: *mut u64,
    fields: *const raw::Sink,
    out: *const raw::Sink,
) -> i32 {
    contain(Code::Panicked, || {
        // SAFETY: the plugin passes sinks of its own.
        let (fields, out) = unsafe {
            (
                read::Output::read(fields).ok()?,
                read::Output::read(out).ok()?,
            )
        };
        let came = || -> Result<Code> {
            // SAFETY: the plugin gives the context back, and passes a place of its own.
            let (outbound, number) = unsafe { (outbound(ctx)?, place("delivery", delivery)?) };
            *number = 0;
            match outbound.next(subscription, Duration::from_nanos(timeout_ns))? {
                Next::Nothing => Ok(Code::Ok),
                Next::Ended => Ok(Code::Cancelled),
                Next::Event(found, head, body) => {
                    let taken = match written(&head) {
                        Ok(written) if !fields.write(&written) => Err("its fields".to_owned()),
                        Ok(_) if !body.is_empty() && !out.write(&body) => {
                            Err("its body".to_owned())
                        }
                        Ok(_) => Ok(()),
                        Err(error) => Err(error.to_string()),
                    };
                    match taken {
                        Ok(()) => *number = found,
                        // It is set aside: another member could take it as little, and this one knows no number of it.
                        Err(what) => {
                            let reason = format!("plugins cannot take it: {what}");
                            outbound.settle(subscription, found, Some(Verdict::Park { reason }))?;
                        }
                    }
                    Ok(Code::Ok)
                }
            }
        };
        Some(came().unwrap_or_else(|error| {
            let _ = out.write(&error.to_problem());
            Code::Failed
        }))
    })
    .number()
}

fn written(head: &Head) -> Result<Vec<u8>> {
    let mut written = Vec::with_capacity(512);
    fields::write(head, |name, value| write(&mut written, name, value))?;
    if let Some(stamp) = &head.stamp {
        write_stamp(&mut written, stamp)?;
    }
    Ok(written)
}

unsafe extern "C" fn settle(
    ctx: *mut c_void,
    subscription: u64,
    delivery: u64,
    ruling: u32,
    after_ns: u64,
    reason: raw::Slice,
    out: *const raw::Sink,
) -> i32 {
    answer(out, || {
        // SAFETY: the plugin gives the context back, and lends the reason until this returns.
        let (outbound, reason) = unsafe {
            (
                outbound(ctx)?,
                read::bytes("reason", reason).map_err(malformed)?,
            )
        };
        let reason = String::from_utf8_lossy(reason);
        let verdict = verdict(ruling, after_ns, &reason)?;
        outbound.settle(subscription, delivery, verdict)?;
        Ok(Vec::new())
    })
}

unsafe extern "C" fn unsubscribe(ctx: *mut c_void, subscription: u64) {
    contain((), || {
        // SAFETY: the plugin gives the context back.
        unsafe { outbound(ctx) }.ok()?.unsubscribe(subscription);
        Some(())
    });
}
