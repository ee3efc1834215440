//! What a built library says about itself.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use polywire::contract::Digest;
use polywire::{Error, ErrorKind};
use polywire_plugin::format::Served;
use polywire_plugin::native::{
    Contract, Descriptor, Ended, Event, Invocation, Level, Limits, LoadError, Loader, Services,
};

use super::print::plain;

/// Loads a library, which runs its constructors, and asks it what it serves; it is not configured, takes no calls, and is closed
/// again. `path` is a private copy.
///
/// # Errors
/// Why it is no plugin.
pub(super) fn describe(path: &Path) -> Result<Descriptor, String> {
    let (sender, ended) = channel();
    let limits = Limits::default();
    let most = limits.quiesce * 2;
    let loader =
        Loader::new(limits, Arc::new(Host { ended: sender })).map_err(|error| error.to_string())?;
    let found = RefCell::new(None);
    // The descriptor is all that is wanted: what comes after it is refused.
    let loaded = loader.load(path, &[], &|descriptor| {
        found.replace(Some(descriptor.clone()));
        Err("nothing but its descriptor is wanted".to_owned())
    });
    let Err(error) = loaded else {
        return Err("the library started before it was checked".to_owned());
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
    found.into_inner().ok_or_else(|| error.to_string())
}

/// What a manifest says of a contract version that a library serves.
///
/// # Errors
/// Which field of its descriptor cannot stand in a manifest.
pub(super) fn served(contract: &Contract) -> Result<Served, String> {
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
        status: polywire::contract::Status::Current,
        interactions: Some(methods?),
    })
}

/// A host that does nothing for a plugin but to show what it logs.
struct Host {
    ended: Sender<Ended>,
}

fn refused() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "this plugin is only asked what it serves: it has no channels here, and nobody hears its events",
    )
}

impl Services for Host {
    fn log(&self, plugin: &str, _: Level, message: &str) {
        // While it tells what it serves, its name is not read yet.
        let who = if plugin.is_empty() {
            "the library"
        } else {
            plugin
        };
        // Where nobody reads it, nobody misses it.
        let _ = writeln!(io::stderr(), "{who} logs: {}", plain(message));
    }

    fn invoke(&self, _: Invocation<'_>) -> polywire::Result<Vec<u8>> {
        Err(refused())
    }

    fn publish(&self, _: Event<'_>) -> polywire::Result<()> {
        Err(refused())
    }

    fn ended(&self, ended: &Ended) {
        let _ = self.ended.send(ended.clone());
    }
}
