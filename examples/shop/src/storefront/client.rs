//! The storefront's client. A consumer is built for one major; this one can be either, to show both.

use std::time::Duration;

use polywire::{CallError, CallOptions, Polywire, Version};

use super::Major;
use crate::sheet::Row;
use crate::v1::{self, Day, OrderNumber, OrdersError};
use crate::v2::{self, Basket, Line};

/// How long the day may take to close.
const CLOSING: Duration = Duration::from_secs(60);

type Answer<T> = Result<T, CallError<OrdersError>>;

/// A generated client, of one major or the other.
#[derive(Clone, Debug)]
pub(super) enum Client {
    One(v1::OrdersClient),
    Two(v2::OrdersClient),
}

impl Client {
    pub(super) async fn connect(wire: &Polywire, major: Major) -> polywire::Result<Self> {
        match major {
            Major::One => wire.connect("orders").await.map(Self::One),
            Major::Two => wire.connect("orders").await.map(Self::Two),
        }
    }

    /// What an order would cost, in cents.
    pub(super) async fn quote(&self, row: &Row) -> Answer<u64> {
        match self {
            Self::One(orders) => {
                let (article, quantity) = (row.article.clone(), row.quantity);
                let quote = orders.quote(v1::QuoteRequest { article, quantity }).await?;
                Ok(quote.total_cents)
            }
            Self::Two(orders) => Ok(orders.quote(basket(row)).await?.total.cents),
        }
    }

    /// Places an order. Returns what it costs, in cents.
    pub(super) async fn place(&self, row: &Row) -> Answer<u64> {
        let (number, customer) = (row.number, row.customer.clone());
        match self {
            Self::One(orders) => {
                let (article, quantity) = (row.article.clone(), row.quantity);
                let order = v1::Order {
                    number,
                    customer,
                    article,
                    quantity,
                };
                Ok(orders.place(order).await?.total_cents)
            }
            Self::Two(orders) => {
                let order = v2::Order {
                    number,
                    customer,
                    basket: basket(row),
                };
                Ok(orders.place(order).await?.total.cents)
            }
        }
    }

    /// Has an order shipped, at some time after this returns.
    pub(super) async fn ship(&self, number: u64) -> polywire::Result<()> {
        let order = OrderNumber { number };
        match self {
            Self::One(orders) => orders.ship(order).await?,
            Self::Two(orders) => orders.ship(order).await?,
        };
        Ok(())
    }

    /// Has an order cancelled, at some time after this returns.
    pub(super) async fn cancel(&self, number: u64) -> polywire::Result<()> {
        let order = OrderNumber { number };
        match self {
            Self::One(orders) => orders.cancel(order).await?,
            Self::Two(orders) => orders.cancel(order).await?,
        };
        Ok(())
    }

    /// Waits until everything is shipped or cancelled.
    pub(super) async fn close_day(&self) -> Answer<Day> {
        let options = CallOptions::new().deadline(CLOSING);
        match self {
            Self::One(orders) => orders.with(options).close_day().await,
            Self::Two(orders) => orders.with(options).close_day().await,
        }
    }

    /// The version that is spoken right now.
    pub(super) fn version(&self) -> Option<Version> {
        let session = match self {
            Self::One(orders) => orders.session(),
            Self::Two(orders) => orders.session(),
        };
        session
            .agreement()
            .map(|agreement| agreement.version.clone())
    }
}

fn basket(row: &Row) -> Basket {
    let (article, quantity) = (row.article.clone(), row.quantity);
    Basket {
        lines: vec![Line { article, quantity }],
    }
}
