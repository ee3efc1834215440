//! Events of other services, as the host hands them over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use polywire_contract::Name;
use polywire_core::{
    Deliveries, Delivery, Error, ErrorKind, Head, Kind, Result, Settle, Subscription, Verdict,
    fields,
};
use polywire_plugin_abi::read::{Settlement, SubscriptionsTable};
use polywire_plugin_abi::{MAX_HEADER_BYTES, raw};
use tokio::runtime::Handle;

use super::exchange::{self, Exchange};
use crate::collected::{Collected, refused};
use crate::host::{Host, Level};

/// How long a thread waits for an event before it asks again.
const TURN: Duration = Duration::from_secs(60);

/// A membership in a group at the host.
struct Joined {
    table: SubscriptionsTable,
    number: u64,
    contract: Name,
    event: Name,
    /// The largest event, in bytes.
    most: usize,
    host: Host,
}

/// Leaves the group when it is dropped.
struct Membership(Arc<Joined>);

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.table.unsubscribe(self.0.number);
    }
}

/// Joins a group, on the calling thread.
///
/// # Errors
/// Those of the host; `Unsupported` for one that has no subscriptions for plugins.
pub(super) fn subscribe(
    host: Host,
    exchange: &Exchange,
    id: u64,
    subscription: &Subscription,
) -> Result<Deliveries> {
    let Some(table) = host.subscriptions() else {
        let text = "the host has no subscriptions for plugins: upgrade the host";
        return Err(Error::new(ErrorKind::Unsupported, text));
    };
    let mut head = Head::new(
        Kind::Event,
        subscription.contract.clone(),
        subscription.event.clone(),
    );
    head.requirement = Some(subscription.requirement.clone());
    head.token.clone_from(&subscription.token);
    let mut headers = exchange::headers(&head)?;
    let prefetch = subscription.prefetch.to_string();
    exchange::put(&mut headers, "contract-prefetch", &prefetch)?;
    if let Some(group) = &subscription.group {
        exchange::put(&mut headers, "contract-group", group)?;
    }
    let call = exchange::call(id, 0, &headers, &[]);
    let mut out = Collected::new(exchange.most());
    let (code, number) = table.subscribe(exchange.name(), &call, &out.sink());
    if code != raw::OK {
        return Err(refused(code, &out.into_bytes()?));
    }
    let membership = Membership(Arc::new(Joined {
        table,
        number,
        contract: subscription.contract.clone(),
        event: subscription.event.clone(),
        most: exchange.most(),
        host,
    }));
    Ok(Deliveries::new(stream::unfold(
        membership,
        |membership| async {
            let delivery = next(&membership.0).await?;
            Some((delivery, membership))
        },
    )))
}

/// The next event; `None` once none will come.
async fn next(joined: &Arc<Joined>) -> Option<Delivery> {
    loop {
        let own = joined.clone();
        let waited = blocking(move || own.next()).await?;
        match waited {
            Ok(Next::Event(delivery)) => return Some(*delivery),
            Ok(Next::Nothing) => {}
            Ok(Next::Ended) => return None,
            Err(error) => {
                let text = format!(
                    "the events of {}.{} end: {error}",
                    joined.contract, joined.event
                );
                joined.host.log(Level::Warn, &text);
                return None;
            }
        }
    }
}

/// Does something that waits; `None` when the runtime has ended.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.ok(),
        Err(_) => Some(work()),
    }
}

enum Next {
    Event(Box<Delivery>),
    Nothing,
    Ended,
}

impl Joined {
    /// Waits for the next event, on the calling thread.
    fn next(self: Arc<Self>) -> Result<Next> {
        let (mut fields, mut out) = (Collected::new(MAX_HEADER_BYTES), Collected::new(self.most));
        let turn = u64::try_from(TURN.as_nanos()).unwrap_or(u64::MAX);
        let (code, delivery) = self
            .table
            .next(self.number, turn, &fields.sink(), &out.sink());
        let body = out.into_bytes()?;
        match (code, delivery) {
            (raw::OK, 0) => return Ok(Next::Nothing),
            (raw::CANCELLED, _) => return Ok(Next::Ended),
            (raw::OK, _) => {}
            (code, _) => return Err(refused(code, &body)),
        }
        let held = Box::new(Held {
            joined: self.clone(),
            delivery,
        });
        let head = match self.head(&fields.into_bytes()?) {
            Ok(head) => head,
            Err(error) => {
                // Nobody would ever settle it. A later version of this plugin may read it.
                let parked = self.settle(delivery, raw::PARK, Duration::ZERO, error.message());
                if let Err(error) = parked {
                    self.host.log(
                        Level::Warn,
                        &format!("an event that cannot be read: {error}"),
                    );
                }
                return Ok(Next::Nothing);
            }
        };
        let delivery = Delivery::new(head, Bytes::from(body), held);
        Ok(Next::Event(Box::new(delivery)))
    }

    fn head(&self, fields: &[u8]) -> Result<Head> {
        let read = exchange::read(fields)?;
        let mut head = Head::new(Kind::Event, self.contract.clone(), self.event.clone());
        fields::read(read, &mut head)?;
        head.stamp = fields::read_stamp(&self.contract, read)?.map(Arc::new);
        Ok(head)
    }

    fn settle(&self, delivery: u64, verdict: u32, after: Duration, reason: &str) -> Result<()> {
        let settlement = Settlement {
            delivery,
            verdict,
            after_ns: u64::try_from(after.as_nanos()).unwrap_or(u64::MAX),
            reason,
        };
        let mut out = Collected::new(self.most);
        let code = self.table.settle(self.number, &settlement, &out.sink());
        if code == raw::OK {
            return Ok(());
        }
        Err(refused(code, &out.into_bytes()?))
    }
}

/// An event that is not settled yet.
struct Held {
    joined: Arc<Joined>,
    delivery: u64,
}

impl Settle for Held {
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let settled = blocking(move || {
                let (number, after, reason) = match verdict {
                    Verdict::Ack => (raw::ACK, None, String::new()),
                    // No pause at all is not the same as the policy's.
                    Verdict::Retry { after } => (
                        raw::RETRY,
                        after.map(|after| after.max(Duration::from_nanos(1))),
                        String::new(),
                    ),
                    Verdict::Reject { reason } => (raw::REJECT, None, reason),
                    Verdict::Park { reason } => (raw::PARK, None, reason),
                };
                let after = after.unwrap_or_default();
                self.joined.settle(self.delivery, number, after, &reason)
            });
            settled.await.unwrap_or_else(|| Err(super::ended()))
        })
    }

    fn abandon(self: Box<Self>) {
        // The host does not wait for anything, and gives back what it does not hear of.
        let _ = self
            .joined
            .settle(self.delivery, raw::RETURN, Duration::ZERO, "");
    }
}
