//! The types as they are in memory, and the numbers in them.
//!
//! `include/polywire_plugin.h` is generated from this file alone: its doc comments are the header's.

use std::ffi::c_void;

/// What a descriptor begins with: "PWPL" in a file of a little-endian machine.
pub const MAGIC: u32 = 0x4C50_5750;
/// The major version of this interface, which is in the symbol's name as well.
pub const ABI_MAJOR: u16 = 1;
/// The minor version of this interface.
pub const ABI_MINOR: u16 = 0;

/// Done; the sink has the reply.
pub const OK: i32 = 0;
/// Failed; the sink has a problem document (RFC 9457): the application's own error, or one of Polywire's.
pub const FAILED: i32 = 1;
/// The contract has no such method; nothing was done.
pub const NO_SUCH_METHOD: i32 = 2;
/// The contract's version is not served; nothing was done.
pub const VERSION: i32 = 3;
/// A bound is reached; nothing was done.
pub const OVERLOADED: i32 = 4;
/// The host cancelled the call.
pub const CANCELLED: i32 = 5;
/// The handler panicked; the host forgets what is in the sink.
pub const PANICKED: i32 = 6;

/// Flag: the library may be closed once `fini` returned 0.
pub const CAN_UNLOAD: u32 = 1;
/// Flag: `call` may run on several threads at once; without it the host makes one call at a time.
pub const CONCURRENT: u32 = 2;
/// Flag: the plugin has threads of its own.
pub const OWN_THREADS: u32 = 4;
/// Flag: calls end soon and never wait.
pub const SHORT: u32 = 8;

/// Level of a log line: something failed.
pub const LOG_ERROR: u32 = 1;
/// Level of a log line: something may be wrong.
pub const LOG_WARN: u32 = 2;
/// Level of a log line: worth knowing.
pub const LOG_INFO: u32 = 3;
/// Level of a log line: for whoever looks for a fault.
pub const LOG_DEBUG: u32 = 4;

/// Verdict on an event: done with.
pub const ACK: u32 = 0;
/// Verdict on an event: deliver it again.
pub const RETRY: u32 = 1;
/// Verdict on an event: never going to work; set it aside with the reason.
pub const REJECT: u32 = 2;
/// Verdict on an event: not for this version of the subscriber; set it aside with the reason, for replay.
pub const PARK: u32 = 3;
/// Verdict on an event: give it back to the group at once, as if it had not been delivered.
pub const RETURN: u32 = 4;

/// Instead of an index into the descriptor: the contract or the method is named by the headers `contract` and `method`.
pub const BY_NAME: u32 = u32::MAX;

/// Bytes that the other side owns, borrowed until the function that got them returns. Text is UTF-8 without a
/// terminating zero. With `len` 0, `ptr` may be null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The first byte.
    pub ptr: *const u8,
    /// How many there are.
    pub len: usize,
}

/// Where an answer is written: memory of whoever passes the sink, valid until the function that got it returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Sink {
    /// Given back to `write`.
    pub ctx: *mut c_void,
    /// Appends bytes. 0: taken. Anything else: the bound is reached, nothing of this and later writes is taken.
    pub write: Option<unsafe extern "C" fn(ctx: *mut c_void, bytes: Slice) -> i32>,
}

/// One version of one contract that the plugin serves.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ContractEntry {
    /// The size of this structure, the same in every element of an array: it is how far apart they are.
    pub size: u32,
    /// The contract's name.
    pub name: Slice,
    /// Its semantic version.
    pub semver: Slice,
    /// The SHA-256 of its canonical document; all zero when it is not known.
    pub fingerprint: [u8; 32],
    /// The names of its operations, commands and events.
    pub methods: *const Slice,
    /// How many there are.
    pub n_methods: u32,
}

/// One message: a call or a command to the plugin, anything from it to its host.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The size of this structure.
    pub size: u32,
    /// Names the call; unique among those that run in the same direction. From the plugin, 0 is one that is not given up.
    pub id: u64,
    /// How much time there is from entry, in nanoseconds; 0 means no limit.
    pub timeout_ns: u64,
    /// The index of the contract in the descriptor, or `PW_BY_NAME`.
    pub contract: u32,
    /// The index of the method in its contract, or `PW_BY_NAME`.
    pub method: u32,
    /// Entries one after another: name length (2 bytes), value length (4 bytes), both little-endian; name; value.
    /// The names are those of HTTP requests, such as `contract-message-id` and `traceparent`.
    pub headers: Slice,
    /// The payload.
    pub body: Slice,
}

