use std::sync::Arc;

use polywire::config::Environment;
use polywire::core::Head;
use polywire::prelude::*;
use polywire::{Authenticator, Caller, Result, Token};

use crate::orders::{OrdersClient, OrdersServer, Shop, on_hub, order};

const SECRET: &str = "a secret of thirty-two bytes or more";
// {"alg":"HS256"} . {"sub":"storefront","aud":"shop","exp":4102444800}, signed with SECRET.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzdG9yZWZyb250IiwiYXVkIjoic2hvcCIsImV4cCI6NDEwMjQ0NDgwMH0.xiY2cTUqMhxGxjyNs8F08NRkF4bFBkaOTHAeI5NNpIQ";

fn secured(hub: &str, auth: &str) -> Polywire {
    let text = format!(
        "[service]\nname = \"shop\"\n{auth}\n[channel.orders]\nretries = 0\n[transport.memory]\nhub = \"{hub}\"\n"
    );
    let environment = Environment::new().with("SHOP_SECRET", SECRET);
    let builder = Polywire::builder()
        .config_text("polywire.toml", text)
        .environment(environment);
    builder.build().unwrap_or_else(|error| panic!("{error:?}"))
}

async fn quote(hub: &str, token: Option<&str>) -> (Option<ErrorKind>, String) {
    let client: OrdersClient = on_hub(hub, "retries = 0").connect("orders").await.unwrap();
    let options = token.map_or_else(CallOptions::new, |token| {
        CallOptions::new().token(Token::new(token))
    });
    match client.with(options).quote(order("lamp")).await {
        Ok(_) => (None, String::new()),
        Err(error) => (error.wire().map(Error::kind), error.to_string()),
    }
}

#[tokio::test]
async fn only_callers_with_a_token_reach_the_handler() {
    let wire = secured(
        "jwt",
        "[service.auth]\nalgorithms = [\"HS256\"]\nsecret = \"${SHOP_SECRET}\"",
    );
    let shop = Shop::open();
    wire.provide("orders", OrdersServer::new(shop.clone()))
        .await
        .unwrap();
    let (kind, text) = quote("jwt", None).await;
    assert_eq!(kind, Some(ErrorKind::Unauthenticated));
    assert_eq!(
        text,
        "call orders.quote: no token: this service takes signed tokens only, send one as a bearer token"
    );
    let (kind, text) = quote("jwt", Some("a.b.c")).await;
    assert_eq!(kind, Some(ErrorKind::Unauthenticated), "{text}");
    assert_eq!(shop.finished(), 0);
    let (kind, text) = quote("jwt", Some(TOKEN)).await;
    assert_eq!(kind, None, "{text}");
    assert_eq!(shop.finished(), 1);
}

#[derive(Debug)]
struct Bouncer;

impl Authenticator for Bouncer {
    fn authenticate(&self, token: Option<&Token>, _: &Head) -> Result<Caller> {
        match token.map(Token::expose) {
            Some("friend") => Ok(Caller::anonymous()),
            _ => Err(Error::new(ErrorKind::Unauthenticated, "say friend")),
        }
    }
}

#[tokio::test]
async fn a_program_may_bring_its_own_authenticator() {
    let text = "[channel.orders]\n[transport.memory]\nhub = \"bouncer\"\n";
    let builder = Polywire::builder()
        .config_text("polywire.toml", text)
        .environment(Environment::new());
    let wire = builder.authenticator(Arc::new(Bouncer)).build().unwrap();
    wire.provide("orders", OrdersServer::new(Shop::open()))
        .await
        .unwrap();
    assert_eq!(
        quote("bouncer", Some("foe")).await.1,
        "call orders.quote: say friend"
    );
    assert_eq!(quote("bouncer", Some("friend")).await.0, None);
}

fn mistakes(auth: &str) -> Vec<String> {
    let text = format!("[service.auth]\n{auth}\n");
    let report = Polywire::builder()
        .config_text("polywire.toml", text)
        .environment(Environment::new())
        .check();
    report.mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn mistakes_name_the_key() {
    assert_eq!(
        mistakes("secret = \"short\""),
        [
            "polywire.toml:1:1: missing key \"algorithms\" in [service.auth]: expected a string or an array of strings",
            "polywire.toml:2:10: secret of 5 bytes: HS256 needs at least 32 (RFC 7518 section 3.2)",
        ]
    );
    assert_eq!(
        mistakes("algorithms = [\"HS265\", \"none\"]"),
        [
            "polywire.toml:2:14: unknown algorithm \"HS265\": did you mean \"HS256\"? valid: HS256, RS256, ES256, EdDSA",
            "polywire.toml:2:14: unknown algorithm \"none\": valid: HS256, RS256, ES256, EdDSA",
        ]
    );
    assert_eq!(
        mistakes("algorithms = \"RS256\""),
        [
            "polywire.toml:2:14: algorithm RS256 has no key: give a public key for it or leave it out"
        ]
    );
    let lines = mistakes("algorithms = \"RS256\"\npublic_keys = \"nowhere.pem\"");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("polywire.toml:3:15: nowhere.pem: cannot be read: "),
        "{lines:?}"
    );
}

#[test]
fn a_secret_is_never_printed() {
    let report = Polywire::builder()
        .config_text(
            "polywire.toml",
            format!("[service.auth]\nalgorithms = \"ES256\"\nsecret = \"{SECRET}\"\n"),
        )
        .environment(Environment::new())
        .check();
    let printed = format!("{report:?} {}", serde_json::to_string(&report).unwrap());
    assert!(!report.is_good());
    assert!(!printed.contains(SECRET), "{printed}");
}
