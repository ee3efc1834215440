//! A provider that asks another service before it answers, as a plugin.

mod contract;

use polywire::plugin_export::{Export, Setup};
use polywire::{CallError, Context, Error, Result, Service, Versions};

use contract::{Orders, OrdersClient, OrdersServer, Pens, Refusal, StockClient};

struct Shop {
    stock: StockClient,
    /// Itself, as its consumers reach it.
    orders: OrdersClient,
}

impl Orders for Shop {
    async fn left(&self, _: &Context, request: Pens) -> Result<Pens, Refusal> {
        self.stock.left(request).await.map_err(passed_on)
    }

    async fn wait(&self, _: &Context) -> Result<Pens, Refusal> {
        let asked = self.stock.wait().await;
        let pens = asked.map_err(|error| error.wire().map_or(Refusal::Unknown, unasked))?;
        self.stock.left(pens).await.map_err(passed_on)
    }

    async fn again(&self, _: &Context, request: Pens) -> Result<Pens, Refusal> {
        let asked = match request.pens {
            0 => self.stock.left(request).await,
            pens => self.orders.again(Pens { pens: pens - 1 }).await,
        };
        asked.map_err(passed_on)
    }

    async fn order(&self, _: &Context, request: Pens) -> Result<(), Refusal> {
        let ordered = self.stock.order(request).await;
        ordered.map(drop).map_err(|error| unasked(&error))
    }

    async fn listen(&self, _: &Context) -> Result<(), Refusal> {
        let changed = self.stock.changed("orders").await;
        let mut changed = changed.map_err(|error| unasked(&error))?;
        let stock = self.stock.clone();
        tokio::spawn(async move {
            while let Some(delivery) = changed.next().await {
                let pens = delivery.event.pens;
                if stock.order(Pens { pens }).await.is_ok() {
                    // What cannot be acknowledged comes again.
                    let _ = delivery.ack().await;
                }
            }
        });
        Ok(())
    }
}

fn passed_on(error: CallError<Refusal>) -> Refusal {
    match error {
        CallError::App(refusal) => refusal,
        CallError::Wire(error) => unasked(&error),
    }
}

fn unasked(error: &Error) -> Refusal {
    Refusal::Unasked {
        kind: error.kind().code().to_owned(),
        why: error.message().to_owned(),
    }
}

fn server(setup: &Setup) -> Result<Export> {
    let shop = Shop {
        stock: setup.connect("stock")?,
        orders: setup.connect("orders")?,
    };
    Ok(Service::new(Versions::new().serve(OrdersServer::new(shop)))?.into())
}

polywire::export_plugin!(server, OrdersClient; plugin = "orders", release = "1.0.0");
