//! Documents whose signature is good and which are about what they should be about.

use crate::format::{Beacon, Index, Manifest, PluginName, ReleaseId, RepositoryId, Signed};
use crate::refusal::Refusal;
use crate::trust::{KeyId, Purpose, Sighting, TrustedKeys};

/// The index of a plugin out of its file.
pub(crate) fn index(
    file: &[u8],
    keys: &TrustedKeys,
    plugin: &PluginName,
) -> Result<(Index, Sighting), Refusal> {
    let signed = Signed::parse("the index", file)?;
    let bytes = signed.signed.as_bytes();
    let key = keys
        .verify(Purpose::Index, bytes, &signed.signature)
        .map_err(|source| Refusal::Signature {
            document: "the index",
            source,
        })?;
    let index = Index::parse(bytes)?;
    about("the index", &index.plugin, plugin)?;
    let sighting = Sighting {
        repository: index.repository.clone(),
        seq: index.seq,
        key,
        digest: polywire_contract::Digest::of(bytes),
    };
    Ok((index, sighting))
}

/// The manifest of a release out of its file and the file of its signature.
pub(crate) fn manifest(
    file: &[u8],
    signature: &[u8],
    keys: &TrustedKeys,
    plugin: &PluginName,
    release: &ReleaseId,
) -> Result<Manifest, Refusal> {
    // One that is no text is no signature either.
    let signature = std::str::from_utf8(signature).unwrap_or_default();
    keys.verify(Purpose::Manifest, file, signature)
        .map_err(|source| Refusal::Signature {
            document: "the manifest",
            source,
        })?;
    let manifest = Manifest::parse(file)?;
    about("the manifest", &manifest.description().plugin, plugin)?;
    about("the manifest", manifest.release(), release)?;
    Ok(manifest)
}

/// The beacon of a plugin out of its file.
pub(crate) fn beacon(
    file: &[u8],
    keys: &TrustedKeys,
    repository: &RepositoryId,
    plugin: &PluginName,
) -> Result<(Beacon, KeyId), Refusal> {
    let signed = Signed::parse("the beacon", file)?;
    let bytes = signed.signed.as_bytes();
    let key = keys
        .verify(Purpose::Beacon, bytes, &signed.signature)
        .map_err(|source| Refusal::Signature {
            document: "the beacon",
            source,
        })?;
    let beacon = Beacon::parse(bytes)?;
    about("the beacon", &beacon.repository, repository)?;
    about("the beacon", &beacon.plugin, plugin)?;
    Ok((beacon, key))
}

fn about<T: PartialEq + ToString>(
    document: &'static str,
    found: &T,
    wanted: &T,
) -> Result<(), Refusal> {
    if found == wanted {
        return Ok(());
    }
    Err(Refusal::Contradiction {
        document,
        found: found.to_string(),
        wanted: wanted.to_string(),
    })
}
