//! What the digest covers.

use polywire_contract::{Contract, ContractError};
use serde_json::{Value, json};

use crate::orders::{Edit, document, info, orders};

fn digest_of(mut document: Value) -> String {
    document.as_object_mut().unwrap().remove("digest");
    Contract::from_json(&document.to_string())
        .unwrap()
        .digest()
        .to_string()
}

#[test]
fn annotations_do_not_change_the_digest() {
    let before = orders().digest().to_string();
    let mut document = document();
    document["description"] = json!("reworded");
    document["interactions"][0]["deprecated"] = json!(true);
    document["interactions"][0]["description"] = json!("reworded");
    document["interactions"][1]["errors"][1]["description"] = json!("reworded");
    let quote = &mut document["$defs"]["QuoteRequest"];
    quote["title"] = json!("Quote request");
    quote["description"] = json!("reworded");
    quote["examples"] = json!([{ "sku": "x" }]);
    quote["properties"]["sku"]["$comment"] = json!("reworded");
    quote["properties"]["title"]["description"] = json!("reworded");
    quote["properties"]["title"]["title"] = json!("Title");
    assert_eq!(digest_of(document), before);
}

#[test]
fn content_changes_the_digest() {
    let before = orders().digest().to_string();
    let edits: [(&str, Edit); 9] = [
        ("a property named title", |d| {
            drop(
                d["$defs"]["QuoteRequest"]["properties"]
                    .as_object_mut()
                    .unwrap()
                    .remove("title"),
            );
        }),
        ("a property named description", |d| {
            d["$defs"]["Quote"]["properties"]["description"] = json!({ "type": "string" });
        }),
        ("a definition named title", |d| {
            d["$defs"]["title"] = json!({ "type": "string" });
        }),
        ("data that looks like an annotation", |d| {
            d["$defs"]["Quote"]["properties"]["total"]["default"] = json!({ "title": 1 });
        }),
        ("a bound", |d| {
            d["$defs"]["Address"]["properties"]["zone"]["maximum"] = json!(5);
        }),
        ("an open mark", |d| {
            d["$defs"]["Priority"]["x-open"] = json!(false);
        }),
        ("idempotence", |d| {
            d["interactions"][0]["idempotent"] = json!(true);
        }),
        ("an error code", |d| {
            d["interactions"][1]["errors"][0]["code"] = json!("Shut");
        }),
        ("the version", |d| d["version"] = json!("1.4.1")),
    ];
    for (what, edit) in edits {
        let mut document = document();
        edit(&mut document);
        assert_ne!(digest_of(document.clone()), before, "{what}");
        let error = Contract::from_json(&document.to_string()).unwrap_err();
        assert!(
            matches!(&error, ContractError::Digest { stated, .. } if stated.to_string() == before),
            "{what}: {error}"
        );
    }
}

#[test]
fn the_digest_of_a_small_document_is_pinned() {
    // Canonical form, by hand from RFC 8785:
    let canonical = r#"{"$defs":{},"interactions":[{"event":{"type":"string"},"idempotent":false,"kind":"event","name":"shipped"}],"name":"orders","polywire":1,"version":"1.0.0"}"#;
    let contract = Contract::builder("orders", "1.0.0")
        .event::<String>(info("shipped"))
        .build()
        .unwrap();
    assert_eq!(
        contract.digest(),
        polywire_contract::Digest::of(canonical.as_bytes())
    );
}
