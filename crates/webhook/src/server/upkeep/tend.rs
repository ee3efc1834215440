//! What changes in the terms of one subscription, by the time and the versions served alone.

use jiff::Timestamp;
use polywire_core::Service;
use polywire_core::contract::{Requirement, Track, negotiate};

use super::retire::retire;
use crate::clock::later;
use crate::record::{Float, Phase, State, Terms};
use crate::server::agree::offer_at;
use crate::server::{NoticeCode, ServerOptions};

/// What was changed, and who is to be told what.
#[derive(Debug, Default)]
pub(super) struct Tended {
    pub(super) changed: bool,
    pub(super) notices: Vec<(NoticeCode, String)>,
}

impl Tended {
    pub(super) fn told(&mut self, code: NoticeCode, detail: impl Into<String>) {
        self.changed = true;
        self.notices.push((code, detail.into()));
    }
}

pub(super) fn tend(
    terms: &mut Terms,
    service: Option<&Service>,
    options: &ServerOptions,
    now: Timestamp,
) -> Tended {
    let mut tended = Tended::default();
    if terms.state.is_over() || terms.state == State::Pending {
        return tended;
    }
    if let Some(service) = service {
        // Before its lease is looked at, which ends with the version: what happens then is said by `on_sunset`.
        retire(terms, service, options, now, &mut tended);
    }
    if terms.lease_until <= now && !terms.state.is_over() {
        terms.state = State::Expired;
        terms.upgrade = None;
        terms.proposed = None;
        tended.told(NoticeCode::Expired, "the lease ended");
    }
    if terms.state.is_over() {
        return tended;
    }
    deadlines(terms, options, now, &mut tended);
    if let Some(service) = service
        && terms.float == Float::Minor
    {
        float(terms, service, now, &mut tended);
    }
    tended
}

fn deadlines(terms: &mut Terms, options: &ServerOptions, now: Timestamp, tended: &mut Tended) {
    match terms.upgrade.as_ref().map(|upgrade| upgrade.phase) {
        Some(Phase::Shadow { until }) if until <= now => {
            let to = terms.upgrade.take().map(|upgrade| upgrade.to.to_string());
            tended.told(NoticeCode::ShadowEnded, to.unwrap_or_default());
        }
        Some(Phase::Committed { rollback_until, .. }) if rollback_until <= now => {
            terms.upgrade = None;
            tended.changed = true;
        }
        _ => {}
    }
    let held = terms.keys.len();
    if terms.keys.iter().any(|key| key.signs(now)) {
        terms.keys.retain(|key| key.signs(now));
    }
    tended.changed |= terms.keys.len() != held;
    let late = |at| later(at, options.pending) <= now;
    if terms
        .proposed
        .as_ref()
        .is_some_and(|proposed| late(proposed.at))
    {
        terms.proposed = None;
        tended.changed = true;
    }
}

/// Follows minor releases, upwards alone: during a rolling deployment an older replica knows less.
fn float(terms: &mut Terms, service: &Service, now: Timestamp, tended: &mut Tended) {
    let track = Track::of(&terms.version);
    let within = Requirement::track(terms.contract().clone(), track);
    let ranges = terms.requested.ranges().iter();
    let ranges: Vec<_> = ranges
        .filter(|range| range.track().is_none_or(|of| of == track))
        .cloned()
        .collect();
    let Ok(requested) = Requirement::new(terms.contract().clone(), ranges) else {
        return;
    };
    let events = terms.events.iter().cloned();
    let using = events.fold(requested, Requirement::using);
    if let Ok(agreed) = negotiate(&using, &offer_at(service, now))
        && within.accepts(&agreed.version)
        && agreed.version.cmp_precedence(&terms.version).is_gt()
    {
        terms.version = agreed.version;
        tended.changed = true;
    }
}
