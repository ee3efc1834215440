//! Telling the deployer, and whoever asks here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::resident::Resident;
use super::Run;
use crate::format::{Ack, AckError, Index};
use crate::window::Slot;

impl Run {
    /// Says what runs and what does not; acknowledges it at once where that has changed.
    pub(super) fn report(&mut self, index: &Index) {
        self.rollback.take_if(|release| !index.names(release));
        let named = |slot: &Slot| index.majors.get(&slot.major) == Some(&slot.release);
        let refused = self.refused.iter().find(|(slot, _)| named(slot));
        let error = refused.map(|(slot, refused)| {
            AckError::new(Some(slot.release.clone()), refused.code, &refused.message)
        });
        let unserved = self.unserved(index);
        let running: BTreeMap<_, _> = {
            let parts = self.host.parts.lock();
            let residents = parts.residents.iter();
            residents
                .filter_map(|(major, resident)| Some((*major, resident.release()?.clone())))
                .collect()
        };
        let draining = self.draining.iter();
        let draining = draining
            .filter(|(slot, _)| !self.rests(slot))
            .map(|(slot, _)| slot.release.clone())
            .filter(|release| !running.values().any(|runs| runs == release))
            .take(Ack::MAX_RELEASES)
            .collect();
        let (unmapped, retired) = {
            let switch = &self.host.switch;
            (
                switch.unmapped.load(Ordering::Relaxed),
                switch.retired.load(Ordering::Relaxed),
            )
        };
        self.trouble(None, Some(unserved));
        let rollback = self.rollback.clone();
        let Some(ack) = self.contact.ack() else {
            return;
        };
        let before = ack.clone();
        ack.running = running;
        ack.draining = draining;
        ack.unmapped = unmapped;
        ack.retired = retired;
        ack.error = error;
        ack.rollback_wanted = rollback;
        let seen = ack.seq_seen;
        if *ack == before && seen == self.told {
            return;
        }
        match self.make_contact() {
            Ok(_) => self.told = seen,
            Err(refusal) => self.unread(&refusal),
        }
    }

    /// Whether what was replaced runs no call any more, and is kept to go back to alone.
    fn rests(&self, slot: &Slot) -> bool {
        // A call has its resident, or another one of the same generation.
        let unused = |resident: &Arc<Resident>| {
            Arc::strong_count(resident) == 1 && Arc::strong_count(resident.generation()) == 1
        };
        let warm = self.warm.get(&slot.major);
        warm.is_some_and(|warm| warm.slot == *slot && unused(&warm.resident))
    }

    /// What keeps majors from being served as the index says, in a line each.
    fn unserved(&self, index: &Index) -> BTreeMap<u64, String> {
        let wanted: Vec<u64> = self.host.wanted.lock().majors().collect();
        let missing = wanted
            .into_iter()
            .filter(|major| !index.majors.contains_key(major));
        let missing = missing.map(|major| {
            let revoked = self
                .revoked
                .get(&major)
                .map_or_else(String::new, |release| {
                    format!("release {} was revoked, and ", release.version())
                });
            let text = format!(
                "{revoked}no release of plugin {} is deployed for major {major}",
                self.plugin
            );
            (major, text)
        });
        let refused = self.refused.iter();
        let refused = refused
            .filter(|(slot, _)| index.majors.get(&slot.major) == Some(&slot.release))
            .map(|(slot, refused)| {
                let version = slot.release.version();
                (
                    slot.major,
                    format!("release {version}: {}", refused.message),
                )
            });
        missing.chain(refused).collect()
    }
}
