//! The contracts of the plugin as the host reads them: made once, freed when the library is finished with.

use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polywire_contract::{Contract, Name, Version};
use polywire_core::Kind;
use polywire_plugin_abi::raw;

/// The contracts and everything that the host's view of them points to.
pub(crate) struct Described {
    pub(crate) contracts: Vec<Arc<Contract>>,
    entries: Vec<raw::ContractEntry>,
    _methods: Vec<Vec<raw::Slice>>,
    _versions: Vec<String>,
}

/// The indices by which the host knows an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) contract: u32,
    pub(crate) method: u32,
}

// SAFETY: what it points to is its own and never changes.
unsafe impl Send for Described {}
// SAFETY: as above.
unsafe impl Sync for Described {}

static DESCRIBED: Mutex<Option<Arc<Described>>> = Mutex::new(None);

impl Described {
    /// Lists contracts, in the order in which calls name them.
    pub(crate) fn new(contracts: Vec<Arc<Contract>>) -> Self {
        let versions: Vec<String> = contracts
            .iter()
            .map(|contract| contract.version().to_string())
            .collect();
        let methods: Vec<Vec<raw::Slice>> = contracts
            .iter()
            .map(|contract| {
                let names = contract.interactions().iter();
                names
                    .map(|interaction| raw::Slice::of(interaction.name.as_bytes()))
                    .collect()
            })
            .collect();
        let entry =
            |((contract, version), methods): ((&Arc<Contract>, &String), &Vec<raw::Slice>)| {
                raw::ContractEntry {
                    size: u32::try_from(size_of::<raw::ContractEntry>()).unwrap_or(0),
                    name: raw::Slice::of(contract.name().as_bytes()),
                    semver: raw::Slice::of(version.as_bytes()),
                    fingerprint: *contract.digest().as_bytes(),
                    methods: methods.as_ptr(),
                    n_methods: u32::try_from(methods.len()).unwrap_or(0),
                }
            };
        let entries = contracts.iter().zip(&versions).zip(&methods);
        Self {
            entries: entries.map(entry).collect(),
            contracts,
            _methods: methods,
            _versions: versions,
        }
    }

    /// Where the host reads, for as long as this is kept.
    pub(crate) fn entries(&self) -> &[raw::ContractEntry] {
        &self.entries
    }

    /// The indices by which the host knows an event; of whichever contract when none is named.
    pub(crate) fn place(
        &self,
        contract: Option<&Name>,
        version: &Version,
        event: &Name,
    ) -> Option<Place> {
        let index = self.contracts.iter().position(|known| {
            contract.is_none_or(|contract| contract == known.name()) && known.version() == version
        })?;
        let interactions = self.contracts.get(index)?.interactions();
        let method = interactions
            .iter()
            .position(|known| known.name == *event && Kind::from(known.kind) == Kind::Event)?;
        Some(Place {
            contract: u32::try_from(index).ok()?,
            method: u32::try_from(method).ok()?,
        })
    }
}

/// What was described, to look at or to set.
pub(crate) fn described() -> MutexGuard<'static, Option<Arc<Described>>> {
    DESCRIBED.lock().unwrap_or_else(PoisonError::into_inner)
}
