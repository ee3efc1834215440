//! They call, send, publish and consume over RabbitMQ as `docs/interop/amqp.md` says.

use std::process::Command;

use polywire::Polywire;
use polywire::core::MessageId;
use polywire_test_broker::output;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use xtask::demo::Role;
use xtask::interop::{self, Peer, Spoken};

use crate::shop::{OrdersClient, OrdersPublisher, OrdersServer, Provider, Shipped};
use crate::{SOON, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_speaks_to_us_without_our_library() {
    speaks(interop::python).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_speaks_to_us_without_our_library() {
    speaks(interop::node).await;
}

/// A peer on a broker, where it shares nothing with any other test.
struct Stage {
    peer: Peer,
    url: String,
    namespace: String,
}

impl Stage {
    fn wire(&self) -> Polywire {
        let Self { url, namespace, .. } = self;
        let text = format!(
            "[channel.orders]\nrequire = \"^1.2\"\ntransport = \"amqp\"\n\
             [transport.amqp]\nurl = \"{url}\"\nnamespace = \"{namespace}\"\nexpire_unused = \"60s\"\n"
        );
        let builder = Polywire::builder().config_text("interop.toml", text);
        builder.build().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.peer.command();
        command.args(arguments).env("AMQP_URL", &self.url);
        command.env("PREFIX", format!("{}.", self.namespace));
        command
    }

    /// What the program prints.
    async fn run(&self, arguments: &[&str]) -> Value {
        let command = self.command(arguments);
        let output = spawn_blocking(move || output(command, SOON).unwrap());
        let output = output.await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        serde_json::from_str(&text).unwrap()
    }
}

async fn speaks(peer: fn(Spoken) -> xtask::Result<Peer>) {
    let url = std::env::var("POLYWIRE_TEST_AMQP_URL").expect(
        "POLYWIRE_TEST_AMQP_URL is not set: run `cargo xtask test`, or `cargo xtask broker up` and export what it says",
    );
    let stage = Stage {
        peer: spawn_blocking(move || peer(Spoken::Amqp).unwrap())
            .await
            .unwrap(),
        url,
        namespace: format!("interop-{}", MessageId::random()),
    };
    let wire = stage.wire();
    let (provider, mut cancelled) = Provider::new();
    let provided = soon(wire.provide("orders", OrdersServer::new(provider))).await;
    let provided = provided.unwrap();
    let orders: OrdersClient = wire.connect("orders").await.unwrap();
    let mut billing = soon(orders.shipped("billing")).await.unwrap();

    let quote = stage.run(&["call", "lamp"]).await;
    let expected =
        json!({"content_type": "application/json", "version": "1.4.0", "body": {"cents": 2500}});
    assert_eq!(quote, expected);
    let refused = stage.run(&["call", "moon"]).await;
    assert_eq!(refused["content_type"], "application/problem+json");
    assert_eq!(refused["body"]["type"], "urn:polywire:problem:application");
    assert_eq!(refused["body"]["code"], "unknown_item");
    let newer = stage.run(&["call", "lamp", "^2.0", "v2.0"]).await;
    assert_eq!(newer, json!({"error": "nobody provides orders at ^2.0"}));
    // The broker hands a request to the queue that it names; that this is not its requirement, the provider finds.
    let wrong = stage.run(&["call", "lamp", "^2.0", "v1.2"]).await;
    assert_eq!(wrong["body"]["type"], "urn:polywire:problem:no-match");
    assert_eq!(wrong["body"]["offered"][0]["version"], "1.4.0");

    let sent = stage.run(&["send", "A-7"]).await;
    let (id, order) = soon(cancelled.recv()).await.unwrap();
    assert_eq!((json!(id), order.as_str()), (sent["id"].clone(), "A-7"));

    let published = stage.run(&["publish", "B-8"]).await;
    let delivery = soon(billing.next()).await.unwrap();
    assert_eq!(delivery.event.order, "B-8");
    assert_eq!(json!(delivery.head().id.to_string()), published["id"]);
    soon(delivery.ack()).await.unwrap();

    let command = stage.command(&["consume"]);
    let language = stage.peer.language;
    let consumer = spawn_blocking(move || {
        let consumer = Role::start(language, command).unwrap();
        consumer.line("ready", SOON).unwrap();
        consumer
    });
    let consumer = consumer.await.unwrap();
    let publisher: OrdersPublisher = provided.publisher().unwrap();
    let event = Shipped {
        order: "C-9".to_owned(),
    };
    let receipt = soon(publisher.shipped(&event)).await.unwrap();
    let consumed = spawn_blocking(move || {
        let line = consumer.line("{", SOON).unwrap();
        assert!(consumer.finish(SOON).unwrap().success());
        line
    });
    let consumed: Value = serde_json::from_str(&format!("{{{}", consumed.await.unwrap())).unwrap();
    assert_eq!(consumed["body"], json!({"order": "C-9"}));
    let event = &consumed["event"];
    assert_eq!(event["cloudEvents_specversion"], "1.0");
    assert_eq!(event["cloudEvents_type"], "orders.v1.shipped");
    assert_eq!(event["cloudEvents_source"], "/orders");
    assert_eq!(event["cloudEvents_id"], json!(receipt.id.to_string()));
    soon(wire.run_until(std::future::ready(()))).await.unwrap();
}
