//! Version 1 over version 2: whoever still speaks the old major gets every fix of the new one.

use std::sync::Arc;

use polywire::Context;

use crate::v1::{self, Day, OrderNumber, OrdersError};
use crate::v2::{self, Basket, Line};

/// Serves version 1 by an implementation of version 2.
pub(super) struct OneOverTwo<T>(pub(super) Arc<T>);

impl<T: v2::Orders> v1::Orders for OneOverTwo<T> {
    async fn quote(
        &self,
        cx: &Context,
        request: v1::QuoteRequest,
    ) -> Result<v1::Quote, OrdersError> {
        let basket = basket(request.article, request.quantity);
        self.0.quote(cx, basket).await.map(Into::into)
    }

    async fn place(&self, cx: &Context, order: v1::Order) -> Result<v1::Quote, OrdersError> {
        let order = v2::Order {
            number: order.number,
            customer: order.customer,
            basket: basket(order.article, order.quantity),
        };
        self.0.place(cx, order).await.map(Into::into)
    }

    async fn ship(&self, cx: &Context, order: OrderNumber) -> Result<(), OrdersError> {
        self.0.ship(cx, order).await
    }

    async fn cancel(&self, cx: &Context, order: OrderNumber) -> Result<(), OrdersError> {
        self.0.cancel(cx, order).await
    }

    async fn close_day(&self, cx: &Context) -> Result<Day, OrdersError> {
        self.0.close_day(cx).await
    }
}

fn basket(article: String, quantity: u32) -> Basket {
    let lines = vec![Line { article, quantity }];
    Basket { lines }
}

impl From<v2::Quote> for v1::Quote {
    fn from(quote: v2::Quote) -> Self {
        Self {
            total_cents: quote.total.cents,
        }
    }
}

impl From<v2::Shipped> for v1::Shipped {
    fn from(event: v2::Shipped) -> Self {
        Self {
            number: event.number,
            customer: event.customer,
            total_cents: event.total.cents,
        }
    }
}
