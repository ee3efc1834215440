//! Descriptors of plugins, as a host reads them.

use polywire_plugin_abi::read::{
    Descriptor, MAX_CONTRACTS, MAX_METHODS, MAX_NAME, MAX_TEXT, ReadError,
};
use polywire_plugin_abi::{ContractVersion, ReleaseVersion, raw};
use proptest::prelude::*;

use crate::exact::{At, Exact, Lent};
use crate::support::Made;

/// A descriptor, mostly a good one.
#[derive(Clone, Debug)]
struct Shape {
    magic: u32,
    major: u16,
    size: u32,
    texts: [Lent; 3],
    /// The function that is not there; none from 7 on.
    missing: u8,
    contracts: At,
    count: Option<u32>,
    /// The size that each entry says, and the last one.
    sizes: (u32, Option<u32>),
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    texts: [Lent; 2],
    methods: At,
    count: Option<u32>,
    names: Vec<Lent>,
}

const PLUGIN: u32 = 144;
const ENTRY: u32 = 88;

/// Mostly the first, sometimes any.
fn mostly(right: impl Strategy<Value = u32>) -> impl Strategy<Value = u32> {
    prop_oneof![40 => right, 1 => any::<u32>(), 1 => 0..200_u32]
}

fn claimed(beyond: usize) -> impl Strategy<Value = Option<u32>> {
    prop::option::weighted(0.02, u32::try_from(beyond).unwrap() + 1..)
}

fn entry() -> impl Strategy<Value = Entry> {
    let texts = (
        Lent::mostly("[a-z]{1,4}"),
        Lent::mostly("[0-2]\\.[0-2]\\.0(-a)?(\\+b)?"),
    );
    let names = prop::collection::vec(Lent::mostly("[a-z]{1,100}"), 0..4);
    (texts, At::any(), claimed(MAX_METHODS), names).prop_map(
        |((name, version), methods, count, names)| Entry {
            texts: [name, version],
            methods,
            count,
            names,
        },
    )
}

fn shape() -> impl Strategy<Value = Shape> {
    let texts = (
        Lent::mostly("\\PC{1,25}"),
        Lent::mostly("[0-9]{1,3}\\.0\\.0(-rc\\.1)?"),
        Lent::mostly("[a-z0-9]{0,256}"),
    );
    let sizes = (
        mostly((ENTRY / 8..=512).prop_map(|words| words * 8)),
        prop::option::weighted(0.02, any::<u32>()),
    );
    let head = (
        mostly(Just(raw::MAGIC)),
        mostly(Just(u32::from(raw::ABI_MAJOR))),
        mostly(PLUGIN..=4096),
    );
    let contracts = (
        At::any(),
        claimed(MAX_CONTRACTS),
        sizes,
        prop::collection::vec(entry(), 0..4),
    );
    (head, texts, 0..200_u8, contracts).prop_map(|(head, texts, missing, contracts)| {
        let (magic, major, size) = head;
        let (contracts, count, sizes, entries) = contracts;
        Shape {
            magic,
            major: u16::from_le_bytes([major.to_le_bytes()[0], major.to_le_bytes()[1]]),
            size,
            texts: texts.into(),
            missing,
            contracts,
            count,
            sizes,
            entries,
        }
    })
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap()
}

impl Entry {
    fn raw(&self, size: u32, kept: &mut Vec<Exact>) -> raw::ContractEntry {
        let slices = self.names.iter().map(|name| name.slice(kept));
        let slices: Vec<raw::Slice> = slices.collect();
        let array = Exact::new(size_of_val(&slices[..]));
        for (at, slice) in slices.iter().enumerate() {
            array.put(at * size_of::<raw::Slice>(), slice);
        }
        let entry = raw::ContractEntry {
            size,
            name: self.texts[0].slice(kept),
            semver: self.texts[1].slice(kept),
            fingerprint: [1; 32],
            methods: self.methods.of(&array),
            n_methods: self.count.unwrap_or(count(&self.names)),
        };
        kept.push(array);
        entry
    }

    fn is_valid(&self) -> bool {
        let there = self.names.is_empty() || self.methods == At::Right;
        let version = self.texts[1].text(1..=MAX_TEXT);
        self.texts[0].text(1..=MAX_NAME).is_some()
            && version.is_some_and(|text| text.parse::<ContractVersion>().is_ok())
            && self.count.is_none()
            && there
            && self
                .names
                .iter()
                .all(|name| name.text(1..=MAX_NAME).is_some())
    }
}

impl Shape {
    fn size_of_entry(&self, index: usize) -> u32 {
        let last = index > 0 && index + 1 == self.entries.len();
        self.sizes.1.filter(|_| last).unwrap_or(self.sizes.0)
    }

