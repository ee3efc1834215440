use semver::{BuildMetadata, Comparator, Op, Prerelease, Version, VersionReq};

use crate::Track;

/// The highest of the comparators' lower bounds.
pub(super) fn floor(range: &VersionReq) -> Option<Version> {
    range
        .comparators
        .iter()
        .filter_map(lower)
        .max_by(Version::cmp_precedence)
}

/// The track of the floor, if the lowest of the upper bounds ends in it.
pub(super) fn track(range: &VersionReq) -> Option<Track> {
    let floor = floor(range)?;
    let upper = range
        .comparators
        .iter()
        .filter_map(upper)
        .min_by(Upper::cmp)?;
    let track = Track::of(&floor);
    let stays = match &upper {
        Upper::Within(last) => track.contains(last) && floor.cmp_precedence(last).is_le(),
        // `<2.0.0-rc.1` lets 2.0.0-alpha in, which is of v2 although it sorts before 2.0.0.
        Upper::Before(end) if !end.pre.is_empty() => {
            track.contains(end) && floor.cmp_precedence(end).is_lt()
        }
        Upper::Before(end) => {
            end.cmp_precedence(&next_start(track)).is_le() && floor.cmp_precedence(end).is_lt()
        }
    };
    stays.then_some(track)
}

fn next_start(track: Track) -> Version {
    match track {
        Track::Major(major) => Version::new(major.saturating_add(1), 0, 0),
        Track::Zero(minor) => Version::new(0, minor.saturating_add(1), 0),
    }
}

fn version(comparator: &Comparator) -> Version {
    Version {
        major: comparator.major,
        minor: comparator.minor.unwrap_or(0),
        patch: comparator.patch.unwrap_or(0),
        pre: comparator.pre.clone(),
        build: BuildMetadata::EMPTY,
    }
}

/// The first version after everything that `1`, `1.2` or `1.2.3` stands for.
fn after(comparator: &Comparator) -> Version {
    match (comparator.minor, comparator.patch) {
        (None, _) => Version::new(comparator.major.saturating_add(1), 0, 0),
        (Some(minor), None) => Version::new(comparator.major, minor.saturating_add(1), 0),
        (Some(minor), Some(patch)) if comparator.pre.is_empty() => {
            Version::new(comparator.major, minor, patch.saturating_add(1))
        }
        // Semver 2.0.0, item 11.4.4: a further identifier is higher, and the numeric 0 is the lowest one.
        (Some(_), Some(_)) => {
            let mut next = version(comparator);
            next.pre = Prerelease::new(&format!("{}.0", comparator.pre)).unwrap_or(next.pre);
            next
        }
    }
}

fn lower(comparator: &Comparator) -> Option<Version> {
    match comparator.op {
        Op::Less | Op::LessEq => None,
        Op::Greater => Some(after(comparator)),
        _ => Some(version(comparator)),
    }
}

enum Upper {
    Within(Version),
    Before(Version),
}

impl Upper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (Self::Within(mine) | Self::Before(mine)) = self;
        let (Self::Within(theirs) | Self::Before(theirs)) = other;
        mine.cmp_precedence(theirs)
            .then_with(|| matches!(self, Self::Within(_)).cmp(&matches!(other, Self::Within(_))))
    }
}

fn upper(comparator: &Comparator) -> Option<Upper> {
    let Comparator {
        major,
        minor,
        patch,
        ..
    } = *comparator;
    match comparator.op {
        Op::Less => Some(Upper::Before(version(comparator))),
        Op::LessEq | Op::Exact => Some(match patch {
            Some(_) => Upper::Within(version(comparator)),
            None => Upper::Before(after(comparator)),
        }),
        Op::Tilde => Some(Upper::Before(match minor {
            None => Version::new(major.saturating_add(1), 0, 0),
            Some(minor) => Version::new(major, minor.saturating_add(1), 0),
        })),
        Op::Caret => Some(Upper::Before(match (major, minor, patch) {
            (0, Some(0), Some(patch)) => Version::new(0, 0, patch.saturating_add(1)),
            (0, Some(minor), _) => Version::new(0, minor.saturating_add(1), 0),
            (major, _, _) => Version::new(major.saturating_add(1), 0, 0),
        })),
        _ => None,
    }
}
