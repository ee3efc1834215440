//! Making what is installed what an index names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use polywire_contract::Offered;

use super::super::metrics::Event;
use super::{Refused, Run, Warm};
use crate::format::{Index, Manifest, ReleaseId};
use crate::refusal::Refusal;
use crate::window::Slot;

/// How many replaced releases of one major may still run calls before a further one waits.
const MAX_DRAINING: usize = 2;
/// How often the pause between two attempts to load one release doubles.
const MAX_DOUBLED: u32 = 10;

impl Run {
    pub(super) fn follow(&mut self, index: &Index) {
        if index.seq != self.seq {
            tracing::info!(plugin = %self.plugin, seq = index.seq, "the index has changed");
            self.seq = index.seq;
            self.host.figures.followed(index.seq);
            self.refused.retain(|_, refused| refused.seq == index.seq);
        }
        self.sweep();
        self.revoke(index);
        self.learn(index);
        self.host.want_now();
        for (major, release) in &index.majors {
            let slot = Slot {
                major: *major,
                release: release.clone(),
            };
            self.serve(&slot);
        }
        self.report(index);
    }

    /// Forgets what has ended since.
    fn sweep(&mut self) {
        let mut gone = Vec::new();
        self.draining.retain(|(slot, generation)| {
            let there = generation.strong_count() > 0;
            if !there {
                gone.push(slot.clone());
            }
            there
        });
        for slot in gone {
            // The same release may serve again, by another generation.
            let serves = self.current(slot.major);
            let serves = serves.is_some_and(|now| now.release() == Some(&slot.release));
            let warm = self.warm.values().any(|warm| warm.slot == slot);
            if !serves && !warm && !self.draining.iter().any(|(other, _)| *other == slot) {
                self.window.lock().retire(&slot);
            }
        }
    }

    pub(super) fn current(&self, major: u64) -> Option<Arc<super::Resident>> {
        self.host.parts.lock().residents.get(&major).cloned()
    }

    /// Stops what must not run any more, whatever it is doing.
    fn revoke(&mut self, index: &Index) {
        self.warm
            .retain(|_, warm| !index.revoked.contains(&warm.slot.release));
        self.revoked
            .retain(|major, _| !index.majors.contains_key(major));
        let stopped: Vec<_> = {
            let mut parts = self.host.parts.lock();
            let revoked = |resident: &super::Resident| {
                let release = resident.release();
                release.is_some_and(|release| index.revoked.contains(release))
            };
            let stopped: Vec<_> = parts
                .residents
                .extract_if(.., |_, resident| revoked(resident))
                .collect();
            if stopped.is_empty() {
                return;
            }
            // Callers wait for what is named instead.
            let mut wanted = self.host.wanted.lock();
            let majors = stopped.iter().map(|(major, _)| *major);
            for major in majors.filter(|major| index.majors.contains_key(major)) {
                wanted.pending.insert(major);
                self.asked.insert(major);
            }
            drop(wanted);
            self.host.turn(&parts);
            stopped
        };
        for (major, resident) in stopped {
            let Some(release) = resident.release().cloned() else {
                continue;
            };
            tracing::error!(plugin = %self.plugin, %release, "the release was revoked and is stopped");
            self.host.figures.happened(Event::Revoked);
            resident.generation().cut_off();
            if !index.majors.contains_key(&major) {
                self.revoked.insert(major, release.clone());
            }
            self.finishes(Slot { major, release }, &resident);
        }
    }

    /// Notes what may still run calls.
    pub(super) fn finishes(&mut self, slot: Slot, resident: &super::Resident) {
        let generation = resident.generation();
        let elsewhere = self
            .host
            .parts
            .lock()
            .residents
            .values()
            .any(|other| Arc::ptr_eq(other.generation(), generation));
        let generation = Arc::downgrade(generation);
        let mut draining = self.draining.iter();
        if !elsewhere && !draining.any(|(_, known)| known.ptr_eq(&generation)) {
            self.draining.push((slot, generation));
        }
    }

    /// What serves is not what was replaced, or not any more.
    pub(super) fn serves(&mut self, resident: &super::Resident) {
        let generation = Arc::downgrade(resident.generation());
        self.draining
            .retain(|(_, known)| !known.ptr_eq(&generation));
    }

    /// Reads the manifests of what is named, before anything is loaded, and offers what they offer.
    fn learn(&mut self, index: &Index) {
        self.manifests.retain(|release, _| index.names(release));
        let releases: BTreeSet<&ReleaseId> = index.majors.values().collect();
        for release in releases {
            if self.manifests.contains_key(release) || self.waits(index, release) {
                continue;
            }
            match self.reader.manifest(index, release) {
                Ok(manifest) => {
                    self.manifests.insert(release.clone(), manifest);
                }
                Err(refusal) => self.refuse_everywhere(index, release, &refusal),
            }
        }
        let known: BTreeMap<u64, Vec<Offered>> = index
            .majors
            .iter()
            .filter_map(|(major, release)| {
                let manifest = self.manifests.get(release)?;
                Some((*major, self.offered(manifest, *major)))
            })
            .collect();
        let mut parts = self.host.parts.lock();
        if parts.known != known {
            parts.known = known;
            self.host.turn(&parts);
        }
    }

