//! Requirements, read once for each way they are stated.

use polywire_contract::{Known, Name, Requirement};
use polywire_core::Result;
use quick_cache::sync::Cache;

use super::shown;
use crate::error::invalid;
use crate::wire::names;

/// How many different statements of requirements are remembered.
const STATEMENTS: usize = 1024;

/// Requirements as their senders stated them: one object for one statement, which a service recognises.
#[derive(Debug)]
pub(crate) struct Requirements(Cache<(Box<str>, Box<str>), Requirement>);

impl Default for Requirements {
    fn default() -> Self {
        Self(Cache::new(STATEMENTS))
    }
}

impl Requirements {
    pub(crate) fn read(
        &self,
        contract: &Name,
        require: Option<&str>,
        digest: Option<&str>,
    ) -> Result<Option<Requirement>> {
        let Some(require) = require else {
            return Ok(None);
        };
        let key = (Box::from(require), Box::from(digest.unwrap_or_default()));
        if let Some(known) = self.0.get(&key) {
            return Ok(Some(known));
        }
        let mut requirement = Requirement::parse_list(contract.clone(), require)
            .map_err(|error| invalid(format!("header {}: {error}", names::REQUIRE)))?;
        if let Some(digest) = digest {
            let Known { version, digest } = known(digest)?;
            requirement = requirement.with_known(version, digest);
        }
        self.0.insert(key, requirement.clone());
        Ok(Some(requirement))
    }
}

/// Reads `sha256:...; version=1.4.0`.
fn known(text: &str) -> Result<Known> {
    text.parse().map_err(|_| {
        invalid(format!(
            "header {} is {:?}: write \"sha256:<64 hexadecimal digits>; version=1.4.0\"",
            names::DIGEST,
            shown(text)
        ))
    })
}
