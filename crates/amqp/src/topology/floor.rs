//! Minor floors: which queue a request goes to, and which queues a version serves.

use std::fmt;

use polywire_contract::{Range, Requirement, Track, Version};

/// The lowest minor of a track that may serve a request (the lowest patch, while the major is 0), or one exact
/// pre-release.
///
/// A replica at 1.5 serves the floors 0 to 5, one at 1.4 the floors 0 to 4, so the broker itself never hands a request
/// for `^1.5` to the latter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Floor {
    Release { track: Track, step: u64 },
    PreRelease(Version),
}

/// How many floors of a version are served; a higher minor serves the highest ones.
const MAX_FLOORS: u64 = 1000;

impl Floor {
    /// The floor of a version that is required at least, or agreed on.
    pub(crate) fn of(version: &Version) -> Self {
        if version.pre.is_empty() {
            Self::release(version)
        } else {
            Self::PreRelease(Version {
                build: semver::BuildMetadata::EMPTY,
                ..version.clone()
            })
        }
    }

    fn release(version: &Version) -> Self {
        let track = Track::of(version);
        let step = match track {
            Track::Major(_) => version.minor,
            Track::Zero(_) => version.patch,
        };
        Self::Release { track, step }
    }

    /// The range that stands for this floor when a foreign sender states none.
    pub(crate) fn range_text(&self) -> String {
        match self {
            Self::Release {
                track: Track::Major(major),
                step,
            } => format!("^{major}.{step}"),
            Self::Release {
                track: Track::Zero(minor),
                step,
            } => format!("^0.{minor}.{step}"),
            Self::PreRelease(version) => format!("={version}"),
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { track, step } => write!(f, "{track}.{step}"),
            Self::PreRelease(version) => write!(f, "v{version}"),
        }
    }
}

/// The floors that a version serves.
pub(crate) fn served(version: &Version) -> Vec<Floor> {
    if !version.pre.is_empty() {
        return vec![Floor::of(version)];
    }
    let Floor::Release { track, step } = Floor::release(version) else {
        return Vec::new();
    };
    let lowest = step.saturating_sub(MAX_FLOORS - 1);
    (lowest..=step)
        .map(|step| Floor::Release { track, step })
        .collect()
}

/// The floors of a requirement's ranges, the preferred first; `None` for a range whose floor only an offer decides: one
/// that spans tracks, or that names a pre-release.
pub(crate) fn required(requirement: &Requirement) -> Vec<Option<Floor>> {
    requirement.ranges().iter().map(of_range).collect()
}

fn of_range(range: &Range) -> Option<Floor> {
    let track = range.track()?;
    let floor = range.floor()?;
    (floor.pre.is_empty() && track.contains(&floor)).then(|| Floor::release(&floor))
}

#[cfg(test)]
mod tests {
    use polywire_contract::Name;

    use super::*;

    fn floors(list: &str) -> Vec<Option<String>> {
        let requirement = Requirement::parse_list(Name::from_static("orders"), list).unwrap();
        required(&requirement)
            .into_iter()
            .map(|floor| floor.map(|floor| floor.to_string()))
            .collect()
    }

    #[test]
    fn requirements_have_the_floors_of_their_ranges() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(floors("^2.0; ^1.2"), [some("v2.0"), some("v1.2")]);
        assert_eq!(floors("^1.5.2"), [some("v1.5")]);
        assert_eq!(floors("^0.3.2"), [some("v0.3.2")]);
        assert_eq!(floors(">=1.2"), [None]);
        assert_eq!(floors("*"), [None]);
        assert_eq!(floors("^1.5.0-rc.1"), [None]);
        assert_eq!(floors(">=1.2, <2"), [some("v1.2")]);
    }

    #[test]
    fn a_version_serves_every_floor_up_to_its_own() {
        let texts = |version: &str| -> Vec<String> {
            let version: Version = version.parse().unwrap();
            served(&version).iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts("1.2.7"), ["v1.0", "v1.1", "v1.2"]);
        assert_eq!(texts("0.3.1"), ["v0.3.0", "v0.3.1"]);
        assert_eq!(texts("1.5.0-rc.1+b"), ["v1.5.0-rc.1"]);
        assert_eq!(texts("1.5000.0").len(), 1000);
    }

    #[test]
    fn a_floor_says_its_range() {
        let texts = ["1.5.2", "0.3.1", "2.0.0-rc.1"].map(|version| {
            let version: Version = version.parse().unwrap();
            Floor::of(&version).range_text()
        });
        assert_eq!(texts, ["^1.5", "^0.3.1", "=2.0.0-rc.1"]);
    }
}
