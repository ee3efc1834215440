//! `contract.json`, against the one that is committed.

use std::path::Path;

use polywire_core::ContractClient;
use polywire_core::contract::Contract;
use serde_json::{Value, json};

use crate::orders::OrdersClient;

const COMMITTED: &str = include_str!("orders-1.4.0.json");

#[test]
fn the_document_is_the_committed_one() {
    let text = OrdersClient::contract().unwrap().to_json_pretty();
    // A deliberate change of the contract is written with POLYWIRE_WRITE=1 and reviewed like code.
    if std::env::var_os("POLYWIRE_WRITE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/orders-1.4.0.json");
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, COMMITTED);
    assert_eq!(
        Contract::from_json(COMMITTED).unwrap().digest(),
        OrdersClient::contract().unwrap().digest()
    );
}

fn committed() -> Value {
    serde_json::from_str(COMMITTED).unwrap()
}

fn interaction(name: &str) -> Value {
    let document = committed();
    let all = document["interactions"].as_array().unwrap();
    all.iter()
        .find(|interaction| interaction["name"] == name)
        .unwrap()
        .clone()
}

#[test]
fn interactions_carry_what_was_declared() {
    let quote = interaction("quote");
    assert_eq!(
        (&quote["kind"], &quote["idempotent"]),
        (&json!("operation"), &json!(true))
    );
    assert_eq!(quote["description"], "What an order would cost.");
    assert_eq!(interaction("price")["deprecated"], "use quote");
    assert_eq!(interaction("ping")["since"], "1.3.0");
    assert_eq!(interaction("cancel")["kind"], "command");
    assert_eq!(interaction("shipped")["kind"], "event");
    assert_eq!(committed()["description"], "Orders of a shop.");
}

#[test]
fn requests_are_what_is_read_and_replies_what_is_written() {
    let defs = &committed()["$defs"];
    // A reader does without the voucher, a writer always writes what it has.
    assert_eq!(defs["QuoteRequest"]["required"], json!(["quantity", "sku"]));
    assert_eq!(defs["Quote"]["required"], json!(["cents", "shipping"]));
    assert_eq!(
        interaction("quote")["request"],
        json!({"$ref": "#/$defs/QuoteRequest"})
    );
    assert_eq!(
        interaction("quote")["reply"],
        json!({"$ref": "#/$defs/Quote"})
    );
}

#[test]
fn integers_have_their_bounds() {
    let defs = &committed()["$defs"];
    let quantity = &defs["QuoteRequest"]["properties"]["quantity"];
    assert_eq!(
        (&quantity["minimum"], &quantity["maximum"]),
        (&json!(0), &json!(u32::MAX))
    );
    let cents = &defs["Quote"]["properties"]["cents"];
    assert_eq!(
        (&cents["minimum"], &cents["maximum"]),
        (&json!(i64::MIN), &json!(i64::MAX))
    );
}

#[test]
fn enums_with_a_fallback_are_open() {
    let defs = &committed()["$defs"];
    assert_eq!(defs["Shipping"]["x-open"], true);
    assert_eq!(defs["OrdersError"]["x-open"], true);
    assert_eq!(defs["Size"].get("x-open"), None);
}

#[test]
fn errors_are_listed_and_infallible_is_none() {
    let quote = interaction("quote");
    let codes = quote["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["code"].clone());
    assert_eq!(
        codes.collect::<Vec<_>>(),
        ["busy", "closed", "no_article", "unknown"]
    );
    assert_eq!(quote["error"], json!({"$ref": "#/$defs/OrdersError"}));
    let ping = interaction("ping");
    assert_eq!((ping.get("errors"), ping.get("error")), (None, None));
}
