//! Documents that are read back, and what is wrong with others.

use polywire_contract::Contract;
use serde_json::{Value, json};

use crate::orders::{Edit, document, orders};

#[test]
fn a_document_survives_reading_and_writing() {
    let contract = orders();
    let text = contract.to_json_pretty();
    let back = Contract::from_json(&text).unwrap();
    assert_eq!(back, contract);
    assert_eq!(back.to_json_pretty(), text);
    assert!(
        text.starts_with(
            "{\n  \"polywire\": 1,\n  \"name\": \"orders\",\n  \"version\": \"1.4.0\",\n"
        ),
        "{text}"
    );
    assert_eq!(
        serde_json::from_value::<Contract>(serde_json::to_value(&contract).unwrap()).unwrap(),
        contract
    );
}

#[test]
fn unknown_members_are_kept() {
    let mut document = document();
    document["x-team"] = json!("shop");
    document["interactions"][0]["x-owner"] = json!("ann");
    document.as_object_mut().unwrap().remove("digest");
    let contract = Contract::from_json(&document.to_string()).unwrap();
    let text = contract.to_json_pretty();
    assert!(
        text.contains("\"x-team\": \"shop\"") && text.contains("\"x-owner\": \"ann\""),
        "{text}"
    );
    assert_eq!(Contract::from_json(&text).unwrap(), contract);
}

#[test]
fn mistakes_in_a_document() {
    let read = |edit: Edit| {
        let mut document = json!({ "polywire": 1, "name": "orders", "version": "1.0.0", "interactions": [
            { "name": "quote", "kind": "operation", "request": true, "reply": { "$ref": "#/$defs/Quote" } }],
            "$defs": { "Quote": { "type": "object" } } });
        edit(&mut document);
        Contract::from_json(&document.to_string())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(read(|_| {}), Ok(()));
    let cases: [(Edit, &str); 7] = [
        (
            |d| d["polywire"] = json!(2),
            "contract document has format \"polywire\": 2, but this build reads 1",
        ),
        (
            |d| drop(d.as_object_mut().unwrap().remove("polywire")),
            "contract document has format \"polywire\": null, but this build reads 1",
        ),
        (
            |d| drop(d["$defs"].as_object_mut().unwrap().remove("Quote")),
            "\"$ref\": \"#/$defs/Quote\" leads nowhere: write \"#/$defs/NAME\" with a NAME of this document",
        ),
        (
            |d| d["interactions"][0]["reply"]["$ref"] = json!("https://example.com/quote.json"),
            "\"$ref\": \"https://example.com/quote.json\" leads nowhere: write \"#/$defs/NAME\" with a NAME of this document",
        ),
        (
            |d| {
                drop(
                    d["interactions"][0]
                        .as_object_mut()
                        .unwrap()
                        .remove("reply"),
                );
            },
            "operation \"quote\" has no reply schema: add one",
        ),
        (
            |d| d["interactions"][0]["kind"] = json!("command"),
            "command \"quote\" cannot have a reply schema: remove it",
        ),
        (
            |d| d["digest"] = json!("sha256:12"),
            "contract document is not valid: digest \"sha256:12\" is not valid: write \"sha256:\" and 64 lower-case hexadecimal digits",
        ),
    ];
    for (edit, message) in cases {
        assert_eq!(read(edit), Err(message.to_owned()));
    }
    let text = Contract::from_json("{\"polywire\": 1,")
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with("contract document is not valid: EOF while parsing"),
        "{text}"
    );

    let many: Vec<Value> = (0..1001)
        .map(|n| json!({ "name": format!("e{n}"), "kind": "event", "event": true }))
        .collect();
    let document =
        json!({ "polywire": 1, "name": "orders", "version": "1.0.0", "interactions": many });
    assert_eq!(
        Contract::from_json(&document.to_string())
            .unwrap_err()
            .to_string(),
        "contract \"orders\" has 1001 interactions: at most 1000 are valid, split it into several"
    );
}

#[test]
fn a_hostile_chain_of_references_is_walked_without_recursion() {
    let mut defs = serde_json::Map::new();
    for n in 0..10_000 {
        defs.insert(
            format!("D{n}"),
            json!({ "$ref": format!("#/$defs/D{}", (n + 1) % 10_000) }),
        );
    }
    let document = json!({ "polywire": 1, "name": "orders", "version": "1.0.0", "$defs": defs,
        "interactions": [{ "name": "moved", "kind": "event", "event": { "$ref": "#/$defs/D0" } }] });
    Contract::from_json(&document.to_string()).expect("long, but valid");
}
