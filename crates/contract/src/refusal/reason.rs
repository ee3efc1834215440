use semver::{Prerelease, Version};

use super::{NoMatch, Refused, Retry, Why};
use crate::negotiate::contradicts_known;
use crate::{Offered, Range, Requirement, Status, Track};

/// Why `offered` lost; over several ranges the reason that is closest to a match.
pub(super) fn why(requirement: &Requirement, offered: &Offered) -> Why {
    if requirement.accepts(&offered.version) {
        return if offered.status == Status::Withdrawn {
            Why::Withdrawn
        } else if contradicts_known(requirement, offered) {
            Why::Integrity
        } else {
            Why::MissingOperation
        };
    }
    let reasons = requirement
        .ranges()
        .iter()
        .map(|range| outside(range, &offered.version));
    reasons
        .min_by_key(|&why| closeness(why))
        .unwrap_or(Why::Major)
}

/// Where `version`, which the range does not take, stands to it.
fn outside(range: &Range, version: &Version) -> Why {
    let floor = range.floor();
    if !version.pre.is_empty() {
        let release = Version {
            pre: Prerelease::EMPTY,
            ..version.clone()
        };
        let same_release = |floor: &Version| {
            !floor.pre.is_empty()
                && (floor.major, floor.minor, floor.patch)
                    == (version.major, version.minor, version.patch)
        };
        // A range that names a pre-release of this very release places the others of it as older or newer.
        if range.matches(&release) && !floor.as_ref().is_some_and(same_release) {
            return Why::PreRelease;
        }
    }
    if range.track().is_some_and(|track| !track.contains(version)) {
        return Why::Major;
    }
    match floor {
        Some(floor) if version.cmp_precedence(&floor).is_lt() => Why::BelowFloor,
        _ => Why::AboveRange,
    }
}

fn closeness(why: Why) -> u8 {
    match why {
        Why::Integrity => 0,
        Why::MissingOperation => 1,
        Why::BelowFloor => 2,
        Why::AboveRange => 3,
        Why::PreRelease => 4,
        Why::Major => 5,
        Why::Withdrawn | Why::Other => 6,
    }
}

/// What a retry could bring, decided from the reasons.
pub(super) fn retry(refusal: &NoMatch) -> Retry {
    let lost = |wanted: &[Why]| {
        refusal
            .offered
            .iter()
            .any(|refused| wanted.contains(&refused.why))
    };
    let too_old = |floor: &Version| {
        refusal
            .offered
            .iter()
            .all(|refused| refused.version.cmp_precedence(floor).is_lt())
    };
    if refusal.offered.is_empty() {
        Retry::Later
    } else if lost(&[Why::MissingOperation]) {
        Retry::OtherReplica
    } else if lost(&[Why::Withdrawn, Why::Integrity]) {
        // The replica is new enough: it is the version itself that is refused.
        Retry::Never
    } else if lost(&[Why::BelowFloor]) || refusal.floor.as_ref().is_some_and(too_old) {
        Retry::OtherReplica
    } else {
        Retry::Never
    }
}

/// The version whose reason is closest to a match and which lies closest to the floor; a release before a
/// pre-release. A withdrawn version is never near: nothing can make it match.
pub(super) fn nearest(refusal: &NoMatch) -> Option<&Refused> {
    let live = refusal
        .offered
        .iter()
        .filter(|refused| refused.status != Status::Withdrawn);
    live.min_by(|a, b| {
        let rank = |refused: &Refused| (closeness(refused.why), !refused.version.pre.is_empty());
        rank(a)
            .cmp(&rank(b))
            .then_with(|| by_distance(refusal, a, b))
    })
}

/// In range: the higher first. Outside: what is older than the floor first and then the higher, else the lower.
fn by_distance(refusal: &NoMatch, a: &Refused, b: &Refused) -> std::cmp::Ordering {
    let older = |refused: &Refused| match (&refusal.floor, refused.why) {
        (_, Why::Integrity | Why::MissingOperation) => true,
        (Some(floor), _) => refused.version.cmp_precedence(floor).is_lt(),
        (None, _) => false,
    };
    match (older(a), older(b)) {
        (true, true) => b.version.cmp_precedence(&a.version),
        (false, false) => a.version.cmp_precedence(&b.version),
        (a, b) => b.cmp(&a),
    }
}

/// The track in the words of a range: `2.x`, or `0.3.x`.
pub(super) fn series(version: &Version) -> String {
    match Track::of(version) {
        Track::Major(major) => format!("{major}.x"),
        Track::Zero(minor) => format!("0.{minor}.x"),
    }
}
