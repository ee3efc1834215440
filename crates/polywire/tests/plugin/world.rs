//! A repository with the plugin, consumers of it, and the service that it talks to.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use polywire::config::Environment;
use polywire::core::contract::Name;
use polywire::plugin::format::{Platform, PluginName};
use polywire::plugin::publish::{Deploy, Pack, Publisher, describe, pack};
use polywire::plugin::trust::SigningKey;
use polywire::{Context, Polywire, Versions};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio::time::{interval, timeout};

use super::contract::{self, OrdersClient, Pens, Refusal, StockPublisher, StockServer};

/// How long one thing may take, on a machine that does others as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: &str, waited: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, waited).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Looks again and again at something that tells nobody when it changes.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut look = interval(Duration::from_millis(20));
    soon(what, async {
        while !holds() {
            look.tick().await;
        }
    })
    .await;
}

/// A runtime that nothing but a text configures.
fn wire(text: &str) -> Polywire {
    let builder = Polywire::builder().config_text("polywire.toml", text);
    builder.environment(Environment::default()).build().unwrap()
}

/// A repository in which the plugin is deployed.
pub(crate) struct World {
    folder: TempDir,
    key: String,
}

/// The plugin, which cargo builds with these tests.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(2).unwrap();
    let library = target.join("examples/libcalling_orders.so");
    assert!(
        library.is_file(),
        "{} is missing: cargo build -p polywire --all-features --examples makes it",
        library.display()
    );
    library
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key = SigningKey::generate(None).unwrap();
        let repository = folder.path().join("repository");
        let publisher =
            Publisher::create(&repository, SigningKey::open(&key.secret, None).unwrap()).unwrap();
        // One of its own, as describing it loads it.
        let own = folder.path().join("liborders.so");
        std::fs::copy(library(), &own).unwrap();
        let described = describe(&own, |_, _| {}).unwrap();
        let libraries = vec![(Platform::here(), own)];
        let packed = folder.path().join("packed");
        pack(&Pack::described(&described, libraries).unwrap(), &packed).unwrap();
        let release = publisher.publish(&packed).unwrap().release;
        let deploy = Deploy {
            release,
            majors: [].into(),
            expected_seq: None,
        };
        let plugin: PluginName = "orders".parse().unwrap();
        publisher.deploy(&plugin, &deploy).unwrap();
        Self {
            folder,
            key: key.public.lines().last().unwrap().to_owned(),
        }
    }

    /// A process that has the plugin, and one more channel.
    pub(crate) fn consumer(&self, channel: &str, config: &str) -> Polywire {
        let folder = self.folder.path().display();
        wire(&format!(
            "[channel.orders]\ntransport = \"plugin\"\ntimeout = \"60s\"\n\
             [channel.{channel}]\ntimeout = \"60s\"\n{config}\
             [transport.plugin]\nrepository = \"{folder}/repository\"\nkeys = [\"{}\"]\nstate = \"{folder}/state\"\n",
            self.key
        ))
    }
}

/// The client of the plugin.
pub(crate) async fn orders(wire: &Polywire) -> OrdersClient {
    wire.connect("orders").await.unwrap()
}

/// The service that the plugin talks to.
pub(crate) struct Stock {
    wire: Polywire,
    events: StockPublisher,
    url: Option<String>,
    noted: mpsc::UnboundedReceiver<String>,
    gate: Arc<Notify>,
}

struct Shelf {
    notes: mpsc::UnboundedSender<String>,
    gate: Arc<Notify>,
}

/// Notes that a handler was dropped before its end.
struct Waiting(Option<mpsc::UnboundedSender<String>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(notes) = self.0.take() {
            let _ = notes.send("given up".to_owned());
        }
    }
}

impl contract::Stock for Shelf {
    async fn left(&self, _: &Context, request: Pens) -> Result<Pens, Refusal> {
        match request.pens {
            pens @ 0..=99 => Ok(Pens { pens: pens * 2 }),
            _ => Err(Refusal::SoldOut { left: 7 }),
        }
    }

    async fn wait(&self, _: &Context) -> Result<Pens, Infallible> {
        let mut waiting = Waiting(Some(self.notes.clone()));
        let _ = self.notes.send("waiting".to_owned());
        self.gate.notified().await;
        waiting.0 = None;
        Ok(Pens { pens: 1 })
    }

    async fn order(&self, _: &Context, request: Pens) -> Result<(), Infallible> {
        let _ = self.notes.send(format!("ordered {}", request.pens));
        Ok(())
    }
}

impl Stock {
    /// One behind a port of its own.
    pub(crate) async fn http() -> Self {
        let listens =
            "[channel.stock]\ntransport = \"http\"\n[transport.http]\nlisten = \"127.0.0.1:0\"\n";
        let mut stock = Self::within(&wire(listens)).await;
        let channel = stock.wire.channel("stock").await.unwrap();
        stock.url = channel.address().await;
        stock
    }

    /// One that a process serves.
    pub(crate) async fn within(wire: &Polywire) -> Self {
        let (notes, noted) = mpsc::unbounded_channel();
        let gate = Arc::new(Notify::new());
        let shelf = Shelf {
            notes,
            gate: gate.clone(),
        };
        let versions = Versions::new().serve(StockServer::new(shelf));
        let provided = wire.provide("stock", versions).await.unwrap();
        assert_eq!(*provided.service().name(), Name::from_static("stock"));
        Self {
            wire: wire.clone(),
            events: provided.publisher().unwrap(),
            url: None,
            noted,
            gate,
        }
    }

    /// What its consumers configure, and `more` in the table of their channel.
    pub(crate) fn config(&self, more: &str) -> String {
        let url = self.url.as_deref().unwrap();
        format!("transport = \"http\"\n{more}[transport.http]\nurl = \"{url}\"\n")
    }

    /// What it notes next.
    pub(crate) async fn note(&mut self) -> String {
        soon("a note of the stock", self.noted.recv())
            .await
            .unwrap()
    }

    /// Tells that so many pens are left.
    pub(crate) async fn change(&self, pens: u32) {
        let told = Pens { pens };
        soon("an event", self.events.changed(&told)).await.unwrap();
    }

    /// Answers one who waits.
    pub(crate) fn let_go(&self) {
        self.gate.notify_one();
    }

    pub(crate) async fn end(self) {
        soon("the end of the stock", self.wire.close())
            .await
            .unwrap();
    }
}