/// What a host does for its plugins. Valid until `fini` returned; every function may be called on any thread.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// The size of this structure.
    pub size: u32,
    /// Given back to each function.
    pub ctx: *mut c_void,
    /// Writes a line to the host's log.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: u32, message: Slice)>,
    /// Whether the host has given up a call: 1 yes, 0 no. Poll it in long work.
    pub cancelled: Option<unsafe extern "C" fn(ctx: *mut c_void, call_id: u64) -> i32>,
    /// Calls out through one of the host's channels; returns a result code. `polywire.channels/1` tells more of the reply.
    pub invoke: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            channel: Slice,
            call: *const Call,
            out: *const Sink,
        ) -> i32,
    >,
    /// What else the host has, by id and version such as `polywire.events/1`; null when it does not have it.
    pub extension: Option<unsafe extern "C" fn(ctx: *mut c_void, id: Slice) -> *const c_void>,
}

/// Extension `polywire.threads/1`: what to do when a thread of the host ends that the plugin has left values on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Threads {
    /// The size of this structure.
    pub size: u32,
    /// Given back to each function.
    pub ctx: *mut c_void,
    /// Runs `run(arg)` on the calling thread when that ends, unless `fini` ran before. 0: it will.
    pub at_exit: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            run: Option<unsafe extern "C" fn(arg: *mut c_void)>,
            arg: *mut c_void,
        ) -> i32,
    >,
}

/// Extension `polywire.events/1`: events of the plugin's own contracts, to whoever subscribes at the host.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Events {
    /// The size of this structure.
    pub size: u32,
    /// Given back to each function.
    pub ctx: *mut c_void,
    /// Publishes one event; returns a result code, after which the host has taken it or has written a problem document.
    pub publish: Option<
        unsafe extern "C" fn(ctx: *mut c_void, event: *const Call, problem: *const Sink) -> i32,
    >,
}

/// Extension `polywire.channels/1`: calls and commands of the plugin to other services, through the channels that its host
/// configures. `call` and `send` wait, on the calling thread; none of this is for a plugin that says it is short.
///
/// A `pw_call` names contract and method by header, and says by `contract-require`, such as `^1.2`, which versions it takes where
/// the channel's configuration says nothing. Its `timeout_ns` of 0 is the channel's own timeout. What is under way when `quiesce`
/// is called is given up, and nothing is taken from then on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Channels {
    /// The size of this structure.
    pub size: u32,
    /// Given back to each function.
    pub ctx: *mut c_void,
    /// Tells what a channel is, as a JSON document in `out`: its contract, what it requires, its timeout, what it can do. Opens
    /// nothing and does not wait.
    pub describe:
        Option<unsafe extern "C" fn(ctx: *mut c_void, channel: Slice, out: *const Sink) -> i32>,
    /// Calls an operation; returns a result code. `fields` gets what the reply says beside its payload, encoded as headers are:
    /// `contract-version`, and `contract-offer`, `-digest`, `-status`, `-instance`, `-since`, `-sunset`, `-link` where they are
    /// known; it may be null. `out` gets the payload, or a problem document.
    pub call: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            channel: Slice,
            call: *const Call,
            fields: *const Sink,
            out: *const Sink,
        ) -> i32,
    >,
    /// Sends a command; returns a result code once the channel has taken responsibility. `fields` gets `contract-message-id`, and
    /// the same as of a reply where whoever took it is known; it may be null. `out` gets a problem document where there is one.
    pub send: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            channel: Slice,
            command: *const Call,
            fields: *const Sink,
            out: *const Sink,
        ) -> i32,
    >,
    /// Gives up the call or the command of this id that is under way, if there is one; whoever waits for it is answered at once.
    pub cancel: Option<unsafe extern "C" fn(ctx: *mut c_void, call_id: u64)>,
}

