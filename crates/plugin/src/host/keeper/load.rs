//! From a release in the repository to one that can be called.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polywire_contract::{Offer, Offered};

use super::super::resident::{Deployed, Resident};
use super::Run;
use crate::format::Manifest;
use crate::native::{Descriptor, Generation, LoadError};
use crate::refusal::Refusal;
use crate::window::Slot;

/// Why a release is not served.
pub(super) struct Failed {
    /// In kebab case.
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Whether it may be otherwise later, with the same index.
    pub(super) again: bool,
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code(),
            message: refusal.to_string(),
            again: true,
        }
    }
}

impl From<LoadError> for Failed {
    fn from(error: LoadError) -> Self {
        // What failed to start may start another time: a thing that it needs was not there.
        let again = matches!(
            error,
            LoadError::TooMany { .. }
                | LoadError::Refused { .. }
                | LoadError::File { .. }
                | LoadError::Open { .. }
        );
        let (code, message) = match error {
            LoadError::Unexpected { reason, .. } => ("contradiction", reason),
            other => ("load", other.to_string()),
        };
        Self {
            code,
            message,
            again,
        }
    }
}

impl Run {
    /// Loads a release, which was agreed on by its manifest, checks that it is what the manifest says, and opens its gate.
    pub(super) fn loaded(
        &self,
        slot: &Slot,
        manifest: &Manifest,
        offered: &[Offered],
    ) -> Result<Arc<Resident>, Failed> {
        let current = self.current(slot.major);
        // Once it is let in no more, whoever can be served by this one is.
        if current.is_some_and(|current| current.check().is_ok()) {
            let offer = Offer::new(self.host.contract().clone(), offered.to_vec())
                .unwrap_or_else(|_| Offer::none(self.host.contract().clone()));
            self.host
                .still_met(slot.major, &offer)
                .map_err(|why| Failed {
                    code: "no-match",
                    message: format!("consumers that are served need more: {why}"),
                    again: true,
                })?;
        }
        let generation = match self.there(slot) {
            Some(generation) => generation,
            None => self.load(manifest)?,
        };
        let gate = self.window.lock().open(slot);
        let deployed = Deployed {
            release: slot.release.clone(),
            gate,
        };
        Ok(self
            .host
            .resident(&generation, Some(deployed), offered.to_vec()))
    }

    /// A release that is here already: it was replaced a moment ago, or serves another major.
    fn there(&self, slot: &Slot) -> Option<Arc<Generation>> {
        let is = |resident: &&Arc<Resident>| resident.release() == Some(&slot.release);
        let warm = self.warm.get(&slot.major).map(|warm| &warm.resident);
        let generation = |resident: &Arc<Resident>| resident.generation().clone();
        warm.filter(is).map(generation).or_else(|| {
            let parts = self.host.parts.lock();
            parts.residents.values().find(is).map(generation)
        })
    }

    fn load(&self, manifest: &Manifest) -> Result<Arc<Generation>, Failed> {
        let path = self.reader.cached(manifest)?;
        let settings = self.settings(manifest)?;
        let expect = |descriptor: &Descriptor| expected(manifest, descriptor);
        let loader = self.host.loader();
        match loader.load(&path, &settings, &expect) {
            // The same library runs for another host, or still finishes calls.
            Err(LoadError::Loaded { .. }) => {
                let copy = Copy::of(&path).map_err(|source| LoadError::File { path, source })?;
                Ok(loader.load(&copy.0, &settings, &expect)?)
            }
            loaded => Ok(loaded?),
        }
    }

    /// What the plugin is configured with: nothing, without a file of its name.
    fn settings(&self, manifest: &Manifest) -> Result<Vec<u8>, Failed> {
        /// As large as a plugin's settings may be.
        const MAX: u64 = 1 << 20;
        let Some(folder) = &self.settings else {
            return Ok(Vec::new());
        };
        let path = folder.join(manifest.description().plugin.as_str());
        let wrong = |message: String| Failed {
            code: "settings",
            message: format!("settings {}: {message}", path.display()),
            again: true,
        };
        match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(wrong(error.to_string())),
            Ok(metadata) if metadata.len() > MAX => {
                return Err(wrong(format!(
                    "{} bytes: at most {MAX} are read",
                    metadata.len()
                )));
            }
            Ok(_) => {}
        }
        fs::read(&path).map_err(|error| wrong(error.to_string()))
    }
}

/// A copy of a library that is removed when it is loaded: the system keeps what it has mapped.
struct Copy(PathBuf);

impl Copy {
    fn of(library: &Path) -> std::io::Result<Self> {
        static COPIES: AtomicU64 = AtomicU64::new(0);
        let number = COPIES.fetch_add(1, Ordering::Relaxed);
        let name = format!(".copy-{}-{number}.part", std::process::id());
        let copy = Self(library.with_file_name(name));
        fs::copy(library, &copy.0)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What stays is swept with other parts.
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether a library is what its manifest says.
fn expected(manifest: &Manifest, found: &Descriptor) -> Result<(), String> {
    let wanted = manifest.description();
    if found.name != wanted.plugin.as_str() {
        return Err(format!(
            "it is plugin {:?}, and its manifest says {:?}",
            found.name,
            wanted.plugin.as_str()
        ));
    }
    if *found.release.version() != wanted.version {
        return Err(format!(
            "it is release {}, and its manifest says {}",
            found.release, wanted.version
        ));
    }
    let mut described: Vec<String> = found
        .contracts
        .iter()
        .map(|known| {
            let digest = known.fingerprint.map(polywire_contract::Digest::from_bytes);
            text(&known.name, known.version.version(), digest)
        })
        .collect();
    let mut contracts = found.contracts.iter();
    let stating = contracts.any(|known| known.fingerprint.is_some());
    let mut stated: Vec<String> = wanted
        .contracts
        .iter()
        .map(|served| {
            // A library need not state digests; one that it states is the same.
            let known = found.contracts.iter().find(|known| {
                known.name == served.name.as_str() && *known.version.version() == served.version
            });
            let states = known.map_or(stating, |known| known.fingerprint.is_some());
            text(
                &served.name,
                &served.version,
                states.then_some(served.digest),
            )
        })
        .collect();
    described.sort();
    stated.sort();
    if described == stated {
        return Ok(());
    }
    Err(format!(
        "it serves {}, and its manifest says {}",
        described.join(", "),
        stated.join(", ")
    ))
}

fn text(
    name: &str,
    version: &polywire_contract::Version,
    digest: Option<polywire_contract::Digest>,
) -> String {
    digest.map_or_else(
        || format!("{name} {version}"),
        |digest| format!("{name} {version} ({digest})"),
    )
}
