//! What a provider states about itself on every reply, error and event.

use std::sync::Arc;

use polywire_contract::{Digest, Name, Offer, Offered, Status, Version};

/// The version that was spoken, and what else its speaker offers right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The contract.
    pub contract: Name,
    /// The version that was spoken.
    pub version: Version,
    /// The digest of that version's contract, where the transport carries it.
    pub digest: Option<Digest>,
    /// Whether that version is current, deprecated or withdrawn.
    pub status: Status,
    /// Since when it is deprecated, RFC 3339, if it is.
    pub since: Option<String>,
    /// When it will be switched off, RFC 3339, if that is decided.
    pub sunset: Option<String>,
    /// Where to read about its deprecation.
    pub link: Option<String>,
    /// Every version the speaker offers, lowest first.
    pub offered: Arc<[Version]>,
    /// Which instance spoke.
    pub instance: Option<Arc<str>>,
}

impl Stamp {
    /// The stamp of one of an offer's versions.
    #[must_use]
    pub fn of(spoken: &Offered, offer: &Offer) -> Self {
        Self {
            contract: offer.contract().clone(),
            version: spoken.version.clone(),
            digest: spoken.digest,
            status: spoken.status,
            since: spoken.since.clone(),
            sunset: spoken.sunset.clone(),
            link: spoken.link.clone(),
            offered: offer
                .versions()
                .iter()
                .map(|offered| offered.version.clone())
                .collect(),
            instance: offer.instance().map(Into::into),
        }
    }
}
