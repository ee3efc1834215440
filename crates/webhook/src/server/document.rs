//! A subscription as its subscriber sees it.

use http::{HeaderName, StatusCode, header};
use zeroize::Zeroizing;

use super::agree::stamp;
use super::reply::{Answered, Reply, json, set};
use super::route::{etag, path};
use super::{Inner, Server};
use crate::record::{KeyRecord, PauseReason, Phase, Proposed, State, Subscription, Upgrade};
use crate::schedule::Stop;
use crate::wire::{Document, KeyDocument, ProposedDocument, StandingDocument, UpgradeDocument};

/// Secrets that were just made, each with the id of its key; they are shown this once.
#[derive(Default)]
pub(super) struct Secrets(pub(super) Vec<(String, Zeroizing<String>)>);

impl Server {
    /// An answer about a subscription: the document, its entity tag, and what becomes of its version.
    pub(super) async fn shown(
        &self,
        status: StatusCode,
        subscription: &Subscription,
        secrets: &Secrets,
    ) -> Answered {
        let last = self.inner().store.last_sequence(&subscription.id).await?;
        let document = self.inner().document(subscription, last, secrets);
        let mut reply = json(status, &document)?;
        self.inner().head(&mut reply, subscription);
        Ok(reply)
    }
}

impl Inner {
    /// The headers of an answer that is a subscription.
    pub(super) fn head(&self, reply: &mut Reply, subscription: &Subscription) {
        set(
            reply.headers_mut(),
            header::ETAG,
            &etag(subscription.revision),
        );
        self.lifetime(reply, subscription);
    }

    /// The headers of every answer about a subscription: its version, and what becomes of that.
    pub(super) fn lifetime(&self, reply: &mut Reply, subscription: &Subscription) {
        let headers = reply.headers_mut();
        let terms = &subscription.terms;
        set(
            headers,
            HeaderName::from_static("contract-version"),
            &terms.version.to_string(),
        );
        let service = self.service(terms.contract());
        let stamp = service
            .as_ref()
            .and_then(|service| stamp(service, &terms.version));
        if let Some(stamp) = stamp {
            polywire_http::lifetime_headers(stamp, headers);
        }
    }

    pub(super) fn document(
        &self,
        subscription: &Subscription,
        last: Option<u64>,
        secrets: &Secrets,
    ) -> Document {
        let Subscription {
            id,
            terms,
            standing,
            ..
        } = subscription;
        let asked = terms.state == State::Pending || terms.proposed.is_some();
        let reason = reason(terms.state).or_else(|| self.consents.reason(id).filter(|_| asked));
        Document {
            id: id.to_string(),
            state: terms.state.code().to_owned(),
            reason: reason.map(str::to_owned),
            contract: terms.contract().clone(),
            requested: terms.requested.list_text().to_owned(),
            version: terms.version.clone(),
            float: terms.float,
            events: terms.events.clone(),
            group: terms.group.clone(),
            sink: terms.sink.clone(),
            rate_per_minute: terms.rate.map(|rate| rate.per_minute),
            order: terms.order,
            on_sunset: terms.on_sunset,
            created_at: terms.created_at,
            lease_expires_at: terms.lease_until,
            sequence: last,
            keys: terms
                .keys
                .iter()
                .map(|key| key_document(key, secrets))
                .collect(),
            upgrade: terms
                .upgrade
                .as_ref()
                .map(|upgrade| upgrade_document(upgrade, subscription)),
            proposed: terms
                .proposed
                .as_ref()
                .map(|proposed| proposed_document(proposed, secrets)),
            standing: StandingDocument {
                failing_since: standing.failing_since,
                held_until: standing.held_until,
                stopped: standing.stopped.map(|stop| stopped(stop).to_owned()),
            },
        }
    }
}

fn reason(state: State) -> Option<&'static str> {
    match state {
        State::Paused { reason } => Some(match reason {
            PauseReason::Subscriber => "subscriber",
            PauseReason::Operator => "operator",
            PauseReason::VersionRetired => "version-retired",
        }),
        State::Disabled { why } => Some(stopped(why)),
        _ => None,
    }
}

fn stopped(stop: Stop) -> &'static str {
    match stop {
        Stop::Failing => "failing",
        Stop::Gone => "gone",
    }
}

fn key_document(key: &KeyRecord, secrets: &Secrets) -> KeyDocument {
    let secret = secrets.0.iter().find(|(id, _)| *id == key.id);
    KeyDocument {
        kid: key.id.clone(),
        algorithm: key.algorithm.version().to_owned(),
        public: key.public.clone(),
        secret: secret.map(|(_, secret)| secret.to_string()),
        created_at: key.created_at,
        retires_at: key.retires_at,
    }
}

fn upgrade_document(upgrade: &Upgrade, of: &Subscription) -> UpgradeDocument {
    let mut document = UpgradeDocument {
        from: upgrade.from.clone(),
        to: upgrade.to.clone(),
        phase: "kept".to_owned(),
        until: None,
        sequence: None,
        rollback_until: None,
        commit: None,
    };
    match upgrade.phase {
        Phase::Kept => {}
        Phase::Shadow { until } => {
            document.phase = "shadow".to_owned();
            document.until = Some(until);
            document.commit = Some(format!("{}/upgrade/commit", path(&of.id)));
        }
        Phase::Committed {
            from,
            rollback_until,
        } => {
            document.phase = "committed".to_owned();
            document.sequence = Some(from);
            document.rollback_until = Some(rollback_until);
        }
    }
    document
}

fn proposed_document(proposed: &Proposed, secrets: &Secrets) -> ProposedDocument {
    ProposedDocument {
        sink: proposed.sink.clone(),
        key: proposed.key.as_ref().map(|key| key_document(key, secrets)),
        version: proposed.upgrade.as_ref().map(|upgrade| upgrade.to.clone()),
        resume: proposed.resume,
        at: proposed.at,
    }
}
