//! How far a subscription has come, so that a new connection goes on where the last one broke.

use std::collections::BTreeSet;

/// What was delivered and what was settled.
#[derive(Debug, Default)]
pub(super) struct Progress {
    epoch: String,
    /// The highest position delivered, or where the stream began.
    highest: u64,
    /// Delivered and not settled yet.
    open: BTreeSet<u64>,
    /// Open when the last connection broke: these come again, what is below `repeats` and not among them is done.
    again: BTreeSet<u64>,
    repeats: u64,
}

impl Progress {
    /// The id to go on from; `None` before there was one.
    pub(super) fn resume_from(&self) -> Option<String> {
        if self.epoch.is_empty() {
            return None;
        }
        let position = self
            .open
            .first()
            .or(self.again.first())
            .map_or(self.highest, |first| {
                first.saturating_sub(1).min(self.highest)
            });
        Some(format!("{}-{position}", self.epoch))
    }

    /// A stream begins at an id.
    pub(super) fn begin(&mut self, id: &str) {
        let Some((epoch, position)) = parse(id) else {
            return;
        };
        if self.epoch != epoch {
            *self = Self {
                epoch: epoch.to_owned(),
                highest: position,
                ..Self::default()
            };
        }
        self.again.append(&mut self.open);
        self.repeats = self.highest;
    }

    /// An event arrives; `false` when it was settled before the last connection broke.
    pub(super) fn arrive(&mut self, id: &str) -> bool {
        let Some((_, position)) = parse(id) else {
            return true;
        };
        if position <= self.repeats
            && !self.again.remove(&position)
            && !self.open.contains(&position)
        {
            return false;
        }
        self.highest = self.highest.max(position);
        self.open.insert(position);
        true
    }

    /// An event was settled for good.
    pub(super) fn settle(&mut self, id: &str) {
        if let Some((epoch, position)) = parse(id)
            && epoch == self.epoch
        {
            self.open.remove(&position);
            self.again.remove(&position);
        }
    }
}

fn parse(id: &str) -> Option<(&str, u64)> {
    let (epoch, position) = id.rsplit_once('-')?;
    Some((epoch, position.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_after_what_is_settled() {
        let mut progress = Progress::default();
        assert_eq!(progress.resume_from(), None);
        progress.begin("e-4");
        assert_eq!(progress.resume_from().as_deref(), Some("e-4"));
        for id in ["e-5", "e-6", "e-7"] {
            assert!(progress.arrive(id));
        }
        progress.settle("e-5");
        progress.settle("e-7");
        assert_eq!(progress.resume_from().as_deref(), Some("e-5"));
        progress.begin("e-5");
        assert!(progress.arrive("e-6"), "it was not settled");
        assert!(!progress.arrive("e-7"), "it was settled");
        assert!(progress.arrive("e-8"));
        progress.settle("e-6");
        progress.settle("e-8");
        assert_eq!(progress.resume_from().as_deref(), Some("e-8"));
    }

    #[test]
    fn another_run_of_the_provider_begins_anew() {
        let mut progress = Progress::default();
        progress.begin("e-4");
        assert!(progress.arrive("e-5"));
        progress.begin("f-0");
        assert!(progress.arrive("f-1"));
        progress.settle("e-5");
        assert_eq!(progress.resume_from().as_deref(), Some("f-0"));
    }

    #[test]
    fn a_retried_event_arrives_again() {
        let mut progress = Progress::default();
        progress.begin("e-0");
        assert!(progress.arrive("e-1"));
        assert!(progress.arrive("e-1"), "redelivered to the same member");
    }
}
