//! What operators are told of: by the log, and by events.

use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;

use super::events::TenantEvent;
use super::publish::EventQueue;
use crate::deliver::{self, Deliverer};
use crate::server;

/// Logs what happens to deliveries, and has it published.
#[derive(Debug)]
pub(super) struct Log(pub(super) EventQueue);

impl deliver::Notices for Log {
    fn notice(&self, notice: deliver::Notice) {
        tracing::warn!(
            code = %notice.code,
            subscription = %notice.subscription,
            tenant = notice.tenant,
            contract = %notice.contract,
            delivery = notice.delivery.map(|id| id.0),
            message = notice.message_id,
            reason = notice.reason,
            "webhook delivery"
        );
        self.0.push(TenantEvent::from(&notice));
    }
}

/// Logs what happens to subscriptions, has it published, and has an endpoint started anew that was resumed.
#[derive(Debug)]
pub(super) struct Subscribed {
    pub(super) events: EventQueue,
    pub(super) deliverer: OnceLock<Arc<Deliverer>>,
}

impl server::Notices for Subscribed {
    fn notice(&self, notice: server::Notice) {
        tracing::info!(
            code = %notice.code,
            subscription = %notice.subscription,
            tenant = notice.tenant,
            contract = %notice.contract,
            detail = notice.detail,
            "webhook subscription"
        );
        self.events.push(TenantEvent::from(&notice));
        if notice.code != server::NoticeCode::Resumed {
            return;
        }
        if let (Some(deliverer), Ok(runtime)) =
            (self.deliverer.get().cloned(), Handle::try_current())
        {
            runtime.spawn(async move {
                if let Err(error) = deliverer.resume(&notice.subscription).await {
                    tracing::warn!(%error, subscription = %notice.subscription, "not resumed");
                }
            });
        }
    }
}
