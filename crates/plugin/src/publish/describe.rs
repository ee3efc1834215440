//! What a built library says about itself.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use polywire_contract::{Digest, Status};
use polywire_core::{Error, ErrorKind};

use super::Pack;
use crate::format::{Abi, Platform, Served};
use crate::native::{
    Contract, Descriptor, Ended, Event, Invocation, Level, Limits, LoadError, Loader, Services,
};

/// Loads a library into this process, which runs its constructors, and reads its descriptor; it is neither configured nor called,
/// and is closed again. Nobody may change the file meanwhile. `heard` gets the lines that it logs.
///
/// # Errors
/// Why it is no plugin.
pub fn describe(
    path: &Path,
    heard: impl Fn(Level, &str) + Send + Sync + 'static,
) -> Result<Descriptor, LoadError> {
    let (sender, ended) = channel();
    let limits = Limits::default();
    let most = limits.quiesce * 2;
    let host = Host {
        ended: sender,
        heard,
    };
    let loader = Loader::new(limits, Arc::new(host))?;
    let found = RefCell::new(None);
    // The descriptor is all that is wanted: what comes after it is refused.
    let loaded = loader.load(path, &[], &|descriptor| {
        found.replace(Some(descriptor.clone()));
        Err("nothing but its descriptor is wanted".to_owned())
    });
    let Err(error) = loaded else {
        return Err(LoadError::Unexpected {
            path: path.to_owned(),
            reason: "it started before it was checked".to_owned(),
        });
    };
    let opened = matches!(
        error,
        LoadError::Unexpected { .. }
            | LoadError::NoDescriptor { .. }
            | LoadError::Descriptor { .. }
            | LoadError::Refused { .. }
    );
    if opened {
        // This process must not end while another thread of it closes a library.
        let _ = ended.recv_timeout(most);
    }
    found.into_inner().ok_or(error)
}

impl Pack {
    /// A release of libraries, of which one describes itself so.
    ///
    /// # Errors
    /// Which field of the descriptor cannot stand in a manifest.
    pub fn described(
        descriptor: &Descriptor,
        libraries: Vec<(Platform, PathBuf)>,
    ) -> Result<Self, String> {
        let name = descriptor.name.parse();
        let contracts = descriptor.contracts.iter().map(served);
        Ok(Self {
            plugin: name.map_err(|error| format!("its name: {error}"))?,
            version: descriptor.release.version().clone(),
            abi: Abi {
                major: descriptor.abi.major(),
                minor: descriptor.abi.minor(),
            },
            libraries,
            contracts: contracts.collect::<Result<_, _>>()?,
        })
    }
}

/// What a manifest says of a contract version that a library serves.
fn served(contract: &Contract) -> Result<Served, String> {
    let Contract {
        name,
        version,
        fingerprint,
        methods,
    } = contract;
    let digest = fingerprint.map(Digest::from_bytes).ok_or_else(|| {
        format!(
            "its contract {name} {version} has no fingerprint: write the SHA-256 of its canonical contract.json into the descriptor"
        )
    })?;
    let methods: Result<_, String> = methods
        .iter()
        .map(|method| {
            let method = method.parse();
            method.map_err(|error| format!("a method of its contract {name} {version}: {error}"))
        })
        .collect();
    Ok(Served {
        name: name
            .parse()
            .map_err(|error| format!("its contract {name:?}: {error}"))?,
        version: version.version().clone(),
        digest,
        status: Status::Current,
        interactions: Some(methods?),
    })
}

/// A host that does nothing for a plugin but to hear what it logs.
struct Host<H> {
    ended: Sender<Ended>,
    heard: H,
}

fn refused() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "this plugin is only described: it is not asked to do anything, and cannot ask for anything",
    )
}

impl<H: Fn(Level, &str) + Send + Sync + 'static> Services for Host<H> {
    fn log(&self, _: &str, level: Level, message: &str) {
        (self.heard)(level, message);
    }

    fn invoke(&self, _: Invocation<'_>) -> polywire_core::Result<Vec<u8>> {
        Err(refused())
    }

    fn publish(&self, _: Event<'_>) -> polywire_core::Result<()> {
        Err(refused())
    }

    fn ended(&self, ended: &Ended) {
        let _ = self.ended.send(ended.clone());
    }
}
