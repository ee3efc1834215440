//! What time does.

use polywire_webhook::seal::{Keyring, SealingKey};
use polywire_webhook::server::Server;
use serde_json::json;

use crate::world::{DAY, HOUR, World, at, keyring, orders, post, sender, serving, sqlite, wish};

#[tokio::test]
async fn leases_end_and_what_ended_goes() {
    let world = sqlite().await;
    let id = world
        .subscribe(|body| body["lease_seconds"] = json!(3600))
        .await["id"]
        .clone();
    world.publish(&["1.4.0"], "evt-1").await;
    world.clock.advance(HOUR);
    world.server.tend().await.unwrap();
    world.server.tend().await.unwrap();
    assert_eq!(world.get(&id).await.json["state"], "expired");
    assert_eq!(
        world.notices.codes(),
        ["subscription.activated", "subscription.expired"],
        "told once"
    );
    world.publish(&["1.4.0"], "evt-2").await;
    assert_eq!(world.rendered(&id).await.len(), 1);
    for (method, rest) in [("POST", "/lease"), ("POST", "/pause"), ("POST", "/rotate")] {
        let told = world
            .ask(crate::world::ask(method, &format!("{}{rest}", at(&id))))
            .await;
        assert_eq!(told.refusal().1, "subscription-over");
    }
    world.clock.advance(30 * DAY);
    world.server.tend().await.unwrap();
    assert_eq!(world.get(&id).await.status, 404);
    world.close().await;
}

#[tokio::test]
async fn whoever_never_consents_is_removed() {
    let world = sqlite().await;
    let pending = world
        .ask(post("").body(&wish("http://127.0.0.1:1/")).wait())
        .await
        .json["id"]
        .clone();
    let mut short = wish("http://127.0.0.1:1/");
    short["lease_seconds"] = json!(60);
    let shorter = world.ask(post("").body(&short).wait()).await.json["id"].clone();
    world.clock.advance(HOUR / 2);
    world.server.tend().await.unwrap();
    assert_eq!(world.get(&pending).await.json["state"], "pending");
    assert_eq!(world.get(&shorter).await.status, 404, "its lease is over");
    world.clock.advance(HOUR / 2);
    world.server.tend().await.unwrap();
    assert_eq!(world.get(&pending).await.status, 404);
    assert_eq!(world.notices.codes(), ["subscription.unverified"; 2]);
    world.close().await;
}

#[tokio::test]
async fn minor_releases_are_followed_where_they_are_to_be() {
    let world = sqlite().await;
    let floats = world.subscribe(|_| {}).await["id"].clone();
    let stays = world.subscribe(|body| body["float"] = json!("none")).await["id"].clone();
    let bounded = world
        .subscribe(|body| body["version"] = json!("~1.4"))
        .await["id"]
        .clone();
    world.server.serve(serving(&["1.4.0", "1.5.0", "2.1.0"]));
    world.server.tend().await.unwrap();
    let version = async |id| world.get(id).await.json["version"].clone();
    assert_eq!(version(&floats).await, "1.5.0");
    assert_eq!(version(&stays).await, "1.4.0");
    assert_eq!(version(&bounded).await, "1.4.0");
    // An older replica knows less, and takes nothing back.
    world.server.serve(serving(&["1.4.0"]));
    world.server.tend().await.unwrap();
    assert_eq!(version(&floats).await, "1.5.0");
    world.close().await;
}

#[tokio::test]
async fn keys_are_sealed_anew_by_the_newest_one() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let key = |id: &str, byte: u8| SealingKey::new(id, &[byte; 32]).unwrap();
    let rotated = Keyring::new([key("2027", 9), key("2026", 7)]).unwrap();
    let server = Server::start(world.store.clone(), rotated, sender(), world.options())
        .await
        .unwrap();
    server.serve(orders());
    server.tend().await.unwrap();
    let record = world.record(&id).await;
    assert_eq!(record.terms.keys[0].sealed.by, "2027");
    let newest = Keyring::new([key("2027", 9)]).unwrap();
    newest.signer(&record, crate::world::start()).unwrap();
    server.tend().await.unwrap();
    assert_eq!(
        world.record(&id).await.revision,
        record.revision,
        "nothing is left to do"
    );
    server.close().await;
    world.close().await;
}

#[tokio::test]
async fn it_happens_by_itself() {
    let world = sqlite().await;
    let id = world
        .subscribe(|body| body["lease_seconds"] = json!(60))
        .await["id"]
        .clone();
    world.clock.advance(HOUR);
    let options = polywire_webhook::server::ServerOptions {
        upkeep: std::time::Duration::from_millis(5),
        ..world.options()
    };
    let server = world.again(options).await;
    let ended = async {
        while world.get(&id).await.json["state"] != "expired" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::world::SOON, ended)
        .await
        .expect("in time");
    server.close().await;
    world.close().await;
}

pub(crate) async fn outlives_a_restart(world: &World) {
    let created = world.subscribe(|_| {}).await;
    let (id, told) = (&created["id"], world.get(&created["id"]).await);
    let pending = world
        .ask(post("").body(&wish("http://127.0.0.1:1/")).wait())
        .await
        .json["id"]
        .clone();
    world.close().await;

    let store = world.another_store().await;
    let server = Server::start(store.clone(), keyring(), sender(), world.options());
    let server = server.await.unwrap();
    server.serve(orders());
    let again = crate::world::get(&at(id)).of(&server).await;
    assert_eq!(
        (again.json, again.headers["etag"].clone()),
        (told.json, told.headers["etag"].clone())
    );
    for message in crate::world::copies(&["1.4.0"], "evt-1") {
        server.publisher().publish(message).await.unwrap();
    }
    let known = id.as_str().unwrap().parse().unwrap();
    assert_eq!(store.last_sequence(&known).await.unwrap(), Some(1));
    let change = json!({ "sink": world.sink.url });
    let change = crate::world::patch(&at(&pending))
        .header("if-match", "*")
        .body(&change);
    assert_eq!(change.wait().of(&server).await.json["state"], "active");
    let rotated = post(&format!("{}/rotate", at(id))).wait().of(&server).await;
    assert_eq!(
        rotated.json["keys"][0]["kid"], "k2",
        "its key could be opened: {}",
        rotated.json
    );
    server.close().await;
    store.close().await;
}
