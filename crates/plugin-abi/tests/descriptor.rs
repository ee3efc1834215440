//! Descriptors, good and hostile, as a host reads them.

#![allow(clippy::unwrap_used, unsafe_code)]

mod support;

use polywire_plugin_abi::read::{Descriptor, ReadError};
use polywire_plugin_abi::{AbiVersion, raw};
use proptest::prelude::*;
use support::Made;

fn read(plugin: &raw::Plugin) -> Result<Descriptor, ReadError> {
    // SAFETY: everything in it is null, or made by `Made` and as large as it says.
    unsafe { Descriptor::read(plugin) }.map(|(descriptor, _)| descriptor)
}

fn refused(change: impl FnOnce(&mut Made)) -> String {
    let mut made = Made::new();
    change(&mut made);
    read(&made.plugin).unwrap_err().to_string()
}

#[test]
fn a_good_one_is_copied() {
    let made = Made::new();
    let read = read(&made.plugin).unwrap();
    drop(made);
    assert_eq!(read.abi, AbiVersion::new(1, 0));
    assert!(read.flags.can_unload());
    assert_eq!(
        (read.name.as_str(), read.build_id.as_str()),
        ("orders", "b7")
    );
    assert_eq!(read.release.to_string(), "1.4.2+9f3c");
    let versions: Vec<_> = read
        .contracts
        .iter()
        .map(|contract| contract.version.to_string())
        .collect();
    assert_eq!(versions, ["1.4.0", "2.0.0"]);
    assert_eq!(read.contracts[0].fingerprint, Some([7; 32]));
    assert_eq!(read.contracts[1].fingerprint, None);
    assert_eq!(read.contracts[0].methods, ["quote", "cancel"]);
}

