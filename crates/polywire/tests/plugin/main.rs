//! A plugin that talks to another service, through the channels of the process that it is in.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "library/contract.rs"]
mod contract;
mod world;

use polywire::{CallError, ErrorKind};

use contract::{Pens, Refusal};
use world::{Stock, World, orders, soon, until};

fn pens(pens: u32) -> Pens {
    Pens { pens }
}

/// What kept the plugin from asking the stock: the kind, and why.
fn unasked(answer: Result<Pens, CallError<Refusal>>) -> (String, String) {
    match answer {
        Err(CallError::App(Refusal::Unasked { kind, why })) => (kind, why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_asks_over_http_as_every_consumer_does() {
    let (world, mut stock) = (World::new(), Stock::http().await);
    let wire = world.consumer("stock", &stock.config(""));
    let orders = orders(&wire).await;
    let answer = soon("an answer", orders.left(pens(3))).await;
    assert_eq!(answer.unwrap(), pens(6));
    let refused = soon("a refusal", orders.left(pens(100))).await;
    assert_eq!(
        refused.unwrap_err().app(),
        Some(Refusal::SoldOut { left: 7 })
    );
    // What is accepted here is run by the plugin, and accepted there.
    soon("a receipt", orders.order(pens(4))).await.unwrap();
    assert_eq!(stock.note().await, "ordered 4");
    // It is its own consumer, as often as it likes.
    let answer = soon("an answer", orders.again(pens(5))).await;
    assert_eq!(answer.unwrap(), pens(0));
    soon("the end", wire.close()).await.unwrap();
    stock.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_asks_a_service_of_its_own_process() {
    let world = World::new();
    let wire = world.consumer("stock", "transport = \"memory\"\n");
    let mut stock = Stock::within(&wire).await;
    let orders = orders(&wire).await;
    let answer = soon("an answer", orders.left(pens(3))).await;
    assert_eq!(answer.unwrap(), pens(6));
    soon("a receipt", orders.order(pens(4))).await.unwrap();
    assert_eq!(stock.note().await, "ordered 4");
    soon("the end", wire.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_hears_of_events_over_http() {
    let (world, mut stock) = (World::new(), Stock::http().await);
    let wire = world.consumer("stock", &stock.config(""));
    let orders = orders(&wire).await;
    soon("an answer", orders.listen()).await.unwrap();
    for pens in [5, 6] {
        stock.change(pens).await;
        assert_eq!(stock.note().await, format!("ordered {pens}"));
    }
    soon("the end", wire.close()).await.unwrap();
    stock.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_host_says_which_versions_it_requires() {
    let (world, stock) = (World::new(), Stock::http().await);
    let wire = world.consumer("stock", &stock.config("require = \"^1.3\"\n"));
    let orders = orders(&wire).await;
    let (kind, why) = unasked(soon("an answer", orders.left(pens(3))).await);
    assert_eq!(kind, "no-match");
    assert!(why.contains("^1.3") && why.contains("1.2.0"), "{why}");
    soon("the end", wire.close()).await.unwrap();
    stock.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_its_host_does_not_configure_is_named() {
    let world = World::new();
    let wire = world.consumer("stok", "transport = \"memory\"\n");
    let orders = orders(&wire).await;
    let error = soon("a refusal", orders.left(pens(3))).await.unwrap_err();
    let error = error.wire().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let text = "channel \"stock\" is not configured in polywire.toml: did you mean \"stok\"? configured: orders, stok";
    assert!(error.message().contains(text), "{error}");
    soon("the end", wire.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_asks_is_answered_while_its_host_drains() {
    let (world, mut stock) = (World::new(), Stock::http().await);
    let wire = world.consumer("stock", &stock.config(""));
    let orders = orders(&wire).await;
    let asked = tokio::spawn(async move { orders.wait().await });
    assert_eq!(stock.note().await, "waiting");
    let own = wire.clone();
    let drained = tokio::spawn(async move { own.drain().await });
    let channel = wire.channel("orders").await.unwrap();
    until("the channel to drain", || {
        channel.health() == polywire::Health::Draining
    })
    .await;
    stock.let_go();
    let answer = soon("an answer", asked).await.unwrap();
    assert_eq!(answer.unwrap(), pens(2));
    soon("the drain", drained).await.unwrap().unwrap();
    soon("the end", wire.close()).await.unwrap();
    stock.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_were_taken_still_get_through_while_its_host_drains() {
    let (world, mut stock) = (World::new(), Stock::http().await);
    let wire = world.consumer("stock", &stock.config(""));
    let orders = orders(&wire).await;
    // Loaded, and connected to the stock.
    soon("an answer", orders.left(pens(3))).await.unwrap();
    for number in 0..20 {
        soon("a receipt", orders.order(pens(number))).await.unwrap();
    }
    soon("the drain", wire.drain()).await.unwrap();
    let mut noted = Vec::new();
    while noted.len() < 20 {
        noted.push(stock.note().await);
    }
    noted.sort();
    noted.dedup();
    assert_eq!(noted.len(), 20, "{noted:?}");
    soon("the end", wire.close()).await.unwrap();
    stock.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_asks_ends_when_its_host_is_closed() {
    let (world, mut stock) = (World::new(), Stock::http().await);
    let wire = world.consumer("stock", &stock.config(""));
    let orders = orders(&wire).await;
    let asked = tokio::spawn(async move { orders.wait().await });
    assert_eq!(stock.note().await, "waiting");
    soon("the end", wire.close()).await.unwrap();
    let error = soon("an end", asked).await.unwrap().unwrap_err();
    // Either channel may be closed first: the one to the plugin, or the one by which it asks.
    match error {
        CallError::Wire(error) => assert_eq!(error.kind(), ErrorKind::Closed, "{error}"),
        CallError::App(refusal) => {
            let closed = matches!(&refusal, Refusal::Unasked { kind, .. } if kind == "closed");
            assert!(closed, "{refusal:?}");
        }
    }
    assert_eq!(stock.note().await, "given up");
    stock.end().await;
}
