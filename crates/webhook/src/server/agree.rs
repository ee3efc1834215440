//! Which version a subscription gets, and for how long.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use polywire_core::contract::{
    Agreement, Known, Name, Offer, Offered, Requirement, Status, Track, Version, negotiate,
};
use polywire_core::{Error, ErrorKind, Kind, Service, Stamp};

use super::Inner;
use super::reply::{Answered, Refusal};
use crate::clock::later;
use crate::schedule::Rate;

/// What a service offers, with what has passed its sunset withdrawn.
pub(super) fn offer_at(service: &Service, now: Timestamp) -> Offer {
    let offer = service.offer();
    let versions = offer.versions().iter().map(|offered| {
        let gone = sunset(offered).is_some_and(|sunset| sunset <= now);
        let mut offered = offered.clone();
        if gone {
            offered.status = Status::Withdrawn;
        }
        offered
    });
    let same = Offer::new(offer.contract().clone(), versions.collect());
    let Ok(same) = same else {
        return Offer::clone(offer);
    };
    match offer.instance() {
        Some(instance) => same.with_instance(instance),
        None => same,
    }
}

/// What a service says of a version: of itself, or of the highest of its track when a release has replaced it.
pub(super) fn stamp<'a>(service: &'a Service, version: &Version) -> Option<&'a Stamp> {
    let same = |offered: &&Offered| Track::of(&offered.version) == Track::of(version);
    let exact = service.stamp(version);
    let replaced = || {
        let highest = service.offer().versions().iter().rev().find(same)?;
        service.stamp(&highest.version)
    };
    exact.or_else(replaced).map(|stamp| &**stamp)
}

/// When a version is switched off, if that is decided.
pub(super) fn sunset(offered: &Offered) -> Option<Timestamp> {
    offered.sunset.as_deref()?.parse().ok()
}

/// The versions that a text asks for.
pub(super) fn requirement(
    contract: &Name,
    version: &str,
    known: Option<&str>,
) -> Answered<Requirement> {
    let malformed = |error: &dyn std::fmt::Display| Refusal::malformed(error.to_string());
    let requirement =
        Requirement::parse_list(contract.clone(), version).map_err(|error| malformed(&error))?;
    match known {
        None => Ok(requirement),
        Some(known) => {
            let known: Known = known.parse().map_err(|error| malformed(&error))?;
            Ok(requirement.with_known(known.version, known.digest))
        }
    }
}

/// The version that a requirement gets now, which has all of the events.
pub(super) fn agree(
    service: &Service,
    requirement: &Requirement,
    events: &[Name],
    now: Timestamp,
) -> Answered<Agreement> {
    known(service, events)?;
    let using = events
        .iter()
        .fold(requirement.clone(), |requirement, event| {
            requirement.using(event.clone())
        });
    Ok(negotiate(&using, &offer_at(service, now)).map_err(Error::from)?)
}

/// Refuses what is no event of the contract in any version, or named twice.
pub(super) fn known(service: &Service, events: &[Name]) -> Answered<()> {
    for (at, event) in events.iter().enumerate() {
        if service.kind(event.as_str()) != Some(Kind::Event) {
            let interactions = service
                .contracts()
                .flat_map(|contract| contract.interactions());
            let valid =
                interactions.filter(|interaction| Kind::from(interaction.kind) == Kind::Event);
            let valid: BTreeSet<&str> =
                valid.map(|interaction| interaction.name.as_str()).collect();
            let valid: Vec<&str> = valid.into_iter().collect();
            return Err(Refusal::unprocessable(
                "event-unknown",
                format!(
                    "{} has no event {:?}: expected {}",
                    service.name(),
                    event.as_str(),
                    if valid.is_empty() {
                        "none, as it has none".to_owned()
                    } else {
                        valid.join(", ")
                    }
                ),
            ));
        }
        if events[..at].contains(event) {
            return Err(Refusal::unprocessable(
                "event-twice",
                format!("event {:?} is named twice", event.as_str()),
            ));
        }
    }
    Ok(())
}

/// The rate of a sink.
pub(super) fn rate(per_minute: u32) -> Answered<Rate> {
    const MOST: u32 = 60_000_000;
    if (1..=MOST).contains(&per_minute) {
        return Ok(Rate::per_minute(per_minute));
    }
    Err(Refusal::unprocessable(
        "rate-refused",
        format!("a rate of {per_minute} a minute: expected 1 to {MOST}"),
    ))
}

impl Inner {
    /// The service of a contract.
    pub(super) fn served(&self, contract: &Name) -> Answered<std::sync::Arc<Service>> {
        self.service(contract).ok_or_else(|| {
            let served: Vec<String> = self
                .services
                .read()
                .keys()
                .map(ToString::to_string)
                .collect();
            let text = format!(
                "there is no contract {:?} here: {}",
                contract.as_str(),
                if served.is_empty() {
                    "none is served".to_owned()
                } else {
                    format!("served are {}", served.join(", "))
                }
            );
            Error::new(ErrorKind::Unroutable, text).into()
        })
    }

    /// When a lease that begins now ends: no later than asked for, than the provider allows, and than the version's sunset.
    pub(super) fn lease_until(
        &self,
        contract: &Name,
        version: &Version,
        seconds: Option<u64>,
    ) -> Answered<Timestamp> {
        if seconds == Some(0) {
            return Err(Refusal::unprocessable(
                "lease-refused",
                "a lease of 0 seconds: expected at least 1; end the subscription with DELETE",
            ));
        }
        let now = self.now();
        let asked = seconds.map_or(self.options.lease, Duration::from_secs);
        let until = later(now, asked.min(self.options.max_lease));
        let service = self.service(contract);
        let stamp = service.as_ref().and_then(|service| stamp(service, version));
        // What is over already bounds nothing: the lease is then for the time until an upgrade.
        let sunset: Option<Timestamp> =
            stamp.and_then(|stamp| stamp.sunset.as_deref()?.parse().ok());
        let sunset = sunset.filter(|sunset| *sunset > now);
        Ok(sunset.map_or(until, |sunset| until.min(sunset)))
    }
}
