use std::fmt;

use semver::Version;

use super::reason::series;
use super::{NoMatch, Reason, Refused, Why};
use crate::{Range, Requirement, Track};

/// Versions listed in the sentence; the JSON has them all.
const LISTED: usize = 5;

impl fmt::Display for NoMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contract, .. } = self;
        let required = self.required_text();
        if self.reason == Some(Reason::Contract) {
            let found = self
                .found
                .as_ref()
                .map(|found| format!("contract {found:?}"));
            let found = found.as_deref().unwrap_or("another contract");
            write!(
                f,
                "contract \"{contract}\" {required} is required, but the provider{} ",
                self.peer()
            )?;
            return write!(f, "offers {found}: check the address and the contract name");
        }
        if let Some(since) = &self.since {
            let operation = self.operation.as_deref().unwrap_or_default();
            write!(
                f,
                "operation \"{operation}\" of contract \"{contract}\" came with {since}, but "
            )?;
            write!(f, "the provider{} offers ", self.peer())?;
            self.write_offered(f)?;
            return write!(
                f,
                "; upgrade the provider to {since} or do without \"{operation}\""
            );
        }
        write!(
            f,
            "no version of contract \"{contract}\" satisfies {required}: the provider{} offers ",
            self.peer()
        )?;
        if self.offered.is_empty() {
            return write!(
                f,
                "none right now; start a provider of {contract} {required}, or try again later"
            );
        }
        self.write_offered(f)?;
        self.write_advice(f)
    }
}

impl NoMatch {
    fn required_text(&self) -> String {
        // Escaped, like the instance below: from a peer it may hold anything, and this ends up in logs.
        let shown = |range: &String| {
            range
                .chars()
                .take(Range::MAX_LEN)
                .collect::<String>()
                .escape_debug()
                .to_string()
        };
        let texts: Vec<String> = self
            .required
            .iter()
            .take(Requirement::MAX_RANGES)
            .map(shown)
            .collect();
        texts.join(" or ")
    }

    fn peer(&self) -> String {
        self.instance
            .as_ref()
            .map(|instance| format!(" {instance:?}"))
            .unwrap_or_default()
    }

    fn write_offered(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, refused) in self.offered.iter().take(LISTED).enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{} ({})", refused.version, self.words(refused))?;
        }
        match self.offered.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }

    fn words(&self, refused: &Refused) -> String {
        match (refused.why, Track::of(&refused.version)) {
            (Why::Major, Track::Major(_)) => "another major".to_owned(),
            (Why::Major, Track::Zero(_)) => "another 0.x track".to_owned(),
            (Why::BelowFloor, _) => "too old".to_owned(),
            (Why::AboveRange, _) => "too new".to_owned(),
            (Why::PreRelease, _) => "a pre-release".to_owned(),
            (Why::Withdrawn, _) => "withdrawn".to_owned(),
            (Why::MissingOperation, _) => {
                format!(
                    "without operation \"{}\"",
                    self.operation.as_deref().unwrap_or_default()
                )
            }
            (Why::Integrity, _) => "another content than the one this consumer knows".to_owned(),
            (Why::Other, _) => "refused for a reason this build does not know".to_owned(),
        }
    }

    fn write_advice(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = self.nearest.as_ref();
        let why = nearest.and_then(|nearest| {
            self.offered
                .iter()
                .find(|refused| refused.version == *nearest)
                .map(|refused| refused.why)
        });
        let (Some(nearest), Some(why)) = (nearest, why) else {
            let required = self.required_text();
            return write!(
                f,
                "; require another version, or let the provider serve {required} again"
            );
        };
        let or_require = format!("or require {}", caret(nearest));
        match (why, &self.floor) {
            (Why::MissingOperation, _) => {
                let operation = self.operation.as_deref().unwrap_or_default();
                write!(
                    f,
                    "; upgrade the provider to a version with \"{operation}\""
                )
            }
            (Why::Integrity, _) => write!(
                f,
                "; rebuild the consumer from the provider's {nearest}, or publish the changed contract as a new version"
            ),
            (Why::BelowFloor, Some(floor)) => {
                write!(f, "; upgrade the provider to {floor} {or_require}")
            }
            (Why::PreRelease, _) => {
                write!(
                    f,
                    "; release {}.{}.{} {or_require}",
                    nearest.major, nearest.minor, nearest.patch
                )
            }
            (Why::Major, Some(floor)) if nearest.cmp_precedence(floor).is_lt() => {
                write!(
                    f,
                    "; upgrade the provider to {} {or_require}",
                    series(floor)
                )
            }
            (Why::Major, Some(floor)) => {
                write!(
                    f,
                    "; let the provider serve {} again {or_require}",
                    series(floor)
                )
            }
            _ => write!(
                f,
                "; let the provider serve {} {or_require}",
                self.required_text()
            ),
        }
    }
}

/// The shortest caret range that takes `version` and leaves its patch open: `^1.4` for 1.4.2.
fn caret(version: &Version) -> String {
    let Version {
        major,
        minor,
        patch,
        pre,
        ..
    } = version;
    match (major, minor) {
        _ if !pre.is_empty() => format!("^{major}.{minor}.{patch}-{pre}"),
        (0, 0) => format!("^0.0.{patch}"),
        _ => format!("^{major}.{minor}"),
    }
}
