//! What happens to subscriptions, published to their tenants as events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use polywire_core::contract::{Name, Requirement};
use polywire_core::{
    Authenticator, Caller, Channel, Deliveries, Error, ErrorKind, Head, Publisher, Result, Service,
    Subscription, Token, Transport,
};
use polywire_http::{HttpConfig, HttpTransport};
use polywire_webhook::WebhookTransport;
use polywire_webhook::record::SubscriptionId;
use polywire_webhook::schedule::Standing;
use polywire_webhook::store::{Page, SqliteOptions, SqliteStore, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use super::sink::{Manners, Sink};
use super::{ORDERS, Orders, SHIPPED, SOON, config, contract};

const WEBHOOKS: Name = Name::from_static("polywire.webhooks");
const DISABLED: Name = Name::from_static("endpoint_disabled");

/// Whoever names a tenant is of it.
#[derive(Debug)]
pub(super) struct Door;

impl Authenticator for Door {
    fn authenticate(&self, token: Option<&Token>, _: &Head) -> Result<Caller> {
        let Some(token) = token else {
            return Err(Error::new(ErrorKind::Unauthenticated, "no token"));
        };
        let claims = json!({ "sub": token.expose() });
        Ok(Caller::verified(claims.as_object().unwrap().clone()))
    }
}

struct World {
    transport: WebhookTransport,
    channel: Arc<dyn Channel>,
    publisher: Publisher,
    /// The provider's own store, beside it.
    kept: SqliteStore,
    sink: Sink,
    _folder: TempDir,
}

impl World {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let transport = WebhookTransport::new(config(&folder), Some(Arc::new(Door)), true).unwrap();
        let channel = transport.channel("orders").await.unwrap();
        let service = Service::new(Orders(contract())).unwrap();
        let service = Arc::new(service.with_authenticator(Arc::new(Door)));
        channel.serve(service.clone()).await.unwrap();
        let kept = SqliteOptions::new(folder.path().join("outbox.db")).existing();
        Self {
            publisher: Publisher::new(channel.clone(), &service, &contract(), SOON).unwrap(),
            kept: SqliteStore::open(kept).await.unwrap(),
            sink: Sink::start(polite()).await,
            transport,
            channel,
            _folder: folder,
        }
    }

    async fn url(&self) -> String {
        format!("http://{}", self.transport.local_address().await.unwrap())
    }

    async fn http(&self) -> HttpTransport {
        let http = HttpConfig {
            urls: vec![self.url().await.parse().unwrap()],
            ..HttpConfig::default()
        };
        HttpTransport::new(http, true).unwrap()
    }

    async fn ask(&self, tenant: &str, method: Method, path: &str, body: Value) -> Value {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", "wait=20".parse().unwrap());
        let token = format!("Bearer {tenant}").parse().unwrap();
        headers.insert("authorization", token);
        let http = self.http().await;
        let path = format!("/webhooks/subscriptions{path}");
        let answer = http.request(method, &path, headers, Bytes::from(body.to_string()), false);
        let answer = timeout(SOON, answer).await.unwrap().unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// A subscription of the sink to an event, from a time on where there is one.
    async fn subscribe(
        &self,
        tenant: &str,
        (contract, event): (&Name, &Name),
        since: Option<Timestamp>,
    ) -> SubscriptionId {
        self.sink.behave(polite());
        let mut asked = json!({
            "contract": contract.as_str(), "version": "^1.0", "events": [event.as_str()], "sink": self.sink.url,
        });
        if let Some(since) = since {
            asked["since"] = since.to_string().into();
        }
        let made = self.ask(tenant, Method::POST, "", asked).await;
        assert_eq!(made["state"], "active", "{made}");
        made["id"].as_str().unwrap().parse().unwrap()
    }

    /// A subscription of the sink, which has failed for longer than it may: one more failure disables it.
    async fn about_to_fail(&self, tenant: &str, contract: &Name, event: &Name) -> String {
        let id = self.subscribe(tenant, (contract, event), None).await;
        let long_ago = Timestamp::now() - SignedDuration::from_hours(24 * 30);
        let standing = Standing {
            failing_since: Some(long_ago),
            ..Standing::default()
        };
        assert!(self.kept.stand(&id, &standing).await.unwrap());
        self.sink.behave(Manners {
            post: 500,
            ..polite()
        });
        id.to_string()
    }

    /// The subscriptions that the deliveries of one of them are about, in their order.
    async fn about(&self, id: SubscriptionId) -> Vec<String> {
        let page = Page {
            subscription: id,
            state: None,
            after: 0,
            limit: Page::MAX,
        };
        let deliveries = self.kept.deliveries(&page).await.unwrap();
        let about = deliveries.into_iter().map(|delivery| {
            let event: Value = serde_json::from_slice(&delivery.body.unwrap()).unwrap();
            event["data"]["subscription"].as_str().unwrap().to_owned()
        });
        about.collect()
    }

    async fn ship(&self) {
        let published = self
            .publisher
            .publish_bytes(SHIPPED, Bytes::from_static(b"1"));
        timeout(SOON, published).await.unwrap().unwrap();
    }

    async fn until_disabled(&self, tenant: &str, id: &str) {
        let disabled = async {
            loop {
                let path = format!("/{id}");
                let now = self.ask(tenant, Method::GET, &path, Value::Null).await;
                if now["state"] == "disabled" {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, disabled).await.unwrap();
    }
}

fn polite() -> Manners {
    Manners {
        origin: Some("*"),
        ..Manners::default()
    }
}

/// Somebody of a tenant who hears of its endpoints.
struct Operator {
    _folder: TempDir,
    channel: Arc<dyn Channel>,
    events: Deliveries,
}

impl Operator {
    async fn of(world: &World, tenant: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder);
        config.http.urls = vec![world.url().await.parse().unwrap()];
        config.token = Some(Token::new(tenant));
        let transport = WebhookTransport::new(config, None, false).unwrap();
        let channel = transport.channel("ops").await.unwrap();
        let events = channel.subscribe(Subscription {
            contract: WEBHOOKS,
            event: DISABLED,
            group: Some(Name::from_static("ops")),
            requirement: Requirement::parse_list(WEBHOOKS, "^1.0").unwrap(),
            prefetch: 8,
            token: None,
        });
        let events = timeout(SOON, events).await.unwrap().unwrap();
        Self {
            _folder: folder,
            channel,
            events,
        }
    }

    async fn next(&mut self) -> Value {
        let delivery = timeout(SOON, self.events.next()).await.unwrap().unwrap();
        assert_eq!(delivery.head.interaction, DISABLED);
        let told = serde_json::from_slice(&delivery.body).unwrap();
        delivery.ack().await.unwrap();
        told
    }
}

#[tokio::test]
async fn a_tenant_hears_of_its_own_endpoints_and_never_of_those_that_get_these_events() {
    let world = World::open().await;
    let mut acme = Operator::of(&world, "acme").await;
    let mut globex = Operator::of(&world, "globex").await;

    // Another of acme's endpoints for these events, which fails at the first.
    let deaf = world.about_to_fail("acme", &WEBHOOKS, &DISABLED).await;
    let first = world.about_to_fail("acme", &ORDERS, &SHIPPED).await;
    world.ship().await;
    let told = acme.next().await;
    assert_eq!(told["subscription"], first);
    assert_eq!(told["contract"], "orders");
    assert_eq!(told["reason"], "status 500");
    assert!(
        told["at"].as_str().unwrap().parse::<Timestamp>().is_ok(),
        "{told}"
    );
    world.until_disabled("acme", &deaf).await;

    // The next that each hears of is its own: acme nothing of the deaf one, globex nothing of acme.
    let other = world.about_to_fail("globex", &ORDERS, &SHIPPED).await;
    world.ship().await;
    assert_eq!(globex.next().await["subscription"], other);
    let second = world.about_to_fail("acme", &ORDERS, &SHIPPED).await;
    world.ship().await;
    assert_eq!(acme.next().await["subscription"], second);

    // Whoever asks for what was published earlier gets its own as well, and nothing of the deaf one.
    let hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
    let disabled = (&WEBHOOKS, &DISABLED);
    let late = world.subscribe("acme", disabled, Some(hour_ago)).await;
    assert_eq!(world.about(late).await, [first, second]);
    let late = world.subscribe("globex", disabled, Some(hour_ago)).await;
    assert_eq!(world.about(late).await, [other]);

    world.kept.close().await;
    for channel in [acme.channel, globex.channel, world.channel] {
        channel.close().await.unwrap();
    }
}
