//! Where a message goes, which may take that its release is loaded first.

use std::sync::Arc;
use std::time::Duration;

use polywire_contract::{Name, Offer, Requirement, negotiate};
use polywire_core::{Dispatched, Error, ErrorKind, Result};
use tokio::time::{Instant, timeout_at};

use super::PluginHost;
use super::roster::Route;

/// How long a call without a deadline waits for its release to be loaded.
const LOADING: Duration = Duration::from_secs(30);

enum Look {
    Found(Arc<Route>),
    Wait,
    Nobody(Option<u64>),
}

impl PluginHost {
    /// Where an interaction goes, once what serves it is loaded.
    pub(super) async fn loaded(
        &self,
        requirement: &Requirement,
        interaction: &Name,
        deadline: Option<Instant>,
    ) -> Result<Arc<Route>> {
        let route = self.switch.roster.load().route(requirement, interaction);
        if let Ok(route) = &route
            && route.place.is_some()
        {
            self.want(route, requirement, interaction);
            return Ok(route.clone());
        }
        // Boxed, as calls that find their release loaded would carry it along.
        Box::pin(self.once_loaded(requirement, interaction, deadline)).await
    }

    async fn once_loaded(
        &self,
        requirement: &Requirement,
        interaction: &Name,
        deadline: Option<Instant>,
    ) -> Result<Arc<Route>> {
        let deadline = deadline.unwrap_or_else(|| Instant::now() + LOADING);
        let mut changed = self.switch.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let major = match self.look(requirement, interaction)? {
                Look::Found(route) => return Ok(route),
                Look::Nobody(major) => return Err(self.nobody(major, Some(interaction))),
                Look::Wait => None,
            };
            if !matches!(timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
                return Err(self.nobody(major, Some(interaction)));
            }
        }
    }

    fn look(&self, requirement: &Requirement, interaction: &Name) -> Result<Look> {
        // Looked at before the roster: what is found by then stands in it.
        let looking = self.state.lock().looking;
        let roster = self.switch.roster.load();
        if roster.offer().versions().is_empty() {
            return Ok(if looking {
                Look::Wait
            } else {
                Look::Nobody(None)
            });
        }
        let route = roster.route(requirement, interaction)?;
        let pending = self.want(&route, requirement, interaction);
        if route.place.is_some() {
            return Ok(Look::Found(route));
        }
        // A consumer of several majors is served by another one meanwhile.
        if let Some(route) = roster.route_to_loaded(requirement, interaction) {
            self.want(&route, requirement, interaction);
            return Ok(Look::Found(route));
        }
        if pending {
            return Ok(Look::Wait);
        }
        // It may have been loaded since the roster was looked at.
        let route = self.switch.roster.load().route(requirement, interaction)?;
        Ok(if route.place.is_some() {
            Look::Found(route)
        } else {
            Look::Nobody(Some(route.major()))
        })
    }

    /// Notes what is wanted, once for each decision. Whether nobody has tried to load it since it was wanted first.
    pub(super) fn want(
        &self,
        route: &Route,
        requirement: &Requirement,
        interaction: &Name,
    ) -> bool {
        let major = route.major();
        if route.place.is_some() {
            if route.note() {
                self.wanted.lock().note(major, requirement, interaction);
            }
            return false;
        }
        let (pending, hint) = {
            let mut wanted = self.wanted.lock();
            let news = wanted.note(major, requirement, interaction) && wanted.hint.is_some();
            if news {
                wanted.pending.insert(major);
            }
            let hint = wanted.hint.clone().filter(|_| news);
            (wanted.pending.contains(&major), hint)
        };
        if let Some(hint) = hint {
            hint.hint();
        }
        pending
    }

    /// Notes what is wanted before it is known which major serves it.
    pub(super) fn want_later(&self, requirement: &Requirement, interaction: &Name) {
        self.wanted.lock().note_later(requirement, interaction);
    }

    /// Finds the majors of what was wanted before anything was offered.
    pub(super) fn want_now(&self) {
        let later = self.wanted.lock().later.clone();
        let roster = self.switch.roster.load_full();
        for (requirement, interaction) in later {
            if let Ok(route) = roster.route(&requirement, &interaction) {
                self.want(&route, &requirement, &interaction);
                self.wanted.lock().settle(&requirement, &interaction);
            }
        }
    }

    /// The error of whoever finds nobody.
    pub(super) fn nobody(&self, major: Option<u64>, interaction: Option<&Name>) -> Error {
        let contract = &self.config.contract;
        let what = interaction.map_or_else(
            || contract.to_string(),
            |interaction| format!("{contract}.{interaction}"),
        );
        let state = self.state.lock();
        let why = state.trouble(major).map_or_else(
            || match &state.source {
                Some(source) => format!("repository {source:?} has no release of it deployed"),
                None => "nothing is installed in this host".to_owned(),
            },
            str::to_owned,
        );
        let text = format!("no plugin serves {what}: {why}");
        Error::new(ErrorKind::Unavailable, text).dispatched_as(Dispatched::No)
    }

    /// What is offered, once it is known.
    ///
    /// # Errors
    /// `Unavailable` when nothing is.
    pub async fn discover(&self) -> Result<Offer> {
        let deadline = Instant::now() + LOADING;
        let mut changed = self.switch.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let offer = self.offer();
            if !offer.versions().is_empty() {
                return Ok(Offer::clone(&offer));
            }
            if !self.state.lock().looking
                || !matches!(timeout_at(deadline, changed.changed()).await, Ok(Ok(())))
            {
                return Err(self.nobody(None, None));
            }
        }
    }

    /// Whether a release that offers this meets what consumers of a major have asked for and are served now.
    pub(super) fn still_met(&self, major: u64, offer: &Offer) -> std::result::Result<(), String> {
        let current = self.offer();
        let wanted = self.wanted.lock().of(major).to_vec();
        for (requirement, interaction) in wanted {
            let needed = requirement.using(interaction);
            if negotiate(&needed, &current).is_err() {
                continue;
            }
            if let Err(why) = negotiate(&needed, offer) {
                return Err(why.to_string());
            }
        }
        Ok(())
    }
}
