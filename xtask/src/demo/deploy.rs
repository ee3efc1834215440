//! A repository with the example's provider, signed by a key of the moment.

use std::path::Path;

use polywire_plugin::format::Platform;
use polywire_plugin::publish::{Deploy, Pack, Publisher, describe, pack};
use polywire_plugin::trust::SigningKey;

use super::transport::Loading;
use crate::Result;

/// Publishes and deploys a library, and says by which settings a process finds it.
///
/// # Errors
/// What kept it from being deployed.
pub(super) fn fresh(
    library: &Path,
    folder: &Path,
    loading: &Loading,
) -> Result<[(&'static str, String); 3]> {
    let place = std::path::absolute(folder)?.join("plugin");
    // Libraries are large: those of the demonstration before make room.
    if place.exists() {
        std::fs::remove_dir_all(&place)?;
    }
    let (repository, packed) = (place.join("repository"), place.join("packed"));
    std::fs::create_dir_all(&place)?;
    let keys = SigningKey::generate(None)?;
    let publisher = Publisher::create(&repository, SigningKey::open(&keys.secret, None)?)?;
    let descriptor = describe(library, |_, _| {})?;
    let release = Pack::described(&descriptor, vec![(Platform::here(), library.to_owned())])?;
    pack(&release, &packed)?;
    let deploy = Deploy {
        release: publisher.publish(&packed)?.release,
        majors: [].into(),
        expected_seq: None,
    };
    publisher.deploy(&release.plugin, &deploy)?;
    let key = keys.public.lines().last().unwrap_or_default().to_owned();
    let state = place.join("state");
    Ok([
        (loading.repository, repository.display().to_string()),
        (loading.keys, key),
        (loading.state, state.display().to_string()),
    ])
}
