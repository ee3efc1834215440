//! New keys.

use polywire_webhook::signature::{SignatureHeaders, Verifier, VerifyingKey};
use serde_json::json;

use crate::sink::{Echo, Manners};
use crate::world::{DAY, HOUR, at, keyring, post, sqlite, start};

#[tokio::test]
async fn both_keys_sign_until_the_older_one_retires() {
    let world = sqlite().await;
    let created = world.subscribe(|_| {}).await;
    let id = &created["id"];
    let rotate = |body: serde_json::Value| post(&format!("{}/rotate", at(id))).body(&body).wait();
    let told = world.ask(rotate(json!({ "overlap_seconds": 3600 }))).await;
    assert_eq!(told.status, 200, "{}", told.json);
    assert!(told.json["proposed"].is_null(), "{}", told.json);
    let [new, old] = &told.json["keys"].as_array().unwrap()[..] else {
        panic!("two keys")
    };
    assert_eq!((&new["kid"], &old["kid"]), (&json!("k2"), &json!("k1")));
    assert!(old["secret"].is_null(), "only the new one is shown");
    assert_eq!(old["retires_at"], "2026-11-23T07:00:00Z");

    let read = |text: &serde_json::Value| text.as_str().unwrap().parse::<VerifyingKey>().unwrap();
    let keys = [read(&new["secret"]), read(&created["keys"][0]["secret"])];
    let challenge = world.sink.until(4).await.remove(3);
    let headers = SignatureHeaders::of(&challenge.headers).unwrap();
    for key in keys.clone() {
        let verifier = Verifier::new([key]).unwrap();
        verifier.verify(&headers, &challenge.body, start()).unwrap();
    }
    let record = world.record(id).await;
    let takes = |at| {
        let signed = keyring()
            .signer(&record, at)
            .unwrap()
            .sign("m", at, b"body")
            .unwrap();
        let verifies = |key: &VerifyingKey| {
            let headers =
                SignatureHeaders::new(&signed.id, &signed.timestamp, &signed.signature).unwrap();
            Verifier::new([key.clone()])
                .unwrap()
                .verify(&headers, b"body", at)
                .is_ok()
        };
        keys.each_ref().map(verifies)
    };
    assert_eq!(takes(start()), [true, true]);
    assert_eq!(takes(start() + HOUR), [true, false]);
    let shown = world.get(id).await.json.to_string();
    assert!(!shown.contains("whsec_"));

    world.clock.advance(HOUR);
    world.server.tend().await.unwrap();
    let keys = &world.get(id).await.json["keys"];
    assert_eq!(
        keys.as_array().unwrap().len(),
        1,
        "the retired one is dropped: {keys}"
    );
    let told = world.ask(rotate(json!({ "sign": "v1a" }))).await;
    let key = &told.json["keys"][0];
    assert_eq!(
        (&key["kid"], &key["algorithm"]),
        (&json!("k3"), &json!("v1a"))
    );
    assert!(key["public"].as_str().unwrap().starts_with("whpk_") && key["secret"].is_null());
    let retires = told.json["keys"][1]["retires_at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>();
    assert_eq!(retires.unwrap(), start() + HOUR + DAY);
    let told = world
        .ask(rotate(json!({ "overlap_seconds": 700_000 })))
        .await;
    assert_eq!(
        told.refusal(),
        (
            422,
            "overlap-refused",
            "an overlap of 700000 seconds: expected 0 to 604800"
        )
    );
    world.close().await;
}

#[tokio::test]
async fn the_old_key_signs_alone_until_the_sink_takes_the_new_one() {
    let world = sqlite().await;
    let created = world.subscribe(|_| {}).await;
    let id = &created["id"];
    world.sink.behave(Manners {
        echo: Echo::Wrong,
        ..Manners::default()
    });
    let told = world.ask(post(&format!("{}/rotate", at(id))).wait()).await;
    assert_eq!(told.json["keys"].as_array().unwrap().len(), 1);
    let proposed = &told.json["proposed"]["key"];
    assert!(
        proposed["secret"].as_str().unwrap().starts_with("whsec_"),
        "it is shown now"
    );
    assert!(
        world.get(id).await.json["proposed"]["key"]["secret"].is_null(),
        "and never again"
    );
    world.sink.behave(Manners::default());
    let told = world.ask(post(&format!("{}/verify", at(id))).wait()).await;
    assert_eq!(told.json["keys"][0]["kid"], "k2");

    // What nobody consents to is dropped in the end.
    world.sink.behave(Manners {
        origin: None,
        ..Manners::default()
    });
    let told = world.ask(post(&format!("{}/rotate", at(id))).wait()).await;
    assert_eq!(told.json["proposed"]["key"]["kid"], "k3");
    world.clock.advance(HOUR);
    world.server.tend().await.unwrap();
    let shown = world.get(id).await.json;
    assert!(
        shown["proposed"].is_null() && shown["keys"][0]["kid"] == "k2",
        "{shown}"
    );
    world.close().await;
}
