use semver::Version;

use crate::{Digest, Name, NoMatch, Offer, Offered, Requirement, Status, Track};

/// The outcome of a successful negotiation: the version that will be spoken in this call.
///
/// It holds per call, not per connection: during a rolling deployment two calls may agree on different versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The contract.
    pub contract: Name,
    /// The version agreed on.
    pub version: Version,
    /// The digest of its canonical contract, where the offer told it.
    pub digest: Option<Digest>,
    /// [`Status::Current`] or [`Status::Deprecated`]; a withdrawn version is never agreed on.
    pub status: Status,
    /// Since when the version is deprecated, as an RFC 3339 date-time.
    pub since: Option<String>,
    /// When the version may disappear, as an RFC 3339 date-time.
    pub sunset: Option<String>,
    /// A page about the deprecation, as a URI.
    pub link: Option<String>,
    /// The track of the version.
    pub track: Track,
}

/// Decides which of the offered versions is spoken; the same pure function on every transport and on both ends.
///
/// Ranges are tried in their order; within a range the highest version by precedence wins that is not withdrawn, has
/// every operation used, and is not the known version with another content.
///
/// # Errors
/// [`NoMatch`], with the reason why each offered version lost and what would work.
pub fn negotiate(requirement: &Requirement, offer: &Offer) -> Result<Agreement, Box<NoMatch>> {
    if requirement.contract() == offer.contract() {
        for range in requirement.ranges() {
            let matches = |offered: &&Offered| {
                range.matches(&offered.version) && is_eligible(requirement, offered)
            };
            // Offers are sorted by precedence, so the first from the end is the highest.
            if let Some(offered) = offer.versions().iter().rev().find(matches) {
                return Ok(agree(requirement, offered));
            }
        }
    }
    Err(Box::new(NoMatch::new(requirement, offer)))
}

fn agree(requirement: &Requirement, offered: &Offered) -> Agreement {
    Agreement {
        contract: requirement.contract().clone(),
        version: offered.version.clone(),
        digest: offered.digest,
        status: offered.status,
        since: offered.since.clone(),
        sunset: offered.sunset.clone(),
        link: offered.link.clone(),
        track: Track::of(&offered.version),
    }
}

fn is_eligible(requirement: &Requirement, offered: &Offered) -> bool {
    offered.status != Status::Withdrawn
        && !contradicts_known(requirement, offered)
        && missing_operation(requirement, offered).is_none()
}

/// Whether `offered` is the version that the consumer knows, with another content.
pub(crate) fn contradicts_known(requirement: &Requirement, offered: &Offered) -> bool {
    match (requirement.known(), offered.digest) {
        (Some(known), Some(digest)) => {
            known.digest != digest && known.version.cmp_precedence(&offered.version).is_eq()
        }
        _ => false,
    }
}

/// The first operation used that `offered` lacks.
pub(crate) fn missing_operation<'a>(
    requirement: &'a Requirement,
    offered: &Offered,
) -> Option<&'a Name> {
    requirement
        .uses()
        .iter()
        .find(|operation| !offered.has(operation))
}
