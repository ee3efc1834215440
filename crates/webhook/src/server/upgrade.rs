//! From one major to another.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use polywire_core::contract::{Track, Version};

use super::agree::{agree, offer_at, requirement};
use super::change::propose;
use super::document::Secrets;
use super::reply::{Answered, Refusal};
use super::route::{Asked, applied};
use super::{Inner, NoticeCode, Server};
use crate::clock::later;
use crate::record::{Phase, State, SubscriptionId, Terms, Upgrade};
use crate::wire::{Strategy, UpgradeAsk};

/// For how long both renderings are sent, in seconds: by default, and at most.
const SHADOW: u64 = 24 * 3600;
const MAX_SHADOW: u64 = 7 * 24 * 3600;

impl Server {
    pub(super) async fn upgrade(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let ask: UpgradeAsk = asked.document()?;
        let inner = self.inner();
        let now = inner.now();
        let seconds = ask.shadow_seconds.unwrap_or(SHADOW);
        if !(1..=MAX_SHADOW).contains(&seconds) {
            return Err(Refusal::unprocessable(
                "shadow-refused",
                format!("a shadow of {seconds} seconds: expected 1 to {MAX_SHADOW}"),
            ));
        }
        let mut asks = false;
        let upgraded = self
            .alter(asked, id, revision, |_, terms| {
                asks = false;
                if terms.state == State::Pending {
                    return Err(Refusal::conflict(
                        "wrong-state",
                        "the subscription is pending: its sink must consent before it can be upgraded",
                    ));
                }
                let to_range = requirement(terms.contract(), &ask.version, None)?;
                let service = inner.served(terms.contract())?;
                let to = agree(&service, &to_range, &terms.events, now)?.version;
                check_kept(terms, &to)?;
                if Track::of(&to) == Track::of(&terms.version) {
                    // No step to another major: nothing that the sink has to consent to.
                    (terms.version, terms.requested) = (to, to_range);
                    return Ok(());
                }
                let phase = match ask.strategy {
                    Strategy::Shadow => Phase::Shadow {
                        until: later(now, Duration::from_secs(seconds)),
                    },
                    Strategy::Now => Phase::Committed {
                        from: 0,
                        rollback_until: later(now, inner.options.rollback),
                    },
                };
                let (from, from_range) = (terms.version.clone(), terms.requested.clone());
                propose(terms, now).upgrade = Some(Upgrade { from, from_range, to, to_range, phase });
                asks = true;
                Ok(())
            })
            .await?;
        let wait = asked.wait();
        let upgraded = if asks {
            self.consented(upgraded, wait).await?
        } else {
            upgraded
        };
        let status = if asks {
            StatusCode::ACCEPTED
        } else {
            StatusCode::OK
        };
        let reply = self.shown(status, &upgraded, &Secrets::default()).await?;
        Ok(applied(reply, wait.filter(|_| asks)))
    }

    pub(super) async fn commit(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let inner = self.inner();
        let now = inner.now();
        self.own(asked, id).await?;
        let last = inner.store.last_sequence(id).await?.unwrap_or(0);
        let committed = self
            .alter(asked, id, revision, |_, terms| {
                let Some(Upgrade {
                    phase: Phase::Shadow { until },
                    ..
                }) = &terms.upgrade
                else {
                    return Err(none("committed", "an upgrade in its shadow phase"));
                };
                if *until <= now {
                    return Err(none("committed", "one whose shadow has not ended"));
                }
                commit(terms, last, later(now, inner.options.rollback));
                Ok(())
            })
            .await?;
        let detail = committed.terms.upgrade.as_ref();
        let detail = detail.map(|upgrade| format!("{} to {}", upgrade.from, upgrade.to));
        inner.notice(&committed, NoticeCode::Upgraded, detail.unwrap_or_default());
        self.shown(StatusCode::OK, &committed, &Secrets::default())
            .await
    }

    pub(super) async fn rollback(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let inner = self.inner();
        let now = inner.now();
        let rolled = self
            .alter(asked, id, revision, |_, terms| {
                let Some(upgrade) = terms.upgrade.take() else {
                    return Err(none("rolled back", "an upgrade under way"));
                };
                match upgrade.phase {
                    Phase::Kept => Err(none("rolled back", "an upgrade that was asked for")),
                    Phase::Shadow { .. } => Ok(()),
                    Phase::Committed { rollback_until, .. } if rollback_until <= now => {
                        Err(none("rolled back", "one that was committed lately"))
                    }
                    Phase::Committed { .. } => {
                        inner.still_offered(terms, &upgrade.from, now)?;
                        (terms.version, terms.requested) = (upgrade.from, upgrade.from_range);
                        Ok(())
                    }
                }
            })
            .await?;
        self.shown(StatusCode::OK, &rolled, &Secrets::default())
            .await
    }
}

impl Inner {
    /// Whether a version's track is served.
    pub(super) fn still_offered(
        &self,
        terms: &Terms,
        version: &Version,
        now: Timestamp,
    ) -> Answered<()> {
        use polywire_core::contract::Status;
        let service = self.served(terms.contract())?;
        let offer = offer_at(&service, now);
        let live = offer.versions().iter().any(|offered| {
            offered.status != Status::Withdrawn && Track::of(&offered.version) == Track::of(version)
        });
        if live {
            return Ok(());
        }
        Err(Refusal::conflict(
            "version-retired",
            format!("version {version} is retired: upgrade to one that is served"),
        ))
    }
}

/// From the next sequence number on, events are rendered for the new version alone.
fn commit(terms: &mut Terms, last: u64, rollback_until: Timestamp) {
    if let Some(upgrade) = &mut terms.upgrade {
        upgrade.phase = Phase::Committed {
            from: last + 1,
            rollback_until,
        };
        terms.version = upgrade.to.clone();
        terms.requested = upgrade.to_range.clone();
    }
}

/// Events that were kept are rendered for one version: an upgrade leads to its track, or they would be lost.
fn check_kept(terms: &Terms, to: &Version) -> Answered<()> {
    match &terms.upgrade {
        Some(Upgrade {
            phase: Phase::Kept,
            to: kept,
            ..
        }) if Track::of(kept) != Track::of(to) => Err(Refusal::conflict(
            "kept-for-another-version",
            format!(
                "events are kept for {}, not for {to}: upgrade to ^{kept} first",
                Track::of(kept)
            ),
        )),
        _ => Ok(()),
    }
}

fn none(what: &str, valid: &str) -> Refusal {
    Refusal::conflict(
        "no-upgrade",
        format!("nothing can be {what}: expected {valid}"),
    )
}
