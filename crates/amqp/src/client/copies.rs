//! Which copy of an event is for a group that takes several tracks.
//!
//! An event is published once per offered track, and each copy says at which versions the others were published. So every
//! member of a group knows by itself which one the group takes, whoever of them gets which.

use polywire_contract::{Requirement, Track, Version};
use polywire_core::Head;

/// Whether the group takes another copy of this event.
pub(super) fn is_other(head: &Head, requirement: &Requirement, tracks: &[Track]) -> bool {
    let (Some(stamp), Some(copies)) = (&head.stamp, &head.copies) else {
        return false;
    };
    chosen(copies, requirement, tracks).is_some_and(|chosen| *chosen != stamp.version)
}

/// The version that negotiation would agree on; where none fits, the highest that comes into the group's queue, so that one
/// copy is set aside. No tracks stand for all.
fn chosen<'a>(
    copies: &'a [Version],
    requirement: &Requirement,
    tracks: &[Track],
) -> Option<&'a Version> {
    let arrives = |version: &&Version| tracks.is_empty() || tracks.contains(&Track::of(version));
    let arriving = || copies.iter().filter(arrives);
    let mut ranges = requirement.ranges().iter();
    ranges
        .find_map(|range| {
            arriving()
                .filter(|version| range.matches(version))
                .max_by(|a, b| a.cmp_precedence(b))
        })
        .or_else(|| arriving().max_by(|a, b| a.cmp_precedence(b)))
}

#[cfg(test)]
mod tests {
    use polywire_contract::Name;

    use super::*;
    use crate::client::tracks_of;

    fn chosen_of(copies: &[&str], ranges: &str) -> Option<String> {
        let copies: Vec<Version> = copies.iter().map(|text| text.parse().unwrap()).collect();
        let requirement = Requirement::parse_list(Name::from_static("orders"), ranges).unwrap();
        chosen(&copies, &requirement, &tracks_of(&requirement)).map(ToString::to_string)
    }

    #[test]
    fn one_copy_is_the_groups() {
        let of = |copies: &[&str], ranges: &str| chosen_of(copies, ranges).unwrap_or_default();
        assert_eq!(of(&["1.4.0", "2.0.0"], "^2.0; ^1.2"), "2.0.0");
        assert_eq!(of(&["1.4.0", "2.0.0"], "^1.2; ^2.0"), "1.4.0");
        assert_eq!(of(&["1.4.0", "2.0.0"], ">=1.2"), "2.0.0");
        // Better the older one than one below the floor.
        assert_eq!(of(&["1.4.0", "2.0.0"], "^2.3; ^1.2"), "1.4.0");
        // Below every floor: one is set aside.
        assert_eq!(of(&["1.4.0", "2.0.0"], "^2.3; ^1.5"), "2.0.0");
        // The third goes to no queue of this group.
        assert_eq!(of(&["1.4.0", "2.0.0", "3.0.0"], "^2.3; ^1.5"), "2.0.0");
        assert_eq!(chosen_of(&["3.0.0"], "^2.3; ^1.5"), None);
    }
}
