use std::collections::{BTreeMap, BTreeSet};

use polywire_contract::Offer;

use super::super::document::contradiction;
use super::super::release;
use super::{DOCUMENT, Description, Manifest, Tier};
use crate::format::FormatError;

/// Whether a release may look like this.
pub(super) fn description(description: &Description) -> Result<(), FormatError> {
    if description.isolation != Tier::Native {
        let tier = description.isolation;
        return Err(FormatError::Tier { tier });
    }
    release::check(&description.version).map_err(|name| FormatError::Name {
        document: DOCUMENT,
        name,
    })?;
    artifacts(description)?;
    contracts(description)
}

fn wrong(why: String) -> Result<(), FormatError> {
    Err(contradiction(DOCUMENT, why))
}

fn artifacts(description: &Description) -> Result<(), FormatError> {
    let artifacts = &description.artifacts;
    let found = artifacts.len();
    if !(1..=Manifest::MAX_ARTIFACTS).contains(&found) {
        return wrong(format!(
            "{found} artifacts: 1 to {} are valid",
            Manifest::MAX_ARTIFACTS
        ));
    }
    let (mut platforms, mut files) = (BTreeSet::new(), BTreeSet::new());
    for artifact in artifacts {
        let file = &artifact.file;
        if !(1..=Manifest::MAX_ARTIFACT).contains(&artifact.size) {
            let size = artifact.size;
            return wrong(format!(
                "artifact {file} of {size} bytes: 1 to {} are valid",
                Manifest::MAX_ARTIFACT
            ));
        }
        if !platforms.insert(&artifact.platform) {
            let platform = &artifact.platform;
            return wrong(format!("two artifacts for {platform}: one is valid"));
        }
        if !files.insert(file) {
            return wrong(format!("two artifacts at {file}: each has its own file"));
        }
    }
    Ok(())
}

fn contracts(description: &Description) -> Result<(), FormatError> {
    let contracts = &description.contracts;
    let found = contracts.len();
    if !(1..=Manifest::MAX_CONTRACTS).contains(&found) {
        return wrong(format!(
            "{found} contract versions: 1 to {} are valid",
            Manifest::MAX_CONTRACTS
        ));
    }
    let mut versions = BTreeMap::<_, Vec<_>>::new();
    for served in contracts {
        let offered = polywire_contract::Offered::new(served.version.clone());
        versions.entry(&served.name).or_default().push(offered);
    }
    for (name, versions) in versions {
        if let Err(error) = Offer::new(name.clone(), versions) {
            return wrong(error.to_string());
        }
    }
    Ok(())
}
