//! What holds once a sink has consented.

use std::time::Duration;

use jiff::Timestamp;
use polywire_core::contract::Version;
use polywire_core::{Error, Result};

use crate::clock::later;
use crate::record::{PauseReason, Phase, Proposed, State, Subscription, Terms, Upgrade};
use crate::schedule::Standing;
use crate::server::rewrite::Rewritten;
use crate::server::{Inner, NoticeCode};
use crate::signature::Signer;

/// What a sink is asked to consent to.
pub(super) struct Candidate {
    pub(super) sink: String,
    pub(super) version: Version,
    proposed: Option<Proposed>,
    keys: Vec<String>,
}

impl Candidate {
    pub(super) fn of(subscription: &Subscription) -> Self {
        let terms = &subscription.terms;
        let proposed = terms.proposed.clone();
        let to = proposed.as_ref();
        Self {
            sink: to
                .and_then(|to| to.sink.clone())
                .unwrap_or_else(|| terms.sink.clone()),
            version: to
                .and_then(|to| to.upgrade.as_ref())
                .map_or_else(|| terms.version.clone(), |upgrade| upgrade.to.clone()),
            keys: terms.keys.iter().map(|key| key.id.clone()).collect(),
            proposed,
        }
    }

    /// Whether this is still what it is to be.
    fn holds(&self, terms: &Terms) -> bool {
        let sink = self
            .proposed
            .as_ref()
            .is_some_and(|proposed| proposed.sink.is_some())
            || terms.sink == self.sink;
        let keys = terms.keys.iter().map(|key| &key.id).eq(&self.keys);
        sink && keys && terms.proposed == self.proposed
    }
}

impl Inner {
    /// Signs with every key that is to sign: a new one, and those that sign now, which its holder may know alone so far.
    pub(super) fn candidate_signer(&self, subscription: &Subscription) -> Result<Signer> {
        let now = self.now();
        let terms = &subscription.terms;
        let new = terms
            .proposed
            .iter()
            .filter_map(|proposed| proposed.key.as_ref());
        let records = new.chain(terms.keys.iter().filter(|key| key.signs(now)));
        let keys = records.map(|record| self.keys.key(&subscription.id, record));
        Signer::new(keys.collect::<Result<Vec<_>>>()?)
    }

    /// Carries out what the sink consented to, unless something else was asked for in the meantime.
    pub(super) async fn apply(
        &self,
        subscription: Subscription,
        candidate: &Candidate,
        allowed: Option<u32>,
    ) -> Result<()> {
        let first = subscription.terms.state == State::Pending;
        if first {
            // Before it delivers, so that what is earlier comes first.
            self.book
                .backfill(&*self.store, &subscription, self.now())
                .await?;
        }
        let last = self
            .store
            .last_sequence(&subscription.id)
            .await?
            .unwrap_or(0);
        let now = self.now();
        let rewritten = self
            .rewrite::<Error>(subscription.clone(), |_, terms| {
                if !candidate.holds(terms) || terms.state.is_over() {
                    return Ok(false);
                }
                if let Some(proposed) = terms.proposed.take() {
                    accept(terms, proposed, last, now);
                }
                if terms.state == State::Pending {
                    terms.state = State::Active;
                }
                terms.allowed = allowed;
                terms.keep_allowed();
                Ok(true)
            })
            .await?;
        let Rewritten::Done(done) = rewritten else {
            return Ok(());
        };
        if first {
            // What was published while it became active.
            self.book.backfill(&*self.store, &done, self.now()).await?;
            self.notice(&done, NoticeCode::Activated, "");
        }
        let Some(proposed) = &candidate.proposed else {
            return Ok(());
        };
        if proposed.resume || proposed.sink.is_some() {
            self.store.stand(&done.id, &Standing::default()).await?;
            self.notice(&done, NoticeCode::Resumed, "");
        }
        if done.terms.version != subscription.terms.version {
            let detail = format!("{} to {}", subscription.terms.version, done.terms.version);
            self.notice(&done, NoticeCode::Upgraded, detail);
        }
        Ok(())
    }
}

fn accept(terms: &mut Terms, proposed: Proposed, last: u64, now: Timestamp) {
    if let Some(sink) = proposed.sink {
        terms.sink = sink;
    }
    if let Some(key) = proposed.key {
        let retires = later(now, Duration::from_secs(proposed.overlap_seconds));
        for old in &mut terms.keys {
            old.retires_at = Some(old.retires_at.map_or(retires, |before| before.min(retires)));
        }
        terms.keys.insert(0, key);
    }
    if let Some(upgrade) = proposed.upgrade {
        begin(terms, upgrade, last);
    }
    if proposed.resume && matches!(terms.state, State::Disabled { .. }) {
        terms.state = State::Active;
    }
}

fn begin(terms: &mut Terms, mut upgrade: Upgrade, last: u64) {
    let retired = State::Paused {
        reason: PauseReason::VersionRetired,
    };
    if terms.state == retired {
        // There is nothing to go back to.
        terms.version = upgrade.to;
        terms.requested = upgrade.to_range;
        terms.upgrade = None;
        terms.state = State::Active;
        return;
    }
    if let Phase::Committed { from, .. } = &mut upgrade.phase {
        *from = last + 1;
        terms.version = upgrade.to.clone();
        terms.requested = upgrade.to_range.clone();
    }
    terms.upgrade = Some(upgrade);
}
