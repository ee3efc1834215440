//! A descriptor with everything in it, to be changed by tests, and a host that does nothing.

#![allow(dead_code, reason = "not every test needs everything")]

use std::ffi::c_void;
use std::mem::size_of;

use polywire_plugin_abi::raw;

/// A descriptor and what it points to.
pub(crate) struct Made {
    pub(crate) plugin: raw::Plugin,
    pub(crate) contracts: Box<[raw::ContractEntry; 2]>,
    pub(crate) methods: Box<[raw::Slice; 2]>,
}

impl Made {
    pub(crate) fn new() -> Self {
        let methods = Box::new([raw::Slice::of(b"quote"), raw::Slice::of(b"cancel")]);
        let entry = |semver: &'static [u8], fingerprint| raw::ContractEntry {
            size: u32::try_from(size_of::<raw::ContractEntry>()).unwrap(),
            name: raw::Slice::of(b"orders"),
            semver: raw::Slice::of(semver),
            fingerprint,
            methods: methods.as_ptr(),
            n_methods: 2,
        };
        let contracts = Box::new([entry(b"1.4.0", [7; 32]), entry(b"2.0.0", [0; 32])]);
        let plugin = raw::Plugin {
            magic: raw::MAGIC,
            abi_major: raw::ABI_MAJOR,
            abi_minor: raw::ABI_MINOR,
            size: u32::try_from(size_of::<raw::Plugin>()).unwrap(),
            flags: raw::CAN_UNLOAD | raw::CONCURRENT,
            name: raw::Slice::of(b"orders"),
            release: raw::Slice::of(b"1.4.2+9f3c"),
            build_id: raw::Slice::of(b"b7"),
            contracts: contracts.as_ptr(),
            n_contracts: 2,
            init: Some(init),
            call: Some(call),
            self_test: Some(self_test),
            quiesce: Some(quiesce),
            live_threads: Some(live_threads),
            destroy: Some(destroy),
            fini: Some(fini),
            describe: None,
        };
        Self {
            plugin,
            contracts,
            methods,
        }
    }
}

extern "C" fn init(
    _: *const raw::Host,
    _: raw::Slice,
    _: *mut *mut c_void,
    _: *const raw::Sink,
) -> i32 {
    0
}

extern "C" fn call(_: *mut c_void, _: *const raw::Call, _: *const raw::Sink) -> i32 {
    0
}

extern "C" fn self_test(_: *mut c_void, _: *const raw::Sink) -> i32 {
    0
}

extern "C" fn quiesce(_: *mut c_void, _: u32) -> i32 {
    0
}

extern "C" fn live_threads() -> u32 {
    0
}

extern "C" fn destroy(_: *mut c_void) {}

extern "C" fn fini() -> i32 {
    0
}

// What every host has.

pub(crate) extern "C" fn log(_: *mut c_void, _: u32, _: raw::Slice) {}

pub(crate) extern "C" fn cancelled(_: *mut c_void, _: u64) -> i32 {
    0
}

pub(crate) extern "C" fn invoke(
    _: *mut c_void,
    _: raw::Slice,
    _: *const raw::Call,
    _: *const raw::Sink,
) -> i32 {
    raw::OK
}
