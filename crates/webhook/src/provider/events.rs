//! What happens to subscriptions, as a contract of ours: tenants subscribe to it like to any other.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use polywire_core::contract::schemars::{self, JsonSchema};
use polywire_core::contract::{Contract, InteractionInfo, Name};
use polywire_core::{Answer, Context, Error, ErrorKind, Provider, Result, Service};
use serde::{Deserialize, Serialize};

use crate::{deliver, server};

/// The contract; nobody else may serve one of this name.
pub(super) const CONTRACT: Name = Name::from_static(NAME);
const NAME: &str = "polywire.webhooks";
const VERSION: &str = "1.0.0";

/// Every event, each for a code of a notice.
const EVENTS: [&str; 13] = [
    "endpoint_failing",
    "endpoint_recovered",
    "endpoint_disabled",
    "endpoint_gone",
    "attempt_exhausted",
    "subscription_version_mismatch",
    "subscription_activated",
    "subscription_unverified",
    "subscription_resumed",
    "subscription_expired",
    "subscription_version_retired",
    "subscription_upgraded",
    "subscription_shadow_ended",
];

/// Something that happened to a subscription, its endpoint, or one of its deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "schemars")]
pub(super) struct WebhookNotice {
    /// The subscription.
    pub(super) subscription: String,
    /// Its contract.
    pub(super) contract: String,
    /// Why, such as `status 410`; never an address.
    pub(super) reason: String,
    /// The id of the message that was given up or set aside, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// When (RFC 3339).
    pub(super) at: String,
}

/// An event for one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TenantEvent {
    pub(super) tenant: String,
    pub(super) name: Name,
    pub(super) notice: WebhookNotice,
}

impl From<&deliver::Notice> for TenantEvent {
    fn from(notice: &deliver::Notice) -> Self {
        use deliver::NoticeCode as Code;
        let event = match notice.code {
            Code::Failing => "endpoint_failing",
            Code::Recovered => "endpoint_recovered",
            Code::Disabled => "endpoint_disabled",
            Code::Gone => "endpoint_gone",
            Code::Exhausted => "attempt_exhausted",
            Code::VersionMismatch => "subscription_version_mismatch",
        };
        Self {
            tenant: notice.tenant.clone(),
            name: Name::from_static(event),
            notice: WebhookNotice {
                subscription: notice.subscription.to_string(),
                contract: notice.contract.to_string(),
                reason: notice.reason.clone(),
                message: notice.message_id.clone(),
                at: notice.at.to_string(),
            },
        }
    }
}

impl From<&server::Notice> for TenantEvent {
    fn from(notice: &server::Notice) -> Self {
        use server::NoticeCode as Code;
        let event = match notice.code {
            Code::Activated => "subscription_activated",
            Code::Unverified => "subscription_unverified",
            Code::Resumed => "subscription_resumed",
            Code::Expired => "subscription_expired",
            Code::Paused => "subscription_version_retired",
            Code::Upgraded => "subscription_upgraded",
            Code::ShadowEnded => "subscription_shadow_ended",
        };
        Self {
            tenant: notice.tenant.clone(),
            name: Name::from_static(event),
            notice: WebhookNotice {
                subscription: notice.subscription.to_string(),
                contract: notice.contract.to_string(),
                reason: notice.detail.clone(),
                message: None,
                at: notice.at.to_string(),
            },
        }
    }
}

/// What is offered to subscribers; it takes no requests.
pub(super) fn service() -> Result<Arc<Service>> {
    let mut builder = Contract::builder(NAME, VERSION);
    for event in EVENTS {
        builder = builder.event::<WebhookNotice>(InteractionInfo::new(event));
    }
    let contract = Arc::new(builder.build().map_err(|error| {
        let text = format!("the contract of webhooks' own events: {error}");
        Error::new(ErrorKind::Internal, text)
    })?);
    Ok(Arc::new(Service::new(Events(contract))?))
}

struct Events(Arc<Contract>);

impl Provider for Events {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.0.clone())
    }

    fn handle<'a>(&'a self, cx: &'a Context, _: Bytes) -> BoxFuture<'a, Result<Answer>> {
        let text = format!(
            "{NAME} has events alone, and no {:?}",
            cx.head().interaction.as_str()
        );
        async { Err(Error::new(ErrorKind::Unsupported, text)) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use polywire_core::Kind;
    use polywire_core::contract::{Name, Requirement};

    use super::{CONTRACT, EVENTS, TenantEvent, service};
    use crate::record::SubscriptionId;
    use crate::{deliver, server};

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    fn every_notice_is_an_event_of_the_contract_under_its_own_code() {
        use deliver::NoticeCode as D;
        use server::NoticeCode as S;
        let subscription: SubscriptionId = "sub_1".parse().unwrap();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let mut found = Vec::new();
        for code in [
            D::Failing,
            D::Recovered,
            D::Disabled,
            D::Gone,
            D::Exhausted,
            D::VersionMismatch,
        ] {
            let notice = deliver::Notice {
                code,
                subscription: subscription.clone(),
                tenant: "acme".to_owned(),
                contract: Name::from_static("orders"),
                delivery: None,
                message_id: None,
                reason: String::new(),
                at,
            };
            found.push((code.code(), TenantEvent::from(&notice).name));
        }
        for code in [
            S::Activated,
            S::Unverified,
            S::Resumed,
            S::Expired,
            S::Paused,
            S::Upgraded,
            S::ShadowEnded,
        ] {
            let notice = server::Notice {
                code,
                subscription: subscription.clone(),
                tenant: "acme".to_owned(),
                contract: Name::from_static("orders"),
                detail: String::new(),
                at,
            };
            found.push((code.code(), TenantEvent::from(&notice).name));
        }
        let events: Vec<&str> = found.iter().map(|(_, event)| event.as_str()).collect();
        assert_eq!(events, EVENTS);
        let service = service().unwrap();
        for (code, event) in found {
            assert_eq!(code.replace(['.', '-'], "_"), event.as_str());
            assert_eq!(service.kind(event.as_str()), Some(Kind::Event));
        }
        let any = Requirement::parse_list(CONTRACT, "^1.0").unwrap();
        service
            .check(&any, &Name::from_static("endpoint_disabled"))
            .unwrap();
    }
}
