//! The functions of `polywire.channels/1`.

use std::ffi::c_void;

use bytes::Bytes;
use polywire_core::{Error, ErrorKind, Outcome, Problem, Receipt, Reply, Result, Stamp, fields};
use polywire_plugin_abi::read::{self, CallView};
use polywire_plugin_abi::{Code, raw, write_header};

use super::Outbound;
use crate::native::contain::contain;
use crate::native::context::{answer, context, lost, malformed, size};

/// The functions, with the context that they are given.
pub(in crate::native) fn table(ctx: *mut c_void) -> raw::Channels {
    raw::Channels {
        size: size::<raw::Channels>(),
        ctx,
        describe: Some(describe),
        call: Some(call),
        send: Some(send),
        cancel: Some(cancel),
    }
}

/// What a plugin is told, where the host could say something at all.
struct Answer {
    code: Code,
    fields: Vec<u8>,
    body: Bytes,
}

impl Answer {
    fn of_reply(reply: &Reply) -> Result<Self> {
        let (code, body) = match &reply.outcome {
            Outcome::Done => (Code::Ok, reply.body.clone()),
            Outcome::Failed { code, retryable } => (
                Code::Failed,
                Problem::write_application(code, *retryable, &reply.body)?,
            ),
        };
        let mut fields = Vec::new();
        write_stamp(&mut fields, &reply.stamp)?;
        Ok(Self { code, fields, body })
    }

    fn of_receipt(receipt: &Receipt) -> Result<Self> {
        let mut fields = Vec::new();
        write(&mut fields, "contract-message-id", &receipt.id.to_string())?;
        if let Some(stamp) = &receipt.stamp {
            write_stamp(&mut fields, stamp)?;
        }
        Ok(Self {
            code: Code::Ok,
            fields,
            body: Bytes::new(),
        })
    }
}

pub(super) fn write_stamp(fields: &mut Vec<u8>, stamp: &Stamp) -> Result<()> {
    fields::write_stamp(stamp, |name, value| write(fields, name, value))
}

pub(super) fn write(fields: &mut Vec<u8>, name: &str, value: &str) -> Result<()> {
    write_header(fields, name, value)
        .map_err(|error| Error::new(ErrorKind::TooLarge, error.to_string()))
}

/// What the context of a call says about who calls.
///
/// # Safety
/// As `context`; the channel's name is there until this is used no more.
pub(super) unsafe fn entered<'a>(
    ctx: *mut c_void,
    channel: raw::Slice,
) -> Result<(&'a Outbound, &'a str)> {
    // SAFETY: as the caller promises.
    let (context, channel) = unsafe {
        (
            context(ctx).ok_or_else(lost)?,
            read::bytes("channel", channel).map_err(malformed)?,
        )
    };
    Ok((
        context.outbound()?,
        std::str::from_utf8(channel).map_err(malformed)?,
    ))
}

/// Says something to another service, and writes what comes of it.
///
/// # Safety
/// As the C functions are promised.
unsafe fn exchange(
    (ctx, channel): (*mut c_void, raw::Slice),
    call: *const raw::Call,
    fields: *const raw::Sink,
    out: *const raw::Sink,
    say: impl FnOnce(&Outbound, &str, &CallView<'_>) -> Result<Answer>,
) -> i32 {
    contain(Code::Panicked, || {
        // SAFETY: the plugin passes sinks of its own.
        let out = unsafe { read::Output::read(out) }.ok()?;
        let fields = if fields.is_null() {
            None
        } else {
            // SAFETY: as above.
            Some(unsafe { read::Output::read(fields) }.ok()?)
        };
        // SAFETY: the plugin gives the context back, and lends the rest until this returns.
        let entered = unsafe { entered(ctx, channel) };
        let answered = entered.and_then(|(outbound, channel)| {
            // SAFETY: as above.
            let call = unsafe { CallView::read(call) }.map_err(malformed)?;
            say(outbound, channel, &call)
        });
        let (code, body) = match answered {
            Ok(answer) => {
                if let Some(fields) = fields
                    && !answer.fields.is_empty()
                    && !fields.write(&answer.fields)
                {
                    return Some(Code::Failed);
                }
                (answer.code, answer.body)
            }
            Err(error) => (Code::Failed, error.to_problem().into()),
        };
        let taken = body.is_empty() || out.write(&body);
        Some(if taken { code } else { Code::Failed })
    })
    .number()
}

unsafe extern "C" fn describe(ctx: *mut c_void, channel: raw::Slice, out: *const raw::Sink) -> i32 {
    answer(out, || {
        // SAFETY: the plugin gives the context back, and lends the name until this returns.
        let (outbound, channel) = unsafe { entered(ctx, channel) }?;
        serde_json::to_vec(&outbound.describe(channel)?)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    })
}

unsafe extern "C" fn call(
    ctx: *mut c_void,
    channel: raw::Slice,
    call: *const raw::Call,
    fields: *const raw::Sink,
    out: *const raw::Sink,
) -> i32 {
    // SAFETY: the plugin passes what this one is promised.
    unsafe {
        exchange(
            (ctx, channel),
            call,
            fields,
            out,
            |outbound, channel, call| Answer::of_reply(&outbound.call(channel, call)?),
        )
    }
}

unsafe extern "C" fn send(
    ctx: *mut c_void,
    channel: raw::Slice,
    command: *const raw::Call,
    fields: *const raw::Sink,
    out: *const raw::Sink,
) -> i32 {
    // SAFETY: as above.
    unsafe {
        exchange(
            (ctx, channel),
            command,
            fields,
            out,
            |outbound, channel, command| Answer::of_receipt(&outbound.send(channel, command)?),
        )
    }
}

/// `invoke` of the host: a call whose reply has no fields.
///
/// # Safety
/// As the C function is promised.
pub(in crate::native) unsafe fn invoke(
    ctx: *mut c_void,
    channel: raw::Slice,
    invocation: *const raw::Call,
    out: *const raw::Sink,
) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { call(ctx, channel, invocation, std::ptr::null(), out) }
}

unsafe extern "C" fn cancel(ctx: *mut c_void, id: u64) {
    contain((), || {
        // SAFETY: the plugin gives the context back.
        let context = unsafe { context(ctx) }?;
        context.outbound().ok()?.cancel(id);
        Some(())
    });
}
