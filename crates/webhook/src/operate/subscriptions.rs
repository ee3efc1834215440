//! Which subscriptions there are.

use polywire_core::Result;
use polywire_core::contract::{Name, Track};

use super::Operator;
use crate::provider::CALLERS;
use crate::record::{Subscription, SubscriptionId};
use crate::store::{Backlog, MAX_BATCH, Subscriptions};

/// Which subscriptions are wanted: those that are all of what is said.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Of this contract.
    pub contract: Option<Name>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// In the state of this [code](crate::record::State::code).
    pub state: Option<String>,
    /// Of this group.
    pub group: Option<Name>,
    /// Whose version is on this track.
    pub track: Option<Track>,
    /// How many at most.
    pub limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            contract: None,
            tenant: None,
            state: None,
            group: None,
            track: None,
            limit: usize::MAX,
        }
    }
}

impl Wanted {
    fn is(&self, found: &Subscription) -> bool {
        let terms = &found.terms;
        let is_caller = terms.tenant.starts_with(CALLERS) && terms.events.is_empty();
        !is_caller
            && (self.state.as_deref()).is_none_or(|state| state == terms.state.code())
            && (self.group.as_ref()).is_none_or(|group| terms.group.as_ref() == Some(group))
            && self
                .track
                .is_none_or(|track| Track::of(&terms.version) == track)
    }
}

impl Operator {
    /// Subscriptions in the order of their ids. Callers, which the same store holds, are none.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn subscriptions(&self, wanted: &Wanted) -> Result<Vec<Subscription>> {
        let mut ask = Subscriptions {
            contract: wanted.contract.clone(),
            tenant: wanted.tenant.clone(),
            ..Subscriptions::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.store.subscriptions(&ask).await?;
            let more = page.len() == MAX_BATCH;
            ask.after = page.last().map(|last| last.id.clone());
            found.extend(page.into_iter().filter(|each| wanted.is(each)));
            if found.len() >= wanted.limit {
                found.truncate(wanted.limit);
                return Ok(found);
            }
            if !more {
                return Ok(found);
            }
        }
    }

    /// How much of a subscription is kept, and the last sequence number that it has given.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn backlog(&self, id: &SubscriptionId) -> Result<(Backlog, u64)> {
        let last = self.store.last_sequence(id).await?;
        Ok((self.store.backlog(id).await?, last.unwrap_or(0)))
    }
}
