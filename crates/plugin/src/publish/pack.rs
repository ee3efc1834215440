use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use polywire_contract::Version;

use super::{FOLDER, PublishError};
use crate::copy::copy;
use crate::disk::{Disk, FROZEN, SHARED};
use crate::format::{
    Abi, Artifact, ArtifactPath, Description, Manifest, Platform, PluginName, Served, Tier,
};
use crate::layout::MANIFEST;

/// What a release is made from.
#[derive(Clone, Debug)]
pub struct Pack {
    /// The plugin.
    pub plugin: PluginName,
    /// The version of the release.
    pub version: Version,
    /// The binary interface that its libraries were built for.
    pub abi: Abi,
    /// A library for each platform. Its file name, in lower case, is the one that it has in the release.
    pub libraries: Vec<(Platform, PathBuf)>,
    /// The contracts that it serves.
    pub contracts: Vec<Served>,
}

/// Writes a release to a folder that is new or empty: its libraries and its manifest, which is not signed yet. Answers the manifest.
///
/// # Errors
/// [`PublishError::Input`] for a library that is not there, empty or too large, and for a folder with something in it;
/// [`PublishError::Format`] when the manifest would not be accepted; [`PublishError::Disk`].
pub fn pack(pack: &Pack, folder: &Path) -> Result<Manifest, PublishError> {
    let disk = Disk::default();
    disk.folder(folder, FOLDER)?;
    if let Some(found) = crate::disk::list(folder)?.first() {
        let why = format!("there is {found:?} in it already: name a folder that is new or empty");
        return Err(input(folder, why));
    }
    let mut made = BTreeSet::new();
    let mut artifacts = Vec::new();
    for (platform, library) in &pack.libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy();
        let file: ArtifactPath = format!("{platform}/{}", name.to_lowercase()).parse()?;
        if !made.insert(platform) {
            let why = format!("there are two libraries for {platform}: name one");
            return Err(input(library, why));
        }
        disk.folder(&folder.join(file.folder()), FOLDER)?;
        let unread = |error: std::io::Error| input(library, error.to_string());
        let source = File::open(library).map_err(unread)?;
        let size = source.metadata().map_err(unread)?.len();
        if !(1..=Manifest::MAX_ARTIFACT).contains(&size) {
            let most = Manifest::MAX_ARTIFACT;
            return Err(input(
                library,
                format!("it has {size} bytes: 1 to {most} are valid"),
            ));
        }
        let to = file.below(folder);
        let target = disk.create(&to, FROZEN)?;
        let copied = copy(
            &disk,
            (source, library),
            (&target, &to),
            Manifest::MAX_ARTIFACT,
        )?;
        artifacts.push(Artifact {
            platform: platform.clone(),
            file,
            size: copied.size,
            digest: copied.digest,
        });
    }
    let manifest = Manifest::new(Description {
        plugin: pack.plugin.clone(),
        version: pack.version.clone(),
        isolation: Tier::Native,
        abi: pack.abi,
        artifacts,
        contracts: pack.contracts.clone(),
    })?;
    disk.write(&folder.join(MANIFEST), &manifest.to_bytes()?, SHARED)?;
    disk.sync_folder(folder)?;
    Ok(manifest)
}

pub(super) fn input(path: &Path, why: impl Into<String>) -> PublishError {
    PublishError::Input {
        path: path.to_owned(),
        why: why.into(),
    }
}
