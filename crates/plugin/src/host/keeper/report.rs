//! Telling the deployer, and whoever asks here.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::Run;
use crate::format::{Ack, AckError, Index};

impl Run {
    /// Says what runs and what does not; acknowledges it at once where that has changed.
    pub(super) fn report(&mut self, index: &Index) {
        self.rollback.take_if(|release| !index.names(release));
        let named =
            |slot: &crate::window::Slot| index.majors.get(&slot.major) == Some(&slot.release);
        let refused = self.refused.iter().find(|(slot, _)| named(slot));
        let error = refused.map(|(slot, refused)| {
            AckError::new(Some(slot.release.clone()), refused.code, &refused.message)
        });
        let trouble = refused.map(|(_, refused)| refused.message.clone());
        let running: BTreeMap<_, _> = {
            let parts = self.host.parts.lock();
            let residents = parts.residents.iter();
            residents
                .filter_map(|(major, resident)| Some((*major, resident.release()?.clone())))
                .collect()
        };
        let draining = self.draining.iter();
        let draining = draining
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
        self.trouble(trouble);
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
        if *ack != before
            && let Err(refusal) = self.contact.make(&self.window)
        {
            self.trouble(Some(refusal.to_string()));
        }
    }
}
