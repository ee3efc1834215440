//! Releases, and what serves what, as people and programs read them.

use std::collections::BTreeMap;

use polywire::plugin::format::{Index, PluginName, ReleaseId};
use serde::Serialize;

use crate::format::{Format, print};
use crate::text::{NONE, rows};

/// How many digits of a release tell it from others at a glance.
const DIGITS: usize = 12;

/// A release with the first digits of its digest. It may be written so in arguments.
pub(super) fn short(release: &ReleaseId) -> String {
    let digest = release.digest().to_string();
    let digits = digest.strip_prefix("sha256:").unwrap_or(&digest);
    let digits: String = digits.chars().take(DIGITS).collect();
    format!("{}+{digits}", release.version())
}

/// The same, or what stands for none.
pub(super) fn short_or_none(release: Option<&ReleaseId>) -> String {
    release.map_or_else(|| NONE.to_owned(), short)
}

/// Text that somebody else wrote, without what would move a terminal's cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|each| if each.is_control() { '\u{fffd}' } else { each })
        .collect()
}

/// What a change of an index came to.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    plugin: PluginName,
    /// The index by its number.
    seq: u64,
    /// What serves each major now.
    majors: BTreeMap<u64, ReleaseId>,
    /// What served before each of the majors that were changed, where anything did.
    replaced: BTreeMap<u64, Option<ReleaseId>>,
}

impl Changed {
    /// Some majors, from one index to the next.
    pub(super) fn new(
        before: Option<&Index>,
        after: &Index,
        majors: impl IntoIterator<Item = u64>,
    ) -> Self {
        let served = |major| before.and_then(|index| index.majors.get(&major)).cloned();
        Self {
            plugin: after.plugin.clone(),
            seq: after.seq,
            majors: after.majors.clone(),
            replaced: majors
                .into_iter()
                .map(|major| (major, served(major)))
                .collect(),
        }
    }

    /// Those that were changed, a line each.
    pub(super) fn text(&self) -> String {
        let changed = self.replaced.iter().map(|(major, before)| {
            [
                major.to_string(),
                short_or_none(self.majors.get(major)),
                short_or_none(before.as_ref()),
            ]
        });
        rows(["major", "release", "before"], changed)
    }

    /// Prints it.
    ///
    /// # Errors
    /// As [`print`].
    pub(super) fn print(&self, format: Format) -> Result<(), String> {
        print(format, self, || self.text())
    }
}
