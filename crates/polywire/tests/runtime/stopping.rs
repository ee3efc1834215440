use std::time::Duration;

use polywire::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::orders::{OrdersClient, OrdersServer, Shop, on_hub, order, wire};

#[tokio::test(start_paused = true)]
async fn what_runs_is_finished_and_nothing_new_is_taken() {
    let wire = on_hub("finish", "retries = 0");
    let shop = Shop::closed();
    wire.provide("orders", OrdersServer::new(shop.clone()))
        .await
        .unwrap();
    let client: OrdersClient = wire.connect("orders").await.unwrap();
    let held = tokio::spawn({
        let client = client.clone();
        async move { client.quote(order("lamp")).await }
    });
    shop.one_started().await;

    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn({
        let wire = wire.clone();
        async move { wire.run_until(async { stopped.await.unwrap() }).await }
    });
    stop.send(()).unwrap();
    while wire.health()["orders"] != polywire::Health::Draining {
        tokio::task::yield_now().await;
    }
    let refused = client.quote(order("desk")).await.unwrap_err();
    assert_eq!(
        refused.wire().unwrap().kind(),
        ErrorKind::Closed,
        "{refused}"
    );
    assert!(!run.is_finished(), "a handler still runs");

    shop.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), order("lamp"));
    run.await.unwrap().unwrap();
    assert_eq!(wire.health()["orders"], polywire::Health::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_runs_too_long_is_cut_off() {
    let wire = wire(
        "[service]\ndrain_timeout = \"2s\"\n[channel.orders]\nretries = 0\n[transport.memory]\nhub = \"cut\"\n",
    )
    .unwrap();
    let shop = Shop::closed();
    wire.provide("orders", OrdersServer::new(shop.clone()))
        .await
        .unwrap();
    let client: OrdersClient = wire.connect("orders").await.unwrap();
    let held = tokio::spawn(async move { client.quote(order("lamp")).await });
    shop.one_started().await;

    let started = Instant::now();
    let error = wire.run_until(async {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(
        error.to_string(),
        "drain: work still ran after drain_timeout of 2s, and was cut off"
    );
    assert_eq!(started.elapsed(), Duration::from_secs(2));
    let error = held.await.unwrap().unwrap_err();
    assert_eq!(error.wire().unwrap().kind(), ErrorKind::Closed, "{error}");
    assert_eq!(shop.finished(), 0);
}

/// A handler that asks another provider through its own runtime.
struct Relay {
    upstream: OrdersClient,
    shop: Shop,
}

impl crate::orders::Orders for Relay {
    async fn quote(
        &self,
        cx: &Context,
        request: crate::orders::Order,
    ) -> Result<crate::orders::Order, crate::orders::OrdersError> {
        crate::orders::Orders::cancel(&self.shop, cx, request.clone()).await?;
        self.upstream
            .quote(request)
            .await
            .map_err(|_| crate::orders::OrdersError::Other)
    }

    async fn cancel(
        &self,
        _: &Context,
        _: crate::orders::Order,
    ) -> Result<(), crate::orders::OrdersError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_use_its_clients_while_its_process_drains() {
    let upstream = on_hub("upstream", "");
    upstream
        .provide("orders", OrdersServer::new(Shop::open()))
        .await
        .unwrap();
    let wire = wire(
        "[channel.front]\ncontract = \"orders\"\ntransport = \"front\"\n\
         [channel.up]\ncontract = \"orders\"\ntransport = \"up\"\n\
         [transport.front]\ntype = \"memory\"\nhub = \"front\"\n[transport.up]\ntype = \"memory\"\nhub = \"upstream\"\n",
    )
    .unwrap();
    let shop = Shop::closed();
    let relay = Relay {
        upstream: wire.connect("up").await.unwrap(),
        shop: shop.clone(),
    };
    wire.provide("front", OrdersServer::new(relay))
        .await
        .unwrap();
    let client: OrdersClient = wire.connect("front").await.unwrap();
    let held = tokio::spawn(async move { client.quote(order("lamp")).await });
    shop.one_started().await;
    let drain = tokio::spawn({
        let wire = wire.clone();
        async move { wire.drain().await }
    });
    while wire.health()["front"] != polywire::Health::Draining {
        tokio::task::yield_now().await;
    }
    shop.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), order("lamp"));
    drain.await.unwrap().unwrap();
}