    fn read(&self) -> Result<Descriptor, ReadError> {
        let mut kept = Vec::new();
        let step = usize::try_from(self.sizes.0).unwrap().clamp(4, 4096);
        let array = Exact::new(self.entries.len() * step);
        for (index, entry) in self.entries.iter().enumerate() {
            let entry = entry.raw(self.size_of_entry(index), &mut kept);
            let one = Exact::structure(&entry, self.sizes.0, 4);
            // SAFETY: both have as many bytes for each entry.
            let bytes = unsafe { std::slice::from_raw_parts(one.at::<u8>(), step) };
            for (at, byte) in bytes.iter().enumerate() {
                array.put(index * step + at, byte);
            }
        }
        let mut plugin = Made::new().plugin;
        plugin.magic = self.magic;
        plugin.abi_major = self.major;
        plugin.size = self.size;
        let [name, release, build_id] = &self.texts;
        plugin.name = name.slice(&mut kept);
        plugin.release = release.slice(&mut kept);
        plugin.build_id = build_id.slice(&mut kept);
        plugin.contracts = self.contracts.of(&array);
        plugin.n_contracts = self.count.unwrap_or(count(&self.entries));
        match self.missing {
            0 => plugin.init = None,
            1 => plugin.call = None,
            2 => plugin.self_test = None,
            3 => plugin.quiesce = None,
            4 => plugin.live_threads = None,
            5 => plugin.destroy = None,
            6 => plugin.fini = None,
            _ => {}
        }
        let memory = Exact::structure(&plugin, self.size, 12);
        // SAFETY: it is as large as it says, with 12 bytes in any case, and so is what it points to.
        unsafe { Descriptor::read(memory.at()) }.map(|(descriptor, _)| descriptor)
    }

    fn is_valid(&self) -> bool {
        let [name, release, build_id] = &self.texts;
        let release = release.text(1..=MAX_TEXT);
        let sizes = (0..self.entries.len()).map(|index| self.size_of_entry(index));
        let contracts: Vec<_> = self.entries.iter().map(Entry::name_and_version).collect();
        let twice = contracts
            .iter()
            .enumerate()
            .any(|(index, contract)| contracts[..index].contains(contract));
        (self.magic, self.major) == (raw::MAGIC, raw::ABI_MAJOR)
            && (PLUGIN..=4096).contains(&self.size)
            && name.text(1..=MAX_NAME).is_some()
            && release.is_some_and(|text| text.parse::<ReleaseVersion>().is_ok())
            && build_id.text(0..=MAX_TEXT).is_some()
            && self.missing > 6
            && self.contracts == At::Right
            && self.count.is_none()
            && !self.entries.is_empty()
            && (ENTRY..=4096).contains(&self.sizes.0)
            && self.sizes.0.is_multiple_of(8)
            && sizes.into_iter().all(|size| size == self.sizes.0)
            && self.entries.iter().all(Entry::is_valid)
            && !twice
    }
}

impl Entry {
    /// What no two may have in common.
    fn name_and_version(&self) -> (&[u8], &[u8]) {
        let [name, version] = &self.texts;
        let compared = version.bytes.split(|byte| *byte == b'+').next();
        (&name.bytes, compared.unwrap_or_default())
    }
}

fn bytes(texts: &[String]) -> Vec<&[u8]> {
    texts.iter().map(String::as_bytes).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(250) })]

    #[test]
    fn a_descriptor_is_read_as_it_is_or_refused(shape in shape()) {
        match shape.read() {
            Ok(read) => {
                prop_assert!(shape.is_valid(), "{shape:?} is not valid and was read: {read:?}");
                let [name, release, build_id] = &shape.texts;
                prop_assert_eq!(read.name.as_bytes(), &name.bytes[..]);
                prop_assert_eq!(read.release.to_string().into_bytes(), &release.bytes[..]);
                prop_assert_eq!(read.build_id.as_bytes(), &build_id.bytes[..]);
                prop_assert_eq!(read.contracts.len(), shape.entries.len());
                for (read, entry) in read.contracts.iter().zip(&shape.entries) {
                    prop_assert_eq!(read.name.as_bytes(), &entry.texts[0].bytes[..]);
                    prop_assert_eq!(read.version.to_string().into_bytes(), &entry.texts[1].bytes[..]);
                    let names: Vec<_> = entry.names.iter().map(|name| &name.bytes[..]).collect();
                    prop_assert_eq!(bytes(&read.methods), names);
                }
            }
            Err(error) => {
                prop_assert!(!shape.is_valid(), "{shape:?} is valid and was refused: {error}");
                prop_assert!(error.field.starts_with("descriptor."), "{}", error);
            }
        }
    }
}