/// Extension `polywire.subscriptions/1`: events of other services to the plugin, through the channels that its host configures.
/// `subscribe`, `next` and `settle` wait, on the calling thread; none of this is for a plugin that says it is short.
///
/// A `pw_call` names the event as its method; `contract-group` names the group that it joins, and without it the plugin is a group of
/// its own that ends with the subscription. `contract-prefetch` says how many events may be unsettled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Subscriptions {
    /// The size of this structure.
    pub size: u32,
    /// Given back to each function.
    pub ctx: *mut c_void,
    /// Joins a group; returns a result code. `subscription` gets a number for the other functions, `out` a problem document where
    /// there is one.
    pub subscribe: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            channel: Slice,
            call: *const Call,
            subscription: *mut u64,
            out: *const Sink,
        ) -> i32,
    >,
    /// Waits for the next event, for at most so long; one thread at a time. `PW_OK`: `delivery` gets its number, `fields` what it
    /// says beside its payload, encoded as headers are, `out` its payload; or `delivery` gets 0, since none came. `PW_CANCELLED`:
    /// none will come any more.
    pub next: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            subscription: u64,
            timeout_ns: u64,
            delivery: *mut u64,
            fields: *const Sink,
            out: *const Sink,
        ) -> i32,
    >,
    /// Says what becomes of an event; returns a result code. `after_ns` is how long a retry waits, 0 what the channel's policy says;
    /// `reason` is for whoever finds what was rejected or parked. What is never settled returns to its group with the
    /// subscription's end.
    pub settle: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            subscription: u64,
            delivery: u64,
            verdict: u32,
            after_ns: u64,
            reason: Slice,
            out: *const Sink,
        ) -> i32,
    >,
    /// Leaves the group. Does not wait; a thread in `next` is answered.
    pub unsubscribe: Option<unsafe extern "C" fn(ctx: *mut c_void, subscription: u64)>,
}

/// What a plugin is: exported as the data symbol `polywire_plugin_v1`.
///
/// The host calls, in this order: `describe` if there is one; `init` and `self_test`; `call` as often as it likes;
/// `quiesce`, `destroy`, `live_threads` until it is 0; `fini` once nothing is left of any instance.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// `PW_MAGIC`.
    pub magic: u32,
    /// `PW_ABI_MAJOR`.
    pub abi_major: u16,
    /// `PW_ABI_MINOR`.
    pub abi_minor: u16,
    /// The size of this structure.
    pub size: u32,
    /// The flags of this plugin.
    pub flags: u32,
    /// Its name.
    pub name: Slice,
    /// The semantic version of its release.
    pub release: Slice,
    /// Names the build, in any text; may be empty.
    pub build_id: Slice,
    /// The contracts that it serves; null when `describe` tells them.
    pub contracts: *const ContractEntry,
    /// How many there are.
    pub n_contracts: u32,
    /// Makes an instance. 0: made. Anything else: not made, and `err` has the reason as text.
    pub init: Option<
        unsafe extern "C" fn(
            host: *const Host,
            config: Slice,
            instance: *mut *mut c_void,
            err: *const Sink,
        ) -> i32,
    >,
    /// Answers one call or runs one command; returns a result code.
    pub call: Option<
        unsafe extern "C" fn(instance: *mut c_void, call: *const Call, out: *const Sink) -> i32,
    >,
    /// Checks an instance before anything is sent to it. 0: good. Anything else: `err` has the reason as text.
    pub self_test: Option<unsafe extern "C" fn(instance: *mut c_void, err: *const Sink) -> i32>,
    /// Stops the instance's own timers, threads and connections, within this time. 0: stopped.
    pub quiesce: Option<unsafe extern "C" fn(instance: *mut c_void, timeout_ms: u32) -> i32>,
    /// How many threads of this library have not ended.
    pub live_threads: Option<unsafe extern "C" fn() -> u32>,
    /// Ends an instance and frees it.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// Lets go of everything that the library holds of the process. 0: it may be closed. Nothing is called afterwards.
    pub fini: Option<unsafe extern "C" fn() -> i32>,
    /// Tells the contracts of a library that computes them, valid until `fini`. 0: told. May be null otherwise.
    pub describe: Option<
        unsafe extern "C" fn(
            host: *const Host,
            contracts: *mut *const ContractEntry,
            n_contracts: *mut u32,
            err: *const Sink,
        ) -> i32,
    >,
}

// SAFETY: a descriptor is constant data with function pointers; whoever makes one keeps what it points to unchanged.
unsafe impl Sync for Plugin {}

impl Slice {
    /// The slice of nothing.
    pub const EMPTY: Self = Self {
        ptr: std::ptr::null(),
        len: 0,
    };

    /// Borrows bytes, for as long as the receiver may look at them.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
        }
    }
}
