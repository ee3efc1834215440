//! A plugin's description, copied out of its library.

use std::ffi::c_void;
use std::mem::align_of;

use super::error::{Problem, ReadError};
use super::field;
use crate::code::Flags;
use crate::raw;
use crate::version::{AbiVersion, ContractVersion, ReleaseVersion};

/// The longest name of a plugin, contract or method, in bytes.
pub const MAX_NAME: usize = 100;
/// The longest version or build id, in bytes.
pub const MAX_TEXT: usize = 256;
/// The most contract versions that one plugin serves.
pub const MAX_CONTRACTS: usize = 100;
/// The most methods of one contract.
pub const MAX_METHODS: usize = 1000;

/// What a plugin says about itself: owned, so that it outlives the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The version of the interface that it was built for.
    pub abi: AbiVersion,
    /// What it can do.
    pub flags: Flags,
    /// Its name.
    pub name: String,
    /// Its release.
    pub release: ReleaseVersion,
    /// Its build; empty when it does not say.
    pub build_id: String,
    /// The contract versions that it serves; empty while it only tells them by `describe`.
    pub contracts: Vec<Contract>,
}

/// One contract version that a plugin serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The contract's name.
    pub name: String,
    /// Its version.
    pub version: ContractVersion,
    /// The SHA-256 of its canonical document, where it is stated.
    pub fingerprint: Option<[u8; 32]>,
    /// The names of its operations, commands and events; a call names them by their place.
    pub methods: Vec<String>,
}

/// The functions of a plugin. They are part of its library and may not be kept longer.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Entries {
    pub init: unsafe extern "C" fn(
        *const raw::Host,
        raw::Slice,
        *mut *mut c_void,
        *const raw::Sink,
    ) -> i32,
    pub call: unsafe extern "C" fn(*mut c_void, *const raw::Call, *const raw::Sink) -> i32,
    pub self_test: unsafe extern "C" fn(*mut c_void, *const raw::Sink) -> i32,
    pub quiesce: unsafe extern "C" fn(*mut c_void, u32) -> i32,
    pub live_threads: unsafe extern "C" fn() -> u32,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub fini: unsafe extern "C" fn() -> i32,
    pub describe: Option<
        unsafe extern "C" fn(
            *const raw::Host,
            *mut *const raw::ContractEntry,
            *mut u32,
            *const raw::Sink,
        ) -> i32,
    >,
}

impl Descriptor {
    /// Reads and checks a descriptor.
    ///
    /// # Errors
    /// Names the first field that is wrong, and what would be valid.
    ///
    /// # Safety
    /// A pointer that is neither null nor misaligned points to as many bytes as the structure says, of which the first 12
    /// are there in any case; slices and arrays in it have as many elements as they say; all unchanged meanwhile.
    pub unsafe fn read(plugin: *const raw::Plugin) -> Result<(Self, Entries), ReadError> {
        field::pointer("descriptor", plugin, "expected a descriptor")?;
        let number = |field: &str, found: u64, expected: u64| {
            if found == expected {
                Ok(())
            } else {
                let problem = Problem::Number { found, expected };
                Err(ReadError::new(format!("descriptor.{field}"), problem))
            }
        };
        // SAFETY: it is aligned and not null, and the caller promises that the first fields are there.
        let (magic, major, minor, size) = unsafe {
            (
                (&raw const (*plugin).magic).read(),
                (&raw const (*plugin).abi_major).read(),
                (&raw const (*plugin).abi_minor).read(),
                (&raw const (*plugin).size).read(),
            )
        };
        number("magic", magic.into(), raw::MAGIC.into())?;
        number("abi_major", major.into(), raw::ABI_MAJOR.into())?;
        field::size::<raw::Plugin>("descriptor", size)?;
        // SAFETY: it is as large as the fields that are known here.
        let plugin = unsafe { plugin.read() };
        // SAFETY: as the caller promises, here and below.
        let name = unsafe { field::text("descriptor.name", plugin.name, 1..=MAX_NAME) }?;
        // SAFETY: as above.
        let release = unsafe { field::text("descriptor.release", plugin.release, 1..=MAX_TEXT) }?;
        // SAFETY: as above.
        let build_id =
            unsafe { field::text("descriptor.build_id", plugin.build_id, 0..=MAX_TEXT) }?;
        let entries = Entries {
            init: field::function("descriptor.init", plugin.init)?,
            call: field::function("descriptor.call", plugin.call)?,
            self_test: field::function("descriptor.self_test", plugin.self_test)?,
            quiesce: field::function("descriptor.quiesce", plugin.quiesce)?,
            live_threads: field::function("descriptor.live_threads", plugin.live_threads)?,
            destroy: field::function("descriptor.destroy", plugin.destroy)?,
            fini: field::function("descriptor.fini", plugin.fini)?,
            describe: plugin.describe,
        };
        let contracts = if plugin.describe.is_some() && plugin.n_contracts == 0 {
            Vec::new()
        } else {
            // SAFETY: as the caller promises.
            unsafe { contracts(plugin.contracts, plugin.n_contracts) }?
        };
        let descriptor = Self {
            abi: AbiVersion::new(major, minor),
            flags: Flags::from_bits(plugin.flags),
            name: name.to_owned(),
            release: release.parse().map_err(|error| {
                ReadError::new("descriptor.release", Problem::Value(format!("{error}")))
            })?,
            build_id: build_id.to_owned(),
            contracts,
        };
        Ok((descriptor, entries))
    }
}

