//! They subscribe, verify, parse, call and send over webhooks as `docs/interop/webhook.md` says, with the official packages.

use std::process::Command;
use std::sync::Arc;

use polywire::config::Environment;
use polywire::core::{Authenticator, Head, Token};
use polywire::{Caller, Error, ErrorKind, Polywire, Result};
use polywire_test_broker::output;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;
use xtask::demo::Role;
use xtask::interop::{self, Peer, Spoken};

use crate::shop::{OrdersPublisher, OrdersServer, Provider, Shipped};
use crate::{SOON, soon};

const ORIGIN: &str = "events.shop.example";
const TOKEN: &str = "acme-token";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_packages_of_python_verify_and_parse_deliveries() {
    deliveries(interop::python).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_packages_of_node_verify_and_parse_deliveries() {
    deliveries(interop::node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_packages_of_python_sign_is_verified() {
    requests(interop::python).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_packages_of_node_sign_is_verified() {
    requests(interop::node).await;
}

/// Lets in who has the token.
#[derive(Debug)]
struct Door;

impl Authenticator for Door {
    fn authenticate(&self, token: Option<&Token>, _: &Head) -> Result<Caller> {
        match token.map(Token::expose) {
            Some(TOKEN) => {
                let claims = json!({"sub": "acme"});
                Ok(Caller::verified(claims.as_object().unwrap().clone()))
            }
            _ => Err(Error::new(ErrorKind::Unauthenticated, "no token of ours")),
        }
    }
}

/// A provider, and the program that speaks to it.
struct Stage {
    peer: Peer,
    wire: Polywire,
    publisher: OrdersPublisher,
    cancelled: UnboundedReceiver<(String, String)>,
    url: String,
    _store: TempDir,
}

impl Stage {
    async fn set(peer: fn(Spoken) -> xtask::Result<Peer>) -> Self {
        let peer = spawn_blocking(move || peer(Spoken::Webhook).unwrap());
        let store = tempfile::tempdir().unwrap();
        let text = format!(
            "[channel.orders]\nrequire = \"^1.2\"\ntransport = \"webhook\"\n\
             [transport.webhook]\nlisten = \"127.0.0.1:0\"\nstore = {:?}\norigin = \"{ORIGIN}\"\n\
             [transport.webhook.sinks]\nallow = [\"127.0.0.0/8\"]\n",
            store.path()
        );
        let builder = Polywire::builder().config_text("interop.toml", text);
        let builder = builder.environment(Environment::default());
        let wire = builder.authenticator(Arc::new(Door)).build().unwrap();
        let (provider, cancelled) = Provider::new();
        let provided = soon(wire.provide("orders", OrdersServer::new(provider))).await;
        let provided = provided.unwrap();
        Self {
            peer: peer.await.unwrap(),
            publisher: provided.publisher().unwrap(),
            cancelled,
            url: provided.address().await.unwrap(),
            wire,
            _store: store,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.peer.command();
        command.args(arguments).env("PROVIDER", &self.url);
        command.env("ORIGIN", ORIGIN).env("TOKEN", TOKEN);
        command
    }

    /// What the program prints.
    async fn run(&self, arguments: &[&str]) -> Vec<Value> {
        let command = self.command(arguments);
        let output = spawn_blocking(move || output(command, SOON).unwrap());
        let output = output.await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Publishes an event; its id.
    async fn ship(&self, order: &str) -> Value {
        let event = Shipped {
            order: order.to_owned(),
        };
        let receipt = soon(self.publisher.shipped(&event)).await.unwrap();
        json!(receipt.id.to_string())
    }

    async fn end(self) {
        soon(self.wire.run_until(std::future::ready(())))
            .await
            .unwrap();
    }
}

/// The next line that a program prints, and the program.
async fn line(program: Role) -> (Role, Value) {
    let read = spawn_blocking(move || {
        let line = program.line("{", SOON).unwrap();
        let value = serde_json::from_str(&format!("{{{line}")).unwrap();
        (program, value)
    });
    read.await.unwrap()
}

/// A delivery as the program tells it.
fn delivery(id: &Value, sequence: u32, order: &str, signed: &[&str]) -> Value {
    json!({
        "id": id,
        "type": "orders.v1.shipped",
        "source": "/orders",
        "contractversion": "1.4.0",
        "sequence": sequence.to_string(),
        "data": {"order": order},
        "signed": signed,
    })
}

async fn deliveries(peer: fn(Spoken) -> xtask::Result<Peer>) {
    let stage = Stage::set(peer).await;
    let consumer = Role::start(stage.peer.language, stage.command(&["consume"])).unwrap();
    let (consumer, subscribed) = line(consumer).await;
    assert_eq!(subscribed, json!({"state": "active", "version": "1.4.0"}));
    let id = stage.ship("C-9").await;
    let (consumer, first) = line(consumer).await;
    assert_eq!(first, delivery(&id, 1, "C-9", &["k1"]));
    let (consumer, rotated) = line(consumer).await;
    assert_eq!(rotated, json!({"rotated": ["k1", "k2"]}));
    // The worker knows of a new key once it has read the subscription again.
    let (mut consumer, mut sequence, mut signed) = (consumer, 1, vec!["k1"]);
    while signed.len() < 2 {
        let id = stage.ship("Dø-9").await;
        let (same, next) = line(consumer).await;
        (consumer, sequence) = (same, sequence + 1);
        if next["signed"] != json!(["k1"]) {
            signed.push("k2");
        }
        assert_eq!(next, delivery(&id, sequence, "Dø-9", &signed));
    }
    let (consumer, ended) = line(consumer).await;
    assert_eq!(ended, json!({"ended": 204}));
    let finished = spawn_blocking(move || consumer.finish(SOON).unwrap());
    assert!(finished.await.unwrap().success());

    // One that has another secret refuses the challenge, and gets nothing.
    let told = stage.run(&["consume", "wrong"]).await;
    let refused = json!({"refused": "No matching signature found"});
    let pending = json!({"state": "pending", "reason": "challenge-refused"});
    assert_eq!(
        (told.first(), told.last()),
        (Some(&refused), Some(&pending))
    );
    stage.end().await;
}

async fn requests(peer: fn(Spoken) -> xtask::Result<Peer>) {
    let mut stage = Stage::set(peer).await;
    let quote = stage.run(&["call", "lamp"]).await;
    let expected = json!({
        "taken": "1.4.0",
        "version": "1.4.0",
        "media": "application/json",
        "data": {"cents": 2500},
    });
    assert_eq!(quote, [expected]);
    let refused = &stage.run(&["call", "moon"]).await[0];
    assert_eq!(refused["media"], "application/problem+json");
    assert_eq!(refused["data"]["type"], "urn:polywire:problem:application");
    assert_eq!(refused["data"]["code"], "unknown_item");
    let newer = stage.run(&["call", "lamp", "^2.0"]).await;
    let expected =
        json!({"status": 406, "problem": "urn:polywire:problem:no-match", "caller": null});
    assert_eq!(newer, [expected]);
    let forged = stage.run(&["call", "lamp", "^1.2", "wrong"]).await;
    let expected = json!({
        "status": 401,
        "problem": "urn:polywire:problem:unauthenticated",
        "caller": "unknown",
    });
    assert_eq!(forged, [expected]);

    let sent = &stage.run(&["send", "A-7"]).await[0];
    assert_eq!(sent["status"], 202);
    let (id, order) = soon(stage.cancelled.recv()).await.unwrap();
    assert_eq!((json!(id), order.as_str()), (sent["id"].clone(), "A-7"));
    stage.end().await;
}
