//! Going back to the release before, when its successor proves to be worse.

use super::super::metrics::Event;
use super::super::resident::Resident;
use super::Run;
use crate::window::Slot;

/// So many panics are too many.
const MAX_PANICS: u64 = 3;
/// Fewer calls say nothing about a rate.
const ENOUGH: u64 = 20;

impl Run {
    /// Looks at the releases that have replaced another a while ago.
    pub(super) fn look_back(&mut self) {
        let now = self.clock.now();
        let worse: Vec<(u64, Worse)> = {
            let parts = self.host.parts.lock();
            let bakes = self.warm.keys().filter_map(|major| {
                let why = fails(parts.residents.get(major)?)?;
                Some((*major, why))
            });
            bakes.collect()
        };
        for (major, worse) in worse {
            self.go_back(major, worse);
        }
        // After the look, so that one that failed since the last one is not let off.
        self.warm.retain(|_, warm| now < warm.until);
    }

    /// One step back, and never to what must not run.
    fn go_back(&mut self, major: u64, Worse { reason, why }: Worse) {
        let Some(warm) = self.warm.remove(&major) else {
            return;
        };
        if warm.resident.check().is_err() {
            return;
        }
        self.serves(&warm.resident);
        let bad = {
            let mut parts = self.host.parts.lock();
            let bad = parts.residents.insert(major, warm.resident);
            self.host.turn(&parts);
            bad
        };
        let Some(bad) = bad else { return };
        let Some(release) = bad.release().cloned() else {
            return;
        };
        tracing::error!(plugin = %self.plugin, %release, why, back_to = %warm.slot.release, "went back to the release before");
        let slot = Slot { major, release };
        self.host.figures.happened(Event::RolledBack(reason));
        self.finishes(slot.clone(), &bad);
        let text = format!(
            "{why}; release {} serves again until the deployment window ends: roll back, or deploy a better one",
            warm.slot.release.version()
        );
        self.rollback = Some(slot.release.clone());
        self.refuse(slot, "rolled-back", text, false);
    }
}

/// Why a release should not go on.
struct Worse {
    /// In kebab case.
    reason: &'static str,
    why: String,
}

fn fails(resident: &Resident) -> Option<Worse> {
    let panics = resident.generation().panics();
    if panics >= MAX_PANICS {
        return Some(Worse {
            reason: Event::PANICS,
            why: format!("it panicked {panics} times"),
        });
    }
    let (calls, faults) = resident.counts().faults();
    (calls >= ENOUGH && faults * 2 >= calls).then(|| Worse {
        reason: Event::FAULTS,
        why: format!("{faults} of its first {calls} calls failed by its own fault"),
    })
}
