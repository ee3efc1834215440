//! The channels of a host, as a plugin sees them.

use std::ffi::c_void;

use super::HostTable;
use crate::raw;

/// The extension [`crate::CHANNELS`].
#[derive(Clone, Copy, Debug)]
pub struct ChannelsTable {
    ctx: *mut c_void,
    describe: unsafe extern "C" fn(*mut c_void, raw::Slice, *const raw::Sink) -> i32,
    call: Exchange,
    send: Exchange,
    cancel: unsafe extern "C" fn(*mut c_void, u64),
}

type Exchange = unsafe extern "C" fn(
    *mut c_void,
    raw::Slice,
    *const raw::Call,
    *const raw::Sink,
    *const raw::Sink,
) -> i32;

// SAFETY: the functions of a host may be called on any thread with its context: that is what a host promises.
unsafe impl Send for ChannelsTable {}
// SAFETY: as above.
unsafe impl Sync for ChannelsTable {}

impl HostTable {
    /// The extension [`crate::CHANNELS`], if the host has it and it can be read.
    #[must_use]
    pub fn channels(&self) -> Option<ChannelsTable> {
        let table = self.extension::<raw::Channels>(crate::CHANNELS)?;
        Some(ChannelsTable {
            ctx: table.ctx,
            describe: table.describe?,
            call: table.call?,
            send: table.send?,
            cancel: table.cancel?,
        })
    }
}

impl ChannelsTable {
    /// Has the host tell what a channel is; the number of a [`crate::Code`].
    #[must_use]
    pub fn describe(&self, channel: &str, out: &raw::Sink) -> i32 {
        let channel = raw::Slice::of(channel.as_bytes());
        // SAFETY: the host promised that the function may be called; what it gets is there until it returns.
        unsafe { (self.describe)(self.ctx, channel, out) }
    }

    /// Calls an operation, on the calling thread; the number of a [`crate::Code`].
    #[must_use]
    pub fn call(
        &self,
        channel: &str,
        call: &raw::Call,
        fields: &raw::Sink,
        out: &raw::Sink,
    ) -> i32 {
        let channel = raw::Slice::of(channel.as_bytes());
        // SAFETY: as above.
        unsafe { (self.call)(self.ctx, channel, call, fields, out) }
    }

    /// Sends a command, on the calling thread; the number of a [`crate::Code`].
    #[must_use]
    pub fn send(
        &self,
        channel: &str,
        command: &raw::Call,
        fields: &raw::Sink,
        out: &raw::Sink,
    ) -> i32 {
        let channel = raw::Slice::of(channel.as_bytes());
        // SAFETY: as above.
        unsafe { (self.send)(self.ctx, channel, command, fields, out) }
    }

    /// Gives up a call or a command that is under way.
    pub fn cancel(&self, call: u64) {
        // SAFETY: the host promised that the function may be called.
        unsafe { (self.cancel)(self.ctx, call) }
    }
}