    /// Whether it is not time yet to ask again for what could not be read.
    fn waits(&self, index: &Index, release: &ReleaseId) -> bool {
        let now = self.clock.now();
        let waits = |major: &u64| {
            let slot = Slot {
                major: *major,
                release: release.clone(),
            };
            let refused = self.refused.get(&slot);
            refused.is_some_and(|refused| refused.again.is_none_or(|again| now < again))
        };
        let majors = index.majors.iter();
        let mut named = majors.filter(|(_, named)| *named == release);
        named.any(|(major, _)| waits(major))
    }

    fn refuse_everywhere(&mut self, index: &Index, release: &ReleaseId, refusal: &Refusal) {
        for (major, named) in &index.majors {
            if named == release {
                let slot = Slot {
                    major: *major,
                    release: release.clone(),
                };
                self.refuse(slot, refusal.code(), refusal.to_string(), true);
            }
        }
    }

    /// What a release offers of the host's contract in one major.
    pub(super) fn offered(&self, manifest: &Manifest, major: u64) -> Vec<Offered> {
        let offer = manifest.offer(self.host.contract());
        let versions = offer.versions().iter();
        versions
            .filter(|offered| offered.version.major == major)
            .cloned()
            .collect()
    }

    /// Has a release serve a major, if somebody wants that.
    fn serve(&mut self, slot: &Slot) {
        let wanted = !self.host.wanted.lock().of(slot.major).is_empty();
        let serves = self
            .current(slot.major)
            .as_ref()
            .is_some_and(|resident| resident.release() == Some(&slot.release));
        // Asked last: a host that is closed has stopped before it let go of what served.
        if !wanted || serves || self.host.stopped.is_cancelled() {
            return;
        }
        let now = self.clock.now();
        let waits = |refused: &Refused| refused.again.is_none_or(|again| now < again);
        if self.refused.get(slot).is_some_and(waits) {
            return;
        }
        let Some(manifest) = self.manifests.get(&slot.release) else {
            return;
        };
        let draining = self.draining.iter();
        if draining.filter(|(old, _)| old.major == slot.major).count() > MAX_DRAINING {
            let text =
                format!("{MAX_DRAINING} releases before it still finish calls: it waits for them");
            self.refuse(slot.clone(), "draining", text, true);
            return;
        }
        let offered = self.offered(manifest, slot.major);
        match self.loaded(slot, manifest, &offered) {
            Ok(resident) => {
                self.refused.remove(slot);
                self.swap(slot, resident);
            }
            Err(failed) => {
                self.refuse(slot.clone(), failed.code, failed.message, failed.again);
            }
        }
    }

    /// Sends what comes from now on to a release, and keeps the one before.
    fn swap(&mut self, slot: &Slot, resident: Arc<super::Resident>) {
        tracing::info!(plugin = %self.plugin, release = %slot.release, major = slot.major, "the release serves");
        self.host.figures.happened(Event::Swapped);
        self.serves(&resident);
        // What was left before is tried again.
        self.rollback.take_if(|left| *left == slot.release);
        let old = {
            let mut parts = self.host.parts.lock();
            let old = parts.residents.insert(slot.major, resident);
            self.host.turn(&parts);
            old
        };
        self.let_go(slot.major, old);
    }

    /// Keeps what was replaced for as long as its successor may prove to be worse.
    pub(super) fn let_go(&mut self, major: u64, old: Option<Arc<super::Resident>>) {
        let Some(old) = old else { return };
        let Some(release) = old.release().cloned() else {
            return;
        };
        let slot = Slot { major, release };
        self.finishes(slot.clone(), &old);
        let warm = Warm {
            slot,
            resident: old,
            until: self.clock.now().plus(self.bake),
        };
        self.warm.insert(major, warm);
    }

    pub(super) fn refuse(&mut self, slot: Slot, code: &'static str, message: String, again: bool) {
        let pause = self.window.lock().length() / 4;
        let before = self.refused.get(&slot);
        let tries = before.map_or(0, |before| before.tries.saturating_add(1));
        if before.is_none_or(|before| before.code != code) {
            self.host.figures.happened(Event::Refused(code));
        }
        // One that fails to start leaves what cannot be unloaded of it, so that it is not tried for ever at this pace.
        let pause = if code == "load" {
            pause.saturating_mul(1 << tries.min(MAX_DOUBLED))
        } else {
            pause
        };
        let refused = Refused {
            code,
            message,
            tries,
            again: again.then(|| self.clock.now().plus(pause)),
            seq: self.seq,
        };
        self.refused.insert(slot, refused);
    }
}