/// What is wrong, and what is said about it.
type Case = (fn(&mut Made), &'static str);

#[test]
fn each_wrong_field_is_named() {
    let most_contracts = "descriptor.contracts has 5000 contracts: expected 1 to 100";
    let cases: [Case; 22] = [
        (
            |made| made.plugin.magic = 7,
            "descriptor.magic is 0x7: expected 0x4c505750",
        ),
        (
            |made| made.plugin.abi_major = 2,
            "descriptor.abi_major is 0x2: expected 0x1",
        ),
        (
            |made| made.plugin.size = 12,
            "descriptor.size is 12: this structure has 144 to 4096 bytes",
        ),
        (
            |made| made.plugin.size = u32::MAX,
            "descriptor.size is 4294967295: this structure has 144 to 4096 bytes",
        ),
        (
            |made| made.plugin.name.ptr = std::ptr::null(),
            "descriptor.name is null: expected as many bytes as its length says",
        ),
        (
            |made| made.plugin.name.len = 0,
            "descriptor.name has 0 bytes: expected 1 to 100",
        ),
        (
            |made| made.plugin.name.len = usize::MAX,
            "descriptor.name has 18446744073709551615 bytes: expected 1 to 100",
        ),
        (
            |made| made.plugin.name = raw::Slice::of(b"ord\xffrs"),
            "descriptor.name is not UTF-8 from byte 3 on",
        ),
        (
            |made| made.plugin.release = raw::Slice::of(b"1.4"),
            "descriptor.release is wrong: \"1.4\" is no release version: unexpected end of input while parsing minor version \
             number; write it like \"1.4.2\"",
        ),
        (
            |made| made.plugin.build_id.len = 257,
            "descriptor.build_id has 257 bytes: expected 0 to 256",
        ),
        (
            |made| made.plugin.call = None,
            "descriptor.call is null: expected a function",
        ),
        (
            |made| made.plugin.fini = None,
            "descriptor.fini is null: expected a function",
        ),
        (
            |made| made.plugin.contracts = std::ptr::null(),
            "descriptor.contracts is null: expected as many contracts as n_contracts says",
        ),
        (
            |made| made.plugin.contracts = made.plugin.contracts.wrapping_byte_add(1),
            "descriptor.contracts is at an address that is no multiple of 8",
        ),
        (|made| made.plugin.n_contracts = 5000, most_contracts),
        (
            |made| made.plugin.n_contracts = 0,
            "descriptor.contracts has 0 contracts: expected 1 to 100",
        ),
        (
            |made| made.contracts[0].size = 8,
            "descriptor.contracts[0].size is 8: this structure has 88 to 4096 bytes",
        ),
        (
            |made| made.contracts[0].size += 1,
            "descriptor.contracts[1] is at an address that is no multiple of 8",
        ),
        (
            |made| made.contracts[1].size += 8,
            "descriptor.contracts[1].size is 0x60: expected 0x58",
        ),
        (
            |made| made.contracts[1].semver = raw::Slice::of(b"1.4.0+other"),
            "descriptor.contracts[1] is wrong: orders 1.4.0+other is there twice",
        ),
        (
            |made| made.contracts[1].n_methods = 1001,
            "descriptor.contracts[1].methods has 1001 methods: expected 0 to 1000",
        ),
        (
            |made| made.methods[1].ptr = std::ptr::null(),
            "descriptor.contracts[0].methods[1] is null: expected as many bytes as its length says",
        ),
    ];
    for (change, message) in cases {
        assert_eq!(refused(change), message);
    }
    // SAFETY: null is refused before anything is read.
    let null = unsafe { Descriptor::read(std::ptr::null()) }.unwrap_err();
    assert_eq!(
        null.to_string(),
        "descriptor is null: expected a descriptor"
    );
}

#[test]
fn later_minors_are_read_as_far_as_they_are_known() {
    #[repr(C)]
    struct Longer<T>(T, [u64; 3]);
    let made = Made::new();
    let mut plugin = Longer(made.plugin, [u64::MAX; 3]);
    let longer = u32::try_from(size_of_val(&plugin)).unwrap();
    plugin.0.size = longer;
    plugin.0.abi_minor = 9;
    let mut contracts = made
        .contracts
        .clone()
        .map(|entry| Longer(entry, [u64::MAX; 3]));
    for entry in &mut contracts {
        entry.0.size = u32::try_from(size_of::<Longer<raw::ContractEntry>>()).unwrap();
    }
    plugin.0.contracts = contracts.as_ptr().cast();
    // SAFETY: as large as it says, and so are its contracts.
    let (read, _) = unsafe { Descriptor::read((&raw const plugin).cast()) }.unwrap();
    assert_eq!(read.abi, AbiVersion::new(1, 9));
    assert_eq!(read.contracts[1].version.to_string(), "2.0.0");
}

/// One thing that a hostile library may get wrong, and with what value.
fn mutation() -> impl Strategy<Value = (u8, u64)> {
    (0..14u8, any::<u64>())
}

fn mutate(made: &mut Made, (what, value): (u8, u64)) {
    let small = u32::try_from(value & 0xffff_ffff).unwrap();
    let length = usize::try_from(value).unwrap();
    let longer = |slice: &mut raw::Slice| {
        // Longer than anything that is read, so that the length is refused before the bytes are looked at.
        slice.len = length.max(1 << 20);
    };
    match what {
        0 => made.plugin.magic ^= small | 1,
        1 => made.plugin.abi_major ^= u16::from(small.to_le_bytes()[0]) | 1,
        2 => made.plugin.size = small % 144,
        3 => longer(&mut made.plugin.name),
        4 => longer(&mut made.plugin.release),
        5 => longer(&mut made.plugin.build_id),
        6 => made.plugin.n_contracts = small.max(101),
        7 => made.plugin.contracts = std::ptr::null(),
        8 => made.contracts[0].size = small % 88,
        9 => longer(&mut made.contracts[1].name),
        10 => longer(&mut made.contracts[1].semver),
        11 => made.contracts[0].n_methods = small.max(1001),
        12 => longer(&mut made.methods[0]),
        _ => made.contracts[1].methods = std::ptr::null(),
    }
}

proptest! {
    #[test]
    fn whatever_is_wrong_is_an_error_and_never_a_fault(mutations in prop::collection::vec(mutation(), 1..5)) {
        let mut made = Made::new();
        for mutation in mutations {
            mutate(&mut made, mutation);
        }
        let error = read(&made.plugin).unwrap_err();
        prop_assert!(error.field.starts_with("descriptor."), "{}", error);
    }

    #[test]
    fn names_of_any_bytes_are_text_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut made = Made::new();
        made.plugin.name = raw::Slice::of(&bytes);
        let valid = (1..=100).contains(&bytes.len()) && std::str::from_utf8(&bytes).is_ok();
        match read(&made.plugin) {
            Ok(read) => prop_assert!(valid && read.name.as_bytes() == bytes),
            Err(error) => prop_assert!(!valid && error.field == "descriptor.name"),
        }
    }
}
