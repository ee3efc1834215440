//! The subscriber: writes an invoice for every shipped order, once, until the day is closed.

use std::collections::BTreeMap;

use polywire::{Polywire, Subscriber};
use serde::Serialize;

use crate::Result;
use crate::v1::{Day, OrdersClient, Shipped};

/// Members of one group share the work; what is shipped while none is there waits for the next.
const GROUP: &str = "billing";

/// What billing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Billed {
    /// How many shipped orders it was told of.
    pub events: u64,
    /// What it billed for them, in cents.
    pub total_cents: u64,
}

/// Billing, subscribed.
#[derive(Debug)]
pub struct Billing {
    shipped: Subscriber<Shipped>,
    closed: Subscriber<Day>,
}

impl Billing {
    /// Subscribes. Whatever is shipped from now on will be billed.
    ///
    /// # Errors
    /// When no subscription can be had as configured.
    pub async fn open(wire: &Polywire) -> Result<Self> {
        let orders: OrdersClient = wire.connect("orders").await?;
        let (shipped, closed) = (
            orders.shipped(GROUP).await?,
            orders.day_closed(GROUP).await?,
        );
        Ok(Self { shipped, closed })
    }

    /// Bills until the day is closed and all of it is billed.
    ///
    /// # Errors
    /// When the channel closes before that.
    pub async fn run(mut self) -> Result<Billed> {
        let mut invoices = BTreeMap::new();
        let mut day = None;
        loop {
            let events = u64::try_from(invoices.len())?;
            if day.is_some_and(|day: Day| events >= day.shipped) {
                let total_cents = invoices.values().sum();
                return Ok(Billed {
                    events,
                    total_cents,
                });
            }
            tokio::select! {
                Some(delivery) = self.shipped.next() => {
                    // An event may come more than once; the order's number makes that one invoice.
                    invoices.insert(delivery.event.number, delivery.event.total_cents);
                    delivery.ack().await?;
                }
                Some(delivery) = self.closed.next() => {
                    day = Some(delivery.event);
                    delivery.ack().await?;
                }
                else => return Err(format!("the channel closed after {events} events of {day:?}").into()),
            }
        }
    }
}
