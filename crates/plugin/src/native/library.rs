//! Where a plugin's code is: in a library file, or in this program.

use std::path::{Path, PathBuf};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use polywire_plugin_abi::{SYMBOL, raw};

use super::ended::Reason;
use super::error::LoadError;
use super::maps;
use super::registry::{self, Place};

/// Where a plugin's code is.
#[derive(Debug)]
pub(super) enum Library {
    /// In a file that was loaded.
    Opened(Opened),
    /// In this program.
    Linked {
        /// The program's own file.
        program: PathBuf,
        /// Where its descriptor is while it is started, and perhaps no longer.
        plugin: *const raw::Plugin,
    },
}

/// A library file in this process. Dropping it leaves it there: only [`Library::close`] looks whether it is gone.
#[derive(Debug)]
pub(super) struct Opened {
    handle: Option<Handle>,
    place: Place,
}

/// The other majors of the interface that a library may have been built for.
const OTHERS: std::ops::RangeInclusive<u16> = 2..=9;

impl Library {
    /// Loads a library, if its file is not loaded already and there are not too many. This runs its constructors.
    pub(super) fn open(path: &Path, most: usize) -> Result<Self, LoadError> {
        Opened::open(path, most).map(Self::Opened)
    }

    /// A plugin in this program.
    pub(super) fn linked(plugin: *const raw::Plugin) -> Self {
        Self::Linked {
            // It only tells people where to look.
            program: std::env::current_exe().unwrap_or_default(),
            plugin,
        }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Opened(opened) => &opened.place.path,
            Self::Linked { program, .. } => program,
        }
    }

    /// Where its descriptor is.
    pub(super) fn descriptor(&self) -> Result<*const raw::Plugin, LoadError> {
        match self {
            Self::Opened(opened) => opened.descriptor(),
            Self::Linked { plugin, .. } => Ok(*plugin),
        }
    }

    /// Closes it, and looks whether it is gone.
    ///
    /// # Safety
    /// Nothing of the library runs, is pointed to, or will be called.
    pub(super) unsafe fn close(self) -> Result<(), Reason> {
        match self {
            // SAFETY: as the caller promises.
            Self::Opened(opened) => unsafe { opened.close() },
            Self::Linked { .. } => Err(Reason::NotUnloadable),
        }
    }

    /// Leaves it in the process for ever, whoever else closes it.
    pub(super) fn retire(self) {
        if let Self::Opened(opened) = self {
            opened.retire();
        }
    }
}

impl Opened {
    fn open(path: &Path, most: usize) -> Result<Self, LoadError> {
        let (place, file) = Place::of(path)?;
        registry::enter(&place, file, most)?;
        // One that somebody else has opened stays when it is closed here, and its owner would go on with what has ended.
        if maps::has(&place.path, place.device, place.inode) == Some(true) {
            registry::leave(&place);
            return Err(LoadError::Loaded { path: place.path });
        }
        // SAFETY: loading runs code of the library, which whoever called trusts; that is what it is for.
        match unsafe { Handle::open(Some(&place.path), RTLD_NOW | RTLD_LOCAL) } {
            Ok(handle) => Ok(Self {
                handle: Some(handle),
                place,
            }),
            Err(error) => {
                registry::leave(&place);
                // What the system said is the source of what the library for this says.
                let reason = std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string);
                let path = place.path;
                Err(LoadError::Open { path, reason })
            }
        }
    }

    fn descriptor(&self) -> Result<*const raw::Plugin, LoadError> {
        if let Some(found) = self.symbol(SYMBOL.to_bytes_with_nul()) {
            return Ok(found.cast());
        }
        let other = OTHERS.into_iter().find(|major| {
            let name = format!("polywire_plugin_v{major}\0");
            self.symbol(name.as_bytes()).is_some()
        });
        Err(LoadError::NoDescriptor {
            path: self.place.path.clone(),
            advice: match other {
                Some(major) => {
                    format!("it was built for version {major} of the interface, upgrade this host")
                }
                None => "it is no plugin, or was built without export_plugin!".to_owned(),
            },
        })
    }

    fn symbol(&self, name: &[u8]) -> Option<*const u8> {
        let handle = self.handle.as_ref()?;
        // SAFETY: the address of a symbol is taken as an address and nothing else.
        let symbol = unsafe { handle.get::<*const u8>(name) }.ok()?;
        let address = symbol.as_raw_ptr().cast_const().cast::<u8>();
        (!address.is_null()).then_some(address)
    }

    /// # Safety
    /// As [`Library::close`].
    unsafe fn close(mut self) -> Result<(), Reason> {
        let closed = match self.handle.take() {
            Some(handle) => handle.close(),
            None => Ok(()),
        };
        let Place {
            path,
            device,
            inode,
        } = &self.place;
        let kept = match (closed, maps::has(path, *device, *inode)) {
            (Err(_), _) => Reason::NotClosed,
            (Ok(()), Some(true)) => Reason::Pinned,
            (Ok(()), None) => Reason::Unverified,
            (Ok(()), Some(false)) => {
                registry::leave(&self.place);
                return Ok(());
            }
        };
        registry::retire(&self.place);
        Err(kept)
    }

    fn retire(mut self) {
        registry::retire(&self.place);
        // SAFETY: it is loaded already, so that no code of it runs.
        let pinned = unsafe {
            Handle::open(
                Some(&self.place.path),
                RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE,
            )
        };
        for handle in [self.handle.take(), pinned.ok()].into_iter().flatten() {
            std::mem::forget(handle);
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Whatever happened, what may still be in use is not taken away.
        if let Some(handle) = self.handle.take() {
            registry::retire(&self.place);
            std::mem::forget(handle);
        }
    }
}
