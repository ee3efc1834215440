//! A provider to test, its clock, and short words for what every case does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use polywire_core::{Authenticator, Caller, Error, ErrorKind, Head, Result, Token};
use polywire_webhook::ManualClock;
use polywire_webhook::deliver::{Sender, SenderOptions};
use polywire_webhook::guard::{GuardedConnector, Policy, SystemResolver};
use polywire_webhook::record::{Delivery, Subscription};
use polywire_webhook::seal::{Keyring, SealingKey};
use polywire_webhook::server::{Notice, Notices, Server, ServerOptions};
use polywire_webhook::store::{
    Page, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use crate::asking::*;
use crate::database::Database;
pub(crate) use crate::orders::*;
use crate::sink::Sink;

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where the store is; gone with this value.
pub(crate) enum Place {
    File(TempDir),
    Server(Database),
}

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: ManualClock,
    pub(crate) sink: Sink,
    pub(crate) notices: Arc<Log>,
    pub(crate) place: Place,
}

/// What operators were told.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Vec<Notice>>);

impl Notices for Log {
    fn notice(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice);
    }
}

impl Log {
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|notice| notice.code.code())
            .collect()
    }
}

/// Whoever says a name is that tenant.
#[derive(Debug)]
struct Door;

impl Authenticator for Door {
    fn authenticate(&self, token: Option<&Token>, _: &Head) -> Result<Caller> {
        match token.map(Token::expose) {
            None | Some("bad") => Err(Error::new(
                ErrorKind::Unauthenticated,
                "token signed by none of the known keys",
            )),
            Some("nobody") => Ok(Caller::anonymous()),
            Some(name) => {
                let claims = json!({ "sub": name });
                Ok(Caller::verified(claims.as_object().unwrap().clone()))
            }
        }
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-11-23T06:00:00Z".parse().unwrap()
}

pub(crate) fn keyring() -> Keyring {
    Keyring::new([SealingKey::new("2026", &[7; 32]).unwrap()]).unwrap()
}

pub(crate) fn sender() -> Sender {
    let policy = Policy::default().allow(&["127.0.0.0/8"]).unwrap();
    let guard = GuardedConnector::new(policy, SystemResolver::new(), Duration::from_secs(5));
    Sender::new(guard, SenderOptions::default()).unwrap()
}

impl World {
    pub(crate) fn options(&self) -> ServerOptions {
        options(&self.clock, &self.notices)
    }

    /// The same store served again, as another process would.
    pub(crate) async fn again(&self, options: ServerOptions) -> Server {
        let server = Server::start(self.store.clone(), keyring(), sender(), options)
            .await
            .unwrap();
        server.serve(orders());
        server
    }

    /// The same data opened again, as another process does.
    pub(crate) async fn another_store(&self) -> Arc<dyn Store> {
        match &self.place {
            Place::File(folder) => open_file(folder, &self.clock).await,
            Place::Server(database) => open_database(database, &self.clock).await,
        }
    }

    pub(crate) async fn close(&self) {
        self.server.close().await;
        self.store.close().await;
    }

    pub(crate) async fn ask(&self, request: Ask) -> Told {
        request.of(&self.server).await
    }

    /// A subscription that delivers, as its document.
    pub(crate) async fn subscribe(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut body = wish(&self.sink.url);
        change(&mut body);
        let told = self.ask(post("").body(&body).wait()).await;
        assert_eq!(
            (told.status, &told.json["state"]),
            (201, &json!("active")),
            "{}",
            told.json
        );
        told.json
    }

    pub(crate) async fn record(&self, id: &Value) -> Subscription {
        let id = id.as_str().unwrap().parse().unwrap();
        self.store.subscription(&id).await.unwrap().unwrap()
    }

    pub(crate) async fn get(&self, id: &Value) -> Told {
        self.ask(get(&at(id))).await
    }

    /// Everything that was rendered for a subscription.
    pub(crate) async fn rendered(&self, id: &Value) -> Vec<Delivery> {
        let page = Page {
            subscription: id.as_str().unwrap().parse().unwrap(),
            state: None,
            after: 0,
            limit: Page::MAX,
        };
        self.store.deliveries(&page).await.unwrap()
    }

    /// The messages of which a subscription has a rendering that counts, once for each.
    pub(crate) async fn mains(&self, id: &Value) -> Vec<String> {
        let mut page = Page {
            subscription: id.as_str().unwrap().parse().unwrap(),
            state: None,
            after: 0,
            limit: Page::MAX,
        };
        let mut mains = Vec::new();
        loop {
            let found = self.store.deliveries(&page).await.unwrap();
            let Some(last) = found.last() else {
                return mains;
            };
            page.after = last.sequence;
            let shadow = |(name, _): &(String, String)| name == "contract-shadow";
            let main = found
                .into_iter()
                .filter(|one| !one.headers.iter().any(shadow));
            mains.extend(main.map(|one| one.message_id));
        }
    }

    /// Publishes an event as the core's publisher does: once for each version, under one id.
    pub(crate) async fn publish(&self, versions: &[&'static str], id: &str) {
        for message in copies(versions, id) {
            self.server.publisher().publish(message).await.unwrap();
        }
    }
}

fn options(clock: &ManualClock, notices: &Arc<Log>) -> ServerOptions {
    ServerOptions {
        authenticator: Some(Arc::new(Door)),
        origin: "events.acme.example".to_owned(),
        consent_retries: vec![Duration::from_millis(1); 2],
        consent_pause: Duration::from_millis(1),
        consent_deadline: Duration::from_secs(10),
        // Those that matter to a case are made to happen.
        poll: Duration::from_millis(20),
        upkeep: HOUR,
        notices: notices.clone(),
        clock: Arc::new(clock.clone()),
        ..ServerOptions::default()
    }
}

async fn world(store: Arc<dyn Store>, clock: ManualClock, place: Place) -> World {
    let notices = Arc::new(Log::default());
    let options = options(&clock, &notices);
    let server = Server::start(store.clone(), keyring(), sender(), options)
        .await
        .unwrap();
    server.serve(orders());
    World {
        server,
        store,
        clock,
        sink: Sink::polite().await,
        notices,
        place,
    }
}

async fn open_file(folder: &TempDir, clock: &ManualClock) -> Arc<dyn Store> {
    let options = SqliteOptions::new(folder.path().join("webhooks.db")).clock(clock.clone());
    Arc::new(SqliteStore::open(options).await.unwrap())
}

async fn open_database(database: &Database, clock: &ManualClock) -> Arc<dyn Store> {
    let options = PostgresOptions::new(&database.url).clock(clock.clone());
    Arc::new(PostgresStore::open(options).await.unwrap())
}

pub(crate) async fn sqlite() -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(start());
    let store = open_file(&folder, &clock).await;
    world(store, clock, Place::File(folder)).await
}

pub(crate) async fn postgres() -> World {
    let database = Database::make().await;
    let clock = ManualClock::at(start());
    let store = open_database(&database, &clock).await;
    world(store, clock, Place::Server(database)).await
}

/// The `webhook-id`s of deliveries.
pub(crate) fn names(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries
        .iter()
        .map(|delivery| delivery.webhook_id.as_str())
        .collect()
}
