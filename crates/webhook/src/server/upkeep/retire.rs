//! What happens when a provider drops a major.

use jiff::Timestamp;
use polywire_core::Service;
use polywire_core::contract::{Offer, Offered, Requirement, Status, Track, Version, negotiate};

use super::tend::Tended;
use crate::clock::later;
use crate::record::{OnSunset, PauseReason, Phase, State, Terms, Upgrade};
use crate::server::agree::{offer_at, sunset};
use crate::server::{NoticeCode, ServerOptions};

const RETIRED: State = State::Paused {
    reason: PauseReason::VersionRetired,
};

/// Does what the subscription said for the time when its major is gone.
///
/// What was rendered for the old version is delivered first after an upgrade, byte for byte as it was; what is published
/// while it is paused is rendered for the newest version and waits in the same queue, so that nothing is lost and all of it is
/// drained in order.
pub(super) fn retire(
    terms: &mut Terms,
    service: &Service,
    options: &ServerOptions,
    now: Timestamp,
    tended: &mut Tended,
) {
    let takes = matches!(
        terms.state,
        State::Active | State::Paused { .. } | State::VersionMismatch
    );
    let offer = offer_at(service, now);
    if terms.state == RETIRED {
        rekeep(terms, &offer, tended);
        return;
    }
    if !takes || !is_retired(&terms.version, &offer) {
        return;
    }
    // A lease that ended before its version did is simply over.
    let gone = offer
        .versions()
        .iter()
        .filter(|offered| same_track(offered, &terms.version));
    let gone = gone.filter_map(sunset).max().unwrap_or(now);
    if terms.lease_until < gone && terms.lease_until <= now {
        return;
    }
    let from = terms.version.clone();
    let upgraded = terms.on_sunset == OnSunset::Upgrade && upgrade(terms, &offer);
    match terms.on_sunset {
        OnSunset::Expire => {
            terms.state = State::Expired;
            terms.upgrade = None;
            terms.proposed = None;
            tended.told(NoticeCode::Expired, format!("version {from} is retired"));
        }
        OnSunset::Upgrade if upgraded => {
            terms.lease_until = terms.lease_until.max(later(now, options.lease));
            tended.told(NoticeCode::Upgraded, format!("{from} to {}", terms.version));
        }
        OnSunset::Upgrade | OnSunset::Pause => {
            terms.upgrade = newest(terms, &offer);
            terms.proposed = None;
            terms.state = RETIRED;
            // The time that the subscriber has for an upgrade.
            terms.lease_until = terms.lease_until.max(later(now, options.lease));
            let kept = match &terms.upgrade {
                Some(upgrade) => format!(
                    "version {from} is retired, events are kept for {}",
                    upgrade.to
                ),
                None => format!("version {from} is retired, and no other one has its events"),
            };
            tended.told(NoticeCode::Paused, kept);
        }
    }
}

/// Goes on keeping events when the version that they were kept for is retired as well, or begins to once there is one.
fn rekeep(terms: &mut Terms, offer: &Offer, tended: &mut Tended) {
    let kept = terms.upgrade.as_ref().map(|upgrade| &upgrade.to);
    if kept.is_some_and(|kept| !is_retired(kept, offer)) {
        return;
    }
    let Some(upgrade) = newest(terms, offer) else {
        return;
    };
    let detail = format!("events are kept for {}", upgrade.to);
    terms.upgrade = Some(upgrade);
    tended.told(NoticeCode::Paused, detail);
}

fn same_track(offered: &Offered, version: &Version) -> bool {
    Track::of(&offered.version) == Track::of(version)
}

/// Whether nothing of the version's track is served, and that is no news that this replica has not heard yet: it was
/// withdrawn, its sunset has passed, or a later major is served.
fn is_retired(version: &Version, offer: &Offer) -> bool {
    let live = |offered: &&Offered| offered.status != Status::Withdrawn;
    let mut served = offer.versions().iter().filter(live);
    if served.clone().any(|offered| same_track(offered, version)) {
        return false;
    }
    let said = offer
        .versions()
        .iter()
        .any(|offered| same_track(offered, version));
    said || served.any(|offered| offered.version.cmp_precedence(version).is_gt())
}

/// Goes on at the version that the requirement gets now, if it gets one.
fn upgrade(terms: &mut Terms, offer: &Offer) -> bool {
    let events = terms.events.iter().cloned();
    let using = events.fold(terms.requested.clone(), Requirement::using);
    match negotiate(&using, offer) {
        Ok(agreed) => {
            terms.version = agreed.version;
            terms.upgrade = None;
            terms.proposed = None;
            true
        }
        Err(_) => false,
    }
}

/// The newest version that has the events: what is published meanwhile is kept for it.
fn newest(terms: &Terms, offer: &Offer) -> Option<Upgrade> {
    let has = |offered: &&Offered| {
        let all = terms.events.iter().all(|event| offered.has(event.as_str()));
        offered.status != Status::Withdrawn && offered.version.pre.is_empty() && all
    };
    let to = offer.versions().iter().rev().find(has)?.version.clone();
    // Who was on the way already goes on there.
    let shadow = terms.upgrade.as_ref().map(|upgrade| &upgrade.to);
    let live = shadow.filter(|to| {
        let serves =
            |offered: &Offered| offered.status != Status::Withdrawn && same_track(offered, to);
        offer.versions().iter().any(serves)
    });
    let to = live.cloned().unwrap_or(to);
    Some(Upgrade {
        from: terms.version.clone(),
        from_range: terms.requested.clone(),
        to_range: Requirement::caret(terms.contract().clone(), &to),
        to,
        phase: Phase::Kept,
    })
}
