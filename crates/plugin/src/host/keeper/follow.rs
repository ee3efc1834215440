//! Making what is installed what an index names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use polywire_contract::Offered;

use super::{Refused, Run, Warm};
use crate::format::{Index, Manifest, ReleaseId};
use crate::refusal::Refusal;
use crate::window::Slot;

/// How many replaced releases of one major may still run calls before a further one waits.
const MAX_DRAINING: usize = 2;

impl Run {
    pub(super) fn follow(&mut self, index: &Index) {
        if index.seq != self.seq {
            tracing::info!(plugin = %self.plugin, seq = index.seq, "the index has changed");
            self.seq = index.seq;
            self.refused.retain(|_, refused| refused.seq == index.seq);
        }
        self.sweep();
        self.revoke(index);
        self.learn(index);
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
        let (window, parts) = (&self.window, self.host.parts.lock());
        self.draining.retain(|(slot, generation)| {
            let there = generation.strong_count() > 0;
            let current = parts.residents.get(&slot.major);
            let again = current.is_some_and(|now| now.release() == Some(&slot.release));
            if !there && !again {
                window.lock().retire(slot);
            }
            there
        });
    }

    /// Stops what must not run any more, whatever it is doing.
    fn revoke(&mut self, index: &Index) {
        self.warm
            .retain(|_, warm| !index.revoked.contains(&warm.slot.release));
        let mut parts = self.host.parts.lock();
        let before = parts.residents.len();
        parts.residents.retain(|major, resident| {
            let revoked = resident
                .release()
                .filter(|release| index.revoked.contains(release));
            if let Some(release) = revoked {
                tracing::error!(plugin = %self.plugin, %release, "the release was revoked and is stopped");
                let slot = Slot {
                    major: *major,
                    release: release.clone(),
                };
                self.draining
                    .push((slot, Arc::downgrade(resident.generation())));
            }
            revoked.is_none()
        });
        if parts.residents.len() != before {
            self.host.turn(&parts);
        }
    }

    /// Reads the manifests of what is named, before anything is loaded, and offers what they offer.
    fn learn(&mut self, index: &Index) {
        self.manifests.retain(|release, _| index.names(release));
        let releases: BTreeSet<&ReleaseId> = index.majors.values().collect();
        for release in releases {
            if self.manifests.contains_key(release) {
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
        let wanted = self
            .host
            .wanted
            .lock()
            .by_major
            .get(&slot.major)
            .is_some_and(|wanted| !wanted.is_empty());
        let current = self.host.parts.lock().residents.get(&slot.major).cloned();
        let serves = current
            .as_ref()
            .is_some_and(|resident| resident.release() == Some(&slot.release));
        if !wanted || serves {
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
                self.swap(slot, Arc::new(resident));
            }
            Err(failed) => {
                let text = format!("release {}: {}", slot.release, failed.message);
                self.refuse(slot.clone(), failed.code, text, failed.again);
            }
        }
    }

    /// Sends what comes from now on to a release, and keeps the one before.
    fn swap(&mut self, slot: &Slot, resident: Arc<super::Resident>) {
        tracing::info!(plugin = %self.plugin, release = %slot.release, major = slot.major, "the release serves");
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
        self.draining
            .push((slot.clone(), Arc::downgrade(old.generation())));
        let warm = Warm {
            slot,
            resident: old,
            until: self.clock.now().plus(self.bake),
        };
        self.warm.insert(major, warm);
    }

    pub(super) fn refuse(&mut self, slot: Slot, code: &'static str, message: String, again: bool) {
        let pause = self.window.lock().length() / 4;
        let refused = Refused {
            code,
            message,
            again: again.then(|| self.clock.now().plus(pause)),
            seq: self.seq,
        };
        self.refused.insert(slot, refused);
    }
}
