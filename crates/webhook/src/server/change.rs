//! Changing a subscription.

use http::StatusCode;

use super::Server;
use super::agree::{agree, rate};
use super::document::Secrets;
use super::reply::{Answered, Refusal};
use super::route::{Asked, applied};
use crate::record::{Proposed, SubscriptionId, Terms};
use crate::wire::Change;

impl Server {
    pub(super) async fn patch(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.must_match()?;
        let change: Change = asked.document()?;
        let inner = self.inner();
        let sink = change.sink.as_deref().map(|sink| inner.sender.target(sink));
        let sink = sink.transpose()?.map(|target| target.uri().to_string());
        let now = inner.now();
        let changed = self
            .alter(asked, id, revision, |found, terms| {
                if let Some(events) = &change.events {
                    let service = inner.served(terms.contract())?;
                    // Whatever its version now: it must still get one that has all of them.
                    let agreement = agree(&service, &terms.requested, events, now)?;
                    let offered = service.offer().find(&terms.version);
                    let lacks = |offered: &polywire_core::contract::Offered| {
                        events.iter().any(|event| !offered.has(event.as_str()))
                    };
                    if offered.is_some_and(lacks) {
                        terms.version = same_track(terms, agreement.version)?;
                    }
                    terms.events.clone_from(events);
                }
                if let Some(per_minute) = change.rate_per_minute {
                    terms.rate = per_minute.map(rate).transpose()?;
                    // More than its sink allowed is for the sink to say.
                    terms.keep_allowed();
                }
                terms.float = change.float.unwrap_or(terms.float);
                terms.order = change.order.unwrap_or(terms.order);
                terms.on_sunset = change.on_sunset.unwrap_or(terms.on_sunset);
                if change.lease_seconds.is_some() {
                    terms.lease_until = inner.lease_until(
                        found.terms.contract(),
                        &terms.version,
                        change.lease_seconds,
                    )?;
                }
                match &sink {
                    // A sink that never consented is simply another one.
                    Some(sink) if !has_consented(terms) => terms.sink.clone_from(sink),
                    Some(sink) if *sink != terms.sink => {
                        propose(terms, now).sink = Some(sink.clone());
                    }
                    _ => {}
                }
                terms
                    .check()
                    .map_err(|error| Refusal::unprocessable("out-of-bounds", error.to_string()))
            })
            .await?;
        let wait = asked.wait();
        let asks =
            sink.is_some() && (changed.terms.proposed.is_some() || !has_consented(&changed.terms));
        let changed = if asks {
            self.consented(changed, wait).await?
        } else {
            changed
        };
        let reply = self
            .shown(StatusCode::OK, &changed, &Secrets::default())
            .await?;
        Ok(applied(reply, wait.filter(|_| asks)))
    }
}

/// The version, if it is no step to another major, which is an upgrade.
fn same_track(
    terms: &Terms,
    version: polywire_core::contract::Version,
) -> Answered<polywire_core::contract::Version> {
    use polywire_core::contract::Track;
    if Track::of(&version) == Track::of(&terms.version) {
        return Ok(version);
    }
    Err(Refusal::conflict(
        "upgrade-needed",
        format!(
            "version {} has not all of these events, and {version}, which has, is another major: upgrade first",
            terms.version
        ),
    ))
}

/// Whether its sink has ever consented.
pub(super) fn has_consented(terms: &Terms) -> bool {
    terms.state != crate::record::State::Pending
}

/// What waits for the sink's consent, to be added to.
pub(super) fn propose(terms: &mut Terms, now: jiff::Timestamp) -> &mut Proposed {
    let proposed = terms.proposed.get_or_insert_with(|| Proposed {
        sink: None,
        key: None,
        overlap_seconds: 0,
        upgrade: None,
        resume: false,
        at: now,
    });
    proposed.at = now;
    proposed
}
