//! What is the same for every message of one requirement and one interaction, formatted once.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Uri;
use http::header::{HeaderMap, HeaderValue};
use polywire_core::contract::{Name, Requirement, Track};
use polywire_core::{Error, ErrorKind, Result, Stamp};
use quick_cache::sync::Cache;

use crate::url::BaseUrl;
use crate::wire::{DIGEST, REQUIRE};

/// How many lanes are remembered; the least used are forgotten first.
const LANES: usize = 4096;

/// The way of one requirement's messages to one interaction.
#[derive(Debug)]
pub(crate) struct Lane {
    requirement: Requirement,
    interaction: Name,
    headers: HeaderMap,
    current: ArcSwap<Paths>,
}

/// Where an interaction is at each replica, on one track.
#[derive(Debug)]
pub(crate) struct Paths {
    track: Track,
    pub(crate) uris: Vec<Uri>,
}

impl Lane {
    fn new(requirement: &Requirement, interaction: &Name, bases: &[BaseUrl]) -> Result<Self> {
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(REQUIRE, text(requirement.list_text())?);
        if let Some(known) = requirement.known() {
            headers.insert(DIGEST, text(&known.to_string())?);
        }
        let current = Paths::new(requirement, interaction, first_track(requirement), bases)?;
        Ok(Self {
            requirement: requirement.clone(),
            interaction: interaction.clone(),
            headers,
            current: ArcSwap::from_pointee(current),
        })
    }

    /// The headers to start from.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    pub(crate) fn paths(&self) -> arc_swap::Guard<Arc<Paths>> {
        self.current.load()
    }

    /// Follows the track that was agreed last.
    pub(crate) fn follow(&self, stamp: &Stamp, bases: &[BaseUrl]) {
        let track = Track::of(&stamp.version);
        if self.current.load().track == track || !allows(&self.requirement, track) {
            return;
        }
        if let Ok(paths) = Paths::new(&self.requirement, &self.interaction, track, bases) {
            self.current.store(Arc::new(paths));
        }
    }
}

impl Paths {
    fn new(
        requirement: &Requirement,
        interaction: &Name,
        track: Track,
        bases: &[BaseUrl],
    ) -> Result<Self> {
        let path = format!("/{}/{track}/{interaction}", requirement.contract());
        let uris = bases
            .iter()
            .map(|base| base.join(&path))
            .collect::<Result<_>>()?;
        Ok(Self { track, uris })
    }
}

/// Whether a path may name a track: one of the requirement's, or any when a range spans several.
pub(crate) fn allows(requirement: &Requirement, track: Track) -> bool {
    requirement
        .ranges()
        .iter()
        .any(|range| range.track().is_none_or(|own| own == track))
}

/// The track of the first range; of one that spans several, that of its floor, of the known version, or `v1`.
pub(crate) fn first_track(requirement: &Requirement) -> Track {
    let spanning = || {
        let version = requirement
            .floor()
            .or(requirement.known().map(|known| &known.version));
        version.map_or(Track::Major(1), Track::of)
    };
    requirement
        .ranges()
        .first()
        .and_then(polywire_core::contract::Range::track)
        .unwrap_or_else(spanning)
}

fn text(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|error| {
        Error::new(
            ErrorKind::Config,
            format!("requirement {text:?} cannot be a header"),
        )
        .caused_by(error)
    })
}

/// The lanes of a consumer.
#[derive(Debug)]
pub(crate) struct Lanes(Cache<(usize, Name), Arc<Lane>>);

impl Lanes {
    pub(crate) fn new() -> Self {
        Self(Cache::new(LANES))
    }

    pub(crate) fn get(
        &self,
        requirement: &Requirement,
        interaction: &Name,
        bases: &[BaseUrl],
    ) -> Result<Arc<Lane>> {
        // A lane holds its requirement, so that the address stays its own.
        let key = (requirement.address(), interaction.clone());
        if let Some(lane) = self.0.get(&key) {
            return Ok(lane);
        }
        let lane = Arc::new(Lane::new(requirement, interaction, bases)?);
        self.0.insert(key, lane.clone());
        Ok(lane)
    }
}
