//! What is served: contracts by name, and every interaction by its path.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::header::HeaderValue;
use polywire_core::contract::{Known, Name, Requirement, Track};
use polywire_core::{Dispatched, Error, ErrorKind, Kind, Result, Service};
use quick_cache::{Equivalent, sync::Cache};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::allows;
use crate::wire::{StampHeaders, Stated, visible};

/// How many requirements of one contract are remembered; the least used are forgotten first.
const REQUIREMENTS: usize = 4096;

/// Everything served, replaced as a whole when it changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) contracts: BTreeMap<Name, Arc<Served>>,
    routes: HashMap<Box<str>, Arc<Route>>,
}

/// A contract that is served.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) service: Arc<Service>,
    pub(crate) headers: StampHeaders,
    /// The channel that serves it.
    pub(crate) owner: u64,
    pub(crate) streams: Arc<Streams>,
    requirements: Cache<StatedKey, Requirement>,
}

/// The event streams of a channel.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Streams deliver what is there and end.
    pub(crate) finishing: CancellationToken,
    /// Streams end.
    pub(crate) closing: CancellationToken,
    pub(crate) running: TaskTracker,
}

/// An interaction at its path.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) served: Arc<Served>,
    pub(crate) interaction: Name,
    pub(crate) track: Track,
    /// What it is in any version; `None` when no version has it, and negotiation will say so.
    pub(crate) kind: Option<Kind>,
}

impl Table {
    /// The same table with one contract more, or with its service replaced.
    pub(crate) fn with(&self, served: &Arc<Served>) -> Self {
        let mut contracts = self.contracts.clone();
        contracts.insert(served.service.name().clone(), served.clone());
        Self::of(contracts)
    }

    /// The same table without the contracts of some channels.
    pub(crate) fn without(&self, gone: impl Fn(u64) -> bool) -> Self {
        let mut contracts = self.contracts.clone();
        contracts.retain(|_, served| !gone(served.owner));
        Self::of(contracts)
    }

    fn of(contracts: BTreeMap<Name, Arc<Served>>) -> Self {
        let mut routes = HashMap::new();
        for (name, served) in &contracts {
            let documents: Vec<_> = served.service.contracts().collect();
            for track in documents
                .iter()
                .map(|contract| Track::of(contract.version()))
            {
                for interaction in documents
                    .iter()
                    .flat_map(|contract| contract.interactions())
                {
                    let kind = served.service.kind(&interaction.name);
                    let route = Route {
                        served: served.clone(),
                        interaction: interaction.name.clone(),
                        track,
                        kind,
                    };
                    routes.insert(
                        format!("/{name}/{track}/{}", interaction.name).into(),
                        Arc::new(route),
                    );
                }
            }
        }
        Self { contracts, routes }
    }

    /// The interaction at a path.
    ///
    /// # Errors
    /// `Unroutable` when the path is none of ours, or its contract is not served.
    pub(crate) fn find(&self, path: &str) -> Result<Arc<Route>> {
        if let Some(route) = self.routes.get(path) {
            return Ok(route.clone());
        }
        self.find_unlisted(path)
    }

    /// A path with a track or an interaction that nothing offers: negotiation says what would work.
    fn find_unlisted(&self, path: &str) -> Result<Arc<Route>> {
        let mut segments = path.strip_prefix('/').unwrap_or_default().split('/');
        let (Some(contract), Some(track), Some(interaction), None) = (
            segments.next(),
            segments.next(),
            segments.next(),
            segments.next(),
        ) else {
            return Err(not_found(format!(
                "nothing at {:?}: post to /CONTRACT/vTRACK/INTERACTION, or read /.well-known/contracts",
                shown(path)
            )));
        };
        let Some(served) = self.contracts.get(contract) else {
            let names: Vec<&str> = self.contracts.keys().map(Name::as_str).collect();
            let here = if names.is_empty() {
                "nothing yet".to_owned()
            } else {
                names.join(", ")
            };
            return Err(not_found(format!(
                "contract {:?} is not served here: served is {here}",
                shown(contract)
            ))
            .retry_as(polywire_core::contract::Retry::Later));
        };
        let track = track
            .parse()
            .map_err(|error: polywire_core::contract::TrackError| not_found(error.to_string()))?;
        let interaction: Name = interaction
            .parse()
            .map_err(|error: polywire_core::contract::NameError| not_found(error.to_string()))?;
        let kind = served.service.kind(&interaction);
        Ok(Arc::new(Route {
            served: served.clone(),
            interaction,
            track,
            kind,
        }))
    }
}

fn not_found(message: String) -> Error {
    Error::new(ErrorKind::Unroutable, message)
}

/// A part of a path as an error shows it.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

impl Served {
    pub(crate) fn new(service: Arc<Service>, owner: u64, streams: Arc<Streams>) -> Self {
        let headers = StampHeaders::of(&service);
        Self {
            service,
            headers,
            owner,
            streams,
            requirements: Cache::new(REQUIREMENTS),
        }
    }

    /// What a request requires: what its header says, else the track of its path. The same text gives the same
    /// requirement, by whose address decisions are remembered.
    ///
    /// # Errors
    /// `InvalidPayload` when the header is no list of ranges, or leaves the track of the path.
    pub(crate) fn requirement(&self, stated: Stated<'_>, track: Track) -> Result<Requirement> {
        let asked = Asked {
            require: stated.require.map(HeaderValue::as_bytes),
            digest: stated.digest.map(HeaderValue::as_bytes),
            track,
        };
        if let Some(requirement) = self.requirements.get(&asked) {
            return Ok(requirement);
        }
        let requirement = self.parse(stated, track)?;
        let key = StatedKey {
            require: asked.require.map(Into::into),
            digest: asked.digest.map(Into::into),
            track,
        };
        self.requirements.insert(key, requirement.clone());
        Ok(requirement)
    }

    fn parse(&self, stated: Stated<'_>, track: Track) -> Result<Requirement> {
        let contract = self.service.name();
        let requirement = match stated.require {
            None => Requirement::track(contract.clone(), track),
            Some(value) => {
                Requirement::parse_list(contract.clone(), visible("contract-require", value)?)
                    .map_err(|error| invalid(format!("header contract-require: {error}")))?
            }
        };
        if !allows(&requirement, track) {
            return Err(invalid(format!(
                "the path says {track} and contract-require says {requirement}, which never takes a version of {track}: post to the track that is required"
            )));
        }
        match stated.digest {
            None => Ok(requirement),
            Some(value) => {
                let Known { version, digest } = known(visible("contract-digest", value)?)?;
                Ok(requirement.with_known(version, digest))
            }
        }
    }
}

/// Reads `sha256:...; version=1.4.0`.
fn known(text: &str) -> Result<Known> {
    text.parse().map_err(|_| {
        invalid(format!("header contract-digest is {:?}: write \"sha256:<64 hexadecimal digits>; version=1.4.0\"", shown(text)))
    })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidPayload, message).dispatched_as(Dispatched::No)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct StatedKey {
    require: Option<Box<[u8]>>,
    digest: Option<Box<[u8]>>,
    track: Track,
}

/// A [`StatedKey`] that borrows from the request, so that looking up allocates nothing. Fields hash alike.
#[derive(PartialEq, Eq, Hash)]
struct Asked<'a> {
    require: Option<&'a [u8]>,
    digest: Option<&'a [u8]>,
    track: Track,
}

impl Equivalent<StatedKey> for Asked<'_> {
    fn equivalent(&self, key: &StatedKey) -> bool {
        self.track == key.track
            && self.require == key.require.as_deref()
            && self.digest == key.digest.as_deref()
    }
}
