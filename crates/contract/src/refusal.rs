mod reason;
mod sentence;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::negotiate::missing_operation;
use crate::{Agreement, Digest, Name, Offer, Requirement, Status};

/// Why one offered version lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Why {
    /// Another track than the ranges stay in: another major, or another minor of 0.x.
    Major,
    /// In the track, but older than the lower bound.
    BelowFloor,
    /// In the track, but newer than the upper bound (`~1.2` against 1.5).
    AboveRange,
    /// A pre-release that no range names.
    PreRelease,
    /// In range, but withdrawn.
    Withdrawn,
    /// In range, but without an operation that the consumer uses.
    MissingOperation,
    /// The version that the consumer knows, with another content.
    Integrity,
    /// A reason that this build does not know, from a newer peer.
    #[serde(other)]
    Other,
}

/// What a retry of the refused call could bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Another replica may be newer: a rolling deployment may be under way.
    OtherReplica,
    /// The same peer may answer differently in a while.
    Later,
    /// Nothing, until one of the two sides is changed. Also what an unknown word from a newer peer means.
    #[serde(other)]
    Never,
}

/// A refusal whose cause is not in the single versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The peer offers another contract, see [`NoMatch::found`].
    Contract,
    /// A reason that this build does not know, from a newer peer.
    #[serde(other)]
    Other,
}

/// One offered version in a [`NoMatch`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The version offered.
    pub version: Version,
    /// Where it stands in its life.
    #[serde(default)]
    pub status: Status,
    /// The digest of its contract, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Why it lost.
    pub why: Why,
    /// When it may disappear, as an RFC 3339 date-time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<String>,
}

/// No offered version satisfies the requirement.
///
/// The JSON form is the same on every transport: a problem document (RFC 9457) with the members below. `Display` is the
/// sentence that stands in its `detail`; it is always made from the members, never copied from the peer. Members that
/// this build does not know are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Document", into = "Document")]
pub struct NoMatch {
    /// The contract required.
    pub contract: Name,
    /// The texts of the required ranges, the preferred one first.
    pub required: Vec<String>,
    /// The lowest version that would have been agreed on; `None` when the requirement is open downwards.
    pub floor: Option<Version>,
    /// The operation that decided, when one was missing.
    pub operation: Option<Name>,
    /// Whether the handler may have run: always false for a refusal by negotiation, so that repeating is safe.
    pub dispatched: bool,
    /// What a retry could bring.
    pub retry: Retry,
    /// A cause that is not in the single versions.
    pub reason: Option<Reason>,
    /// The contract that the peer offers instead, with [`Reason::Contract`].
    pub found: Option<String>,
    /// The version that the operation came with, when the version agreed on is older.
    pub since: Option<Version>,
    /// Every offered version and why it lost, ascending by precedence.
    pub offered: Vec<Refused>,
    /// The offered version that comes closest, if any could ever be agreed on.
    pub nearest: Option<Version>,
    /// The provider instance that refused.
    pub instance: Option<String>,
    /// Where the provider lists its offers.
    pub offers: String,
}

impl NoMatch {
    /// The problem type, a URN (RFC 9457, section 3.1.1).
    pub const TYPE: &str = "urn:polywire:problem:no-match";
    /// The HTTP status of the problem (RFC 9110, section 15.5.7).
    pub const STATUS: u16 = 406;
    /// The problem title.
    pub const TITLE: &str = "No contract version matches";
    /// Where a provider lists its offers, unless it says otherwise.
    pub const OFFERS: &str = "/.well-known/contracts";

    /// The refusal of `offer` for `requirement`; meant for an offer that [`negotiate`](crate::negotiate()) refused.
    #[must_use]
    pub fn new(requirement: &Requirement, offer: &Offer) -> Self {
        let mut refusal = Self::bare(requirement, offer.instance());
        if offer.contract() != requirement.contract() {
            refusal.reason = Some(Reason::Contract);
            refusal.found = Some(offer.contract().to_string());
            return refusal;
        }
        for offered in offer.versions() {
            let why = reason::why(requirement, offered);
            if why == Why::MissingOperation && refusal.operation.is_none() {
                refusal.operation = missing_operation(requirement, offered).cloned();
            }
            refusal.offered.push(Refused {
                version: offered.version.clone(),
                status: offered.status,
                digest: offered.digest,
                why,
                sunset: offered.sunset.clone(),
            });
        }
        refusal.retry = reason::retry(&refusal);
        refusal.nearest = reason::nearest(&refusal).map(|refused| refused.version.clone());
        refusal
    }

    /// The refusal of a call whose `operation` came with version `since`, while `agreement` settled on an older one.
    #[must_use]
    pub fn operation_since(
        requirement: &Requirement,
        agreement: &Agreement,
        operation: Name,
        since: Version,
    ) -> Self {
        let mut refusal = Self::bare(requirement, None);
        refusal.offered.push(Refused {
            version: agreement.version.clone(),
            status: agreement.status,
            digest: agreement.digest,
            why: Why::MissingOperation,
            sunset: agreement.sunset.clone(),
        });
        refusal.operation = Some(operation);
        refusal.since = Some(since);
        refusal.nearest = Some(agreement.version.clone());
        refusal.retry = Retry::OtherReplica;
        refusal
    }

    fn bare(requirement: &Requirement, instance: Option<&str>) -> Self {
        Self {
            contract: requirement.contract().clone(),
            required: requirement
                .ranges()
                .iter()
                .map(ToString::to_string)
                .collect(),
            floor: requirement.floor().cloned(),
            operation: None,
            dispatched: false,
            retry: Retry::Never,
            reason: None,
            found: None,
            since: None,
            offered: Vec::new(),
            nearest: None,
            instance: instance.map(str::to_owned),
            offers: Self::OFFERS.to_owned(),
        }
    }

    /// The same refusal with another retry class: a session that spent its budget on replicas says [`Retry::Later`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
}

impl std::error::Error for NoMatch {}

/// The members in the order of the wire form.
#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    detail: String,
    contract: Name,
    required: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Name>,
    #[serde(default)]
    dispatched: bool,
    retry: Retry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Version>,
    #[serde(default)]
    offered: Vec<Refused>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nearest: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(default = "well_known")]
    offers: String,
}

fn well_known() -> String {
    NoMatch::OFFERS.to_owned()
}

impl From<NoMatch> for Document {
    fn from(refusal: NoMatch) -> Self {
        Self {
            kind: NoMatch::TYPE.to_owned(),
            title: NoMatch::TITLE.to_owned(),
            status: NoMatch::STATUS,
            detail: refusal.to_string(),
            contract: refusal.contract,
            required: refusal.required,
            floor: refusal.floor,
            operation: refusal.operation,
            dispatched: refusal.dispatched,
            retry: refusal.retry,
            reason: refusal.reason,
            found: refusal.found,
            since: refusal.since,
            offered: refusal.offered,
            nearest: refusal.nearest,
            instance: refusal.instance,
            offers: refusal.offers,
        }
    }
}

impl From<Document> for NoMatch {
    fn from(document: Document) -> Self {
        Self {
            contract: document.contract,
            required: document.required,
            floor: document.floor,
            operation: document.operation,
            dispatched: document.dispatched,
            retry: document.retry,
            reason: document.reason,
            found: document.found,
            since: document.since,
            offered: document.offered,
            nearest: document.nearest,
            instance: document.instance,
            offers: document.offers,
        }
    }
}
