//! The provider: keeps the order book and tells subscribers what was shipped.

mod adapter;
mod announcer;
mod catalogue;
mod plugin;

use std::collections::BTreeMap;
use std::sync::Arc;

use polywire::{Context, Polywire, Provided, Versions};
use tokio::sync::{SetOnce, watch};

use self::adapter::OneOverTwo;
use self::announcer::Announcer;
use crate::v2::{Basket, Day, Money, Order, OrderNumber, OrdersError, Quote, Shipped};
use crate::{v1, v2};

pub use self::plugin::{export, export_two};

/// Which versions to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Version 1 alone.
    One,
    /// Version 2 beside it.
    OneAndTwo,
}

/// Serves the contract, over whatever the configuration says.
///
/// # Errors
/// When it cannot be served as configured.
pub async fn serve(wire: &Polywire, serve: Serve) -> polywire::Result<Provided> {
    let shop = Arc::new(Shop::default());
    let one = v1::OrdersServer::new(OneOverTwo(shop.clone()));
    let versions = match serve {
        Serve::One => Versions::new().serve(one),
        Serve::OneAndTwo => Versions::new()
            .serve(v2::OrdersServer::from_arc(shop.clone()))
            .serve(one)
            .adapt_event::<v2::orders_events::Shipped, v1::orders_events::Shipped>(Into::into)
            .adapt_event::<v2::orders_events::DayClosed, v1::orders_events::DayClosed>(|day| day),
    };
    let provided = wire.provide("orders", versions).await?;
    // The first calls may be here already: what they announce waits for this.
    let _ = shop.announcer.set(Announcer::new(&provided, serve)?);
    Ok(provided)
}

/// The order book.
#[derive(Debug, Default)]
struct Shop {
    book: watch::Sender<BTreeMap<u64, Entry>>,
    announcer: SetOnce<Announcer>,
}

#[derive(Clone, Debug)]
struct Entry {
    customer: String,
    total: Money,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Placed,
    Shipped,
    Cancelled,
}

impl v2::Orders for Shop {
    async fn quote(&self, _: &Context, basket: Basket) -> Result<Quote, OrdersError> {
        let total = catalogue::total(&basket)?;
        Ok(Quote { total })
    }

    async fn place(&self, _: &Context, order: Order) -> Result<Quote, OrdersError> {
        let total = catalogue::total(&order.basket)?;
        self.book.send_modify(|book| {
            let (customer, state) = (order.customer, State::Placed);
            book.entry(order.number).or_insert(Entry {
                customer,
                total,
                state,
            });
        });
        Ok(Quote { total })
    }

    async fn ship(
        &self,
        _: &Context,
        OrderNumber { number }: OrderNumber,
    ) -> Result<(), OrdersError> {
        let Entry {
            customer,
            total,
            state,
        } = self.find(number)?;
        if state == State::Shipped {
            return Ok(());
        }
        // Announced before it is noted: a failure in between runs the command again, and nobody is left untold.
        let event = Shipped {
            number,
            customer,
            total,
        };
        let announced = self.announcer.wait().await.shipped(event).await;
        announced.map_err(|error| OrdersError::NotAnnounced {
            reason: error.to_string(),
        })?;
        self.settle(number, State::Shipped)
    }

    async fn cancel(
        &self,
        _: &Context,
        OrderNumber { number }: OrderNumber,
    ) -> Result<(), OrdersError> {
        self.settle(number, State::Cancelled)
    }

    async fn close_day(&self, _: &Context) -> Result<Day, OrdersError> {
        let mut book = self.book.subscribe();
        // Commands are done in their own time; the caller's deadline bounds this wait.
        let day = match book.wait_for(|book| count(book, State::Placed) == 0).await {
            Ok(book) => Day {
                placed: u64::try_from(book.len()).unwrap_or(u64::MAX),
                shipped: count(&book, State::Shipped),
                cancelled: count(&book, State::Cancelled),
            },
            Err(gone) => {
                return Err(OrdersError::NotAnnounced {
                    reason: gone.to_string(),
                });
            }
        };
        let announced = self.announcer.wait().await.day_closed(day).await;
        announced.map_err(|error| OrdersError::NotAnnounced {
            reason: error.to_string(),
        })?;
        Ok(day)
    }
}

impl Shop {
    fn find(&self, number: u64) -> Result<Entry, OrdersError> {
        let entry = self.book.borrow().get(&number).cloned();
        entry.ok_or(OrdersError::NotPlaced { number })
    }

    /// Notes what became of an order, once.
    fn settle(&self, number: u64, to: State) -> Result<(), OrdersError> {
        let mut result = Err(OrdersError::NotPlaced { number });
        self.book.send_if_modified(|book| {
            let Some(entry) = book.get_mut(&number) else {
                return false;
            };
            result = match entry.state {
                State::Placed => {
                    entry.state = to;
                    Ok(())
                }
                state if state == to => Ok(()),
                State::Shipped | State::Cancelled => Err(OrdersError::Settled { number }),
            };
            result.is_ok()
        });
        result
    }
}

fn count(book: &BTreeMap<u64, Entry>, state: State) -> u64 {
    let found = book.values().filter(|entry| entry.state == state);
    u64::try_from(found.count()).unwrap_or(u64::MAX)
}
