//! What a session holds the far side to: versions inside the requirement, one contract for one version.

use std::sync::Arc;
use std::time::Duration;

use polywire_contract::{
    Contract, Interaction, Name, NoMatch, Offer, Offered, Requirement, negotiate,
};

use super::Session;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::stamp::Stamp;

/// How long what a provider lacked is taken for still lacking, before it is asked again.
const STALE: Duration = Duration::from_secs(1);

impl Session {
    /// An operation newer than the version agreed a moment ago fails here, without asking again.
    pub(super) fn refuse_early(&self, declared: &Interaction) -> Result<()> {
        let Some(offered) = self.inner.history.offered_within(STALE) else {
            return Ok(());
        };
        if offered
            .iter()
            .any(|version| self.inner.requirement.accepts(version) && declared.exists_at(version))
        {
            return Ok(());
        }
        let versions = offered.iter().cloned().map(Offered::new).collect();
        let Ok(offer) = Offer::new(self.inner.contract.name().clone(), versions) else {
            return Ok(());
        };
        // What nobody offers at all is for the provider to refuse, with its own offer.
        let Ok(agreement) = negotiate(&self.inner.requirement, &offer) else {
            return Ok(());
        };
        let (Some(since), name) = (&declared.since, &declared.name) else {
            return Ok(());
        };
        let refusal = NoMatch::operation_since(
            &self.inner.requirement,
            &agreement,
            name.clone(),
            since.clone(),
        );
        Err(self.name(Error::from(Box::new(refusal)), "call", name))
    }

    pub(super) fn verify(&self, stamp: &Arc<Stamp>) -> Result<()> {
        if self.inner.history.is_last(stamp) {
            return Ok(());
        }
        check_stamp(stamp, &self.inner.requirement, &self.inner.contract)?;
        self.inner.history.note(stamp);
        Ok(())
    }

    pub(super) fn misfit(&self, operation: &Name, stamp: &Stamp, error: &Error) -> Error {
        let text = format!(
            "the answer at version {} does not fit the client's {}: {}",
            stamp.version,
            self.inner.contract.version(),
            error.message()
        );
        let misfit = Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::Yes);
        self.name(misfit, "call", operation)
    }
}

/// Checks what a far side says it spoke: inside the requirement, and one version with one contract.
///
/// # Errors
/// `Integrity`, naming both sides.
pub(crate) fn check_stamp(stamp: &Stamp, requirement: &Requirement, own: &Contract) -> Result<()> {
    if stamp.contract != *requirement.contract() || !requirement.accepts(&stamp.version) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "answered as {} {}, which {} {} does not allow",
                stamp.contract,
                stamp.version,
                requirement.contract(),
                requirement.list_text()
            ),
        )
        .dispatched_as(Dispatched::Yes));
    }
    let same = stamp.version.cmp_precedence(own.version()) == std::cmp::Ordering::Equal;
    match stamp.digest {
        Some(digest) if same && digest != own.digest() => Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "{} {} means two contracts: the far side's is {digest}, ours {}; give the changed one a new version",
                stamp.contract,
                stamp.version,
                own.digest()
            ),
        )
        .dispatched_as(Dispatched::Yes)),
        _ => Ok(()),
    }
}