/// Reads and checks an array of contracts.
///
/// # Errors
/// Names the first field that is wrong.
///
/// # Safety
/// A pointer that is neither null nor misaligned points to `count` elements, each as large as the first one says; slices
/// and arrays in them have as many elements as they say; all unchanged meanwhile.
pub unsafe fn contracts(
    first: *const raw::ContractEntry,
    count: u32,
) -> Result<Vec<Contract>, ReadError> {
    let field = "descriptor.contracts";
    let count = counted(field, count, "contracts", 1..=MAX_CONTRACTS)?;
    field::pointer(
        field,
        first,
        "expected as many contracts as n_contracts says",
    )?;
    // SAFETY: it is aligned and not null, and there is at least one.
    let said = unsafe { (&raw const (*first).size).read() };
    let size = field::size::<raw::ContractEntry>(&format!("{field}[0]"), said)?;
    if size % align_of::<raw::ContractEntry>() != 0 {
        let expected = align_of::<raw::ContractEntry>();
        let field = format!("{field}[1]");
        return Err(ReadError::new(field, Problem::Misaligned { expected }));
    }
    let mut read = Vec::with_capacity(count);
    for index in 0..count {
        let field = format!("{field}[{index}]");
        // SAFETY: within the array, as the caller promises, and aligned since the distance is a multiple.
        let entry = unsafe { first.byte_add(index * size) };
        // SAFETY: as above; the size comes first.
        let found = unsafe { (&raw const (*entry).size).read() };
        if found != said {
            let (found, expected) = (found.into(), said.into());
            let problem = Problem::Number { found, expected };
            return Err(ReadError::new(format!("{field}.size"), problem));
        }
        // SAFETY: it is as large as the fields that are known here, and the caller promises what it points to.
        let contract = unsafe { contract(&field, &entry.read()) }?;
        let same = |other: &Contract| {
            other.name == contract.name
                && other
                    .version
                    .version()
                    .cmp_precedence(contract.version.version())
                    == std::cmp::Ordering::Equal
        };
        if read.iter().any(same) {
            let text = format!("{} {} is there twice", contract.name, contract.version);
            return Err(ReadError::new(field, Problem::Value(text)));
        }
        read.push(contract);
    }
    Ok(read)
}

/// # Safety
/// What the entry points to is there, as [`contracts`] is promised.
unsafe fn contract(field: &str, entry: &raw::ContractEntry) -> Result<Contract, ReadError> {
    // SAFETY: as the caller promises, here and below.
    let name = unsafe { field::text(&format!("{field}.name"), entry.name, 1..=MAX_NAME) }?;
    let semver = format!("{field}.semver");
    // SAFETY: as above.
    let text = unsafe { field::text(&semver, entry.semver, 1..=MAX_TEXT) }?;
    let version = text
        .parse()
        .map_err(|error| ReadError::new(semver, Problem::Value(format!("{error}"))))?;
    let methods = format!("{field}.methods");
    let count = counted(&methods, entry.n_methods, "methods", 0..=MAX_METHODS)?;
    let mut names: Vec<String> = Vec::with_capacity(count);
    if count > 0 {
        let expected = "expected as many names as n_methods says";
        field::pointer(&methods, entry.methods, expected)?;
        for index in 0..count {
            // SAFETY: within the array, as the caller promises.
            let name = unsafe { entry.methods.add(index).read() };
            // SAFETY: as the caller promises.
            let name = unsafe { field::text(&format!("{methods}[{index}]"), name, 1..=MAX_NAME) }?;
            names.push(name.to_owned());
        }
    }
    Ok(Contract {
        name: name.to_owned(),
        version,
        fingerprint: (entry.fingerprint != [0; 32]).then_some(entry.fingerprint),
        methods: names,
    })
}

fn counted(
    field: &str,
    found: u32,
    what: &'static str,
    bounds: std::ops::RangeInclusive<usize>,
) -> Result<usize, ReadError> {
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if bounds.contains(&found) {
        return Ok(found);
    }
    let (least, most) = (*bounds.start(), *bounds.end());
    let problem = Problem::Length {
        what,
        found,
        least,
        most,
    };
    Err(ReadError::new(field, problem))
}
