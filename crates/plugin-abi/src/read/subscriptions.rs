//! The subscriptions that a host has for a plugin, as the plugin sees them.

use std::ffi::c_void;

use super::HostTable;
use crate::raw;

/// The extension [`crate::SUBSCRIPTIONS`].
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionsTable {
    ctx: *mut c_void,
    subscribe: unsafe extern "C" fn(
        *mut c_void,
        raw::Slice,
        *const raw::Call,
        *mut u64,
        *const raw::Sink,
    ) -> i32,
    next: unsafe extern "C" fn(
        *mut c_void,
        u64,
        u64,
        *mut u64,
        *const raw::Sink,
        *const raw::Sink,
    ) -> i32,
    settle:
        unsafe extern "C" fn(*mut c_void, u64, u64, u32, u64, raw::Slice, *const raw::Sink) -> i32,
    unsubscribe: unsafe extern "C" fn(*mut c_void, u64),
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug)]
pub struct Settlement<'a> {
    /// Which event, by its number.
    pub delivery: u64,
    /// One of [`raw::ACK`], [`raw::RETRY`], [`raw::REJECT`], [`raw::PARK`] and [`raw::RETURN`].
    pub verdict: u32,
    /// How long a retry waits, in nanoseconds; 0 is what the policy says.
    pub after_ns: u64,
    /// Why it was rejected or parked.
    pub reason: &'a str,
}

// SAFETY: the functions of a host may be called on any thread with its context: that is what a host promises.
unsafe impl Send for SubscriptionsTable {}
// SAFETY: as above.
unsafe impl Sync for SubscriptionsTable {}

impl HostTable {
    /// The extension [`crate::SUBSCRIPTIONS`], if the host has it and it can be read.
    #[must_use]
    pub fn subscriptions(&self) -> Option<SubscriptionsTable> {
        let table = self.extension::<raw::Subscriptions>(crate::SUBSCRIPTIONS)?;
        Some(SubscriptionsTable {
            ctx: table.ctx,
            subscribe: table.subscribe?,
            next: table.next?,
            settle: table.settle?,
            unsubscribe: table.unsubscribe?,
        })
    }
}

impl SubscriptionsTable {
    /// Joins a group, on the calling thread; the number of a [`crate::Code`], and that of the subscription.
    #[must_use]
    pub fn subscribe(&self, channel: &str, call: &raw::Call, out: &raw::Sink) -> (i32, u64) {
        let (channel, mut subscription) = (raw::Slice::of(channel.as_bytes()), 0);
        // SAFETY: the host promised that the function may be called; what it gets is there until it returns.
        let code = unsafe { (self.subscribe)(self.ctx, channel, call, &raw mut subscription, out) };
        (code, subscription)
    }

    /// Waits for the next event, on the calling thread; the number of a [`crate::Code`], and that of the event, 0 when none came.
    #[must_use]
    pub fn next(
        &self,
        subscription: u64,
        timeout_ns: u64,
        fields: &raw::Sink,
        out: &raw::Sink,
    ) -> (i32, u64) {
        let mut delivery = 0;
        // SAFETY: as above.
        let code = unsafe {
            (self.next)(
                self.ctx,
                subscription,
                timeout_ns,
                &raw mut delivery,
                fields,
                out,
            )
        };
        (code, delivery)
    }

    /// Says what becomes of an event, on the calling thread; the number of a [`crate::Code`].
    #[must_use]
    pub fn settle(&self, subscription: u64, settlement: &Settlement<'_>, out: &raw::Sink) -> i32 {
        let reason = raw::Slice::of(settlement.reason.as_bytes());
        let Settlement {
            delivery,
            verdict,
            after_ns,
            ..
        } = *settlement;
        // SAFETY: as above.
        unsafe {
            (self.settle)(
                self.ctx,
                subscription,
                delivery,
                verdict,
                after_ns,
                reason,
                out,
            )
        }
    }

    /// Leaves the group; does not wait.
    pub fn unsubscribe(&self, subscription: u64) {
        // SAFETY: the host promised that the function may be called.
        unsafe { (self.unsubscribe)(self.ctx, subscription) }
    }
}
