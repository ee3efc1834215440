//! `contract.json`: built from types, read back, and refused when it breaks a rule.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use polywire_contract::{
    Contract, ContractError, ErrorCode, ErrorCodes, InteractionInfo, Kind, Version,
    schemars::JsonSchema,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request for a price.
#[derive(Serialize, Deserialize, JsonSchema)]
struct QuoteRequest {
    sku: String,
    quantity: u32,
    /// Looks like an annotation, but is a field.
    title: String,
    #[serde(default)]
    address: Option<Address>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Address {
    zone: i8,
    #[serde(default)]
    lines: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Quote {
    total: i64,
    priority: Priority,
    address: Address,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-open" = true))]
enum Priority {
    Normal,
    Express,
    #[serde(other)]
    Other,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum OrdersError {
    OutOfStock { left: u8 },
    Closed,
}

impl ErrorCodes for OrdersError {
    fn codes() -> Vec<ErrorCode> {
        vec![
            ErrorCode::new("OutOfStock", Some("not enough on the shelf")),
            ErrorCode::new("Closed", None),
        ]
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct CancelOrder {
    order: uuid::Id,
}

mod uuid {
    use super::{Deserialize, JsonSchema, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Id(String);
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct OrderShipped {
    order: uuid::Id,
    weight: Option<u64>,
}

type Edit = fn(&mut Value);

fn info(name: &'static str) -> InteractionInfo {
    InteractionInfo::new(name)
}

fn orders() -> Contract {
    Contract::builder("orders", "1.4.0")
        .description("Orders of the shop")
        .event::<OrderShipped>(InteractionInfo {
            since: Some("1.2.0"),
            ..info("shipped")
        })
        .operation::<QuoteRequest, Quote, OrdersError>(InteractionInfo {
            idempotent: true,
            ..info("quote")
        })
        .command::<CancelOrder, ()>(InteractionInfo {
            deprecated: Some("use revoke"),
            ..info("cancel")
        })
        .build()
        .unwrap()
}

fn document() -> Value {
    serde_json::from_str(&orders().to_json_pretty()).unwrap()
}

#[test]
fn a_contract_is_built_from_types() {
    let contract = orders();
    let document = document();
    assert_eq!(document["polywire"], 1);
    let names: Vec<&str> = contract
        .interactions()
        .iter()
        .map(|known| known.name.as_str())
        .collect();
    assert_eq!(names, ["cancel", "quote", "shipped"]);
    let quote = contract.find("quote").unwrap();
    assert_eq!((quote.kind, quote.idempotent), (Kind::Operation, true));
    assert_eq!(
        quote.errors,
        [
            ErrorCode::new("Closed", None),
            OrdersError::codes().remove(0)
        ]
    );
    assert_eq!(
        quote.request.as_ref().unwrap().as_value(),
        &json!({ "$ref": "#/$defs/QuoteRequest" })
    );
    assert_eq!(
        quote.error.as_ref().unwrap().as_value(),
        &json!({ "$ref": "#/$defs/OrdersError" })
    );
    let cancel = contract.find("cancel").unwrap();
    assert_eq!(
        (cancel.kind, cancel.deprecated.as_deref()),
        (Kind::Command, Some("use revoke"))
    );
    assert!(cancel.reply.is_none() && cancel.error.is_none() && cancel.errors.is_empty());
    let shipped = contract.find("shipped").unwrap();
    assert_eq!(
        (shipped.kind, &shipped.since),
        (Kind::Event, &Some(Version::new(1, 2, 0)))
    );
}

#[test]
fn requests_are_as_read_and_replies_as_written() {
    let defs = &document()["$defs"];
    // Address differs between the two: `lines` may be left out by the caller, and is always written.
    assert_eq!(defs["Address"]["required"], json!(["lines", "zone"]));
    assert_eq!(defs["AddressInput"]["required"], json!(["zone"]));
    let address = &defs["QuoteRequest"]["properties"]["address"];
    assert_eq!(address["anyOf"][0]["$ref"], "#/$defs/AddressInput");
    assert_eq!(
        defs["Quote"]["properties"]["address"]["$ref"],
        "#/$defs/Address"
    );
    // Both forms of Id are equal: one definition.
    assert!(defs.get("Id").is_some() && defs.get("IdInput").is_none());
}

#[test]
fn integers_have_bounds_and_open_enums_their_mark() {
    let defs = &document()["$defs"];
    let bounds = |value: &Value| (value["minimum"].clone(), value["maximum"].clone());
    assert_eq!(
        bounds(&defs["QuoteRequest"]["properties"]["quantity"]),
        (json!(0), json!(u32::MAX))
    );
    assert_eq!(
        bounds(&defs["Address"]["properties"]["zone"]),
        (json!(-128), json!(127))
    );
    assert_eq!(
        bounds(&defs["Quote"]["properties"]["total"]),
        (json!(i64::MIN), json!(i64::MAX))
    );
    assert_eq!(
        bounds(&defs["OrderShipped"]["properties"]["weight"]),
        (json!(0), json!(u64::MAX))
    );
    assert_eq!(defs["Priority"]["x-open"], true);
    assert_eq!(defs["OrdersError"].get("x-open"), None);
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Bounded {
    #[schemars(range(min = 1, max = 5))]
    stars: u8,
    pages: usize,
}

#[test]
fn an_own_bound_is_kept() {
    let contract = Contract::builder("shop", "0.3.0")
        .event::<Bounded>(info("rated"))
        .build()
        .unwrap();
    let properties = &contract.defs()["Bounded"].as_value()["properties"];
    assert_eq!(
        (
            &properties["stars"]["minimum"],
            &properties["stars"]["maximum"]
        ),
        (&json!(1), &json!(5))
    );
    assert_eq!(properties["pages"]["maximum"], json!(u64::MAX));
}

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
fn the_offer_entry_names_digest_and_interactions() {
    let contract = orders();
    let offered = contract.offered();
    assert_eq!(
        (offered.version.clone(), offered.digest),
        (Version::new(1, 4, 0), Some(contract.digest()))
    );
    assert!(offered.has("quote") && offered.has("shipped") && !offered.has("refund"));
    let at = |minor| {
        contract
            .names_at(&Version::new(1, minor, 0))
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(at(1), ["cancel", "quote"]);
    assert_eq!(at(2), ["cancel", "quote", "shipped"]);
    assert_eq!(
        contract
            .nearest("qoute")
            .map(polywire_contract::Name::as_str),
        Some("quote")
    );
    assert_eq!(contract.nearest("completely-else"), None);
    assert_eq!(contract.nearest(&"q".repeat(5000)), None);
}

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

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Strict {
    id: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Holder {
    inner: Vec<Strict>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields)]
enum StrictTagged {
    One { id: u32 },
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum External {
    One { id: u32 },
    Many(Vec<u32>),
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Keyed {
    by_id: std::collections::BTreeMap<u32, String>,
}

#[test]
fn what_a_consumer_reads_must_be_open() {
    let builder = || Contract::builder("orders", "1.0.0");
    let closed = "drop deny_unknown_fields (additionalProperties: false), a consumer must ignore fields it does not know";
    let reply = builder()
        .operation::<u32, Holder, ()>(info("list"))
        .build()
        .unwrap_err();
    assert_eq!(
        reply.to_string(),
        format!("reply of \"list\" is closed at type \"Strict\": {closed}")
    );
    let event = builder()
        .event::<StrictTagged>(info("moved"))
        .build()
        .unwrap_err();
    assert_eq!(
        event.to_string(),
        format!("event of \"moved\" is closed at type \"StrictTagged\": {closed}")
    );
    builder()
        .operation::<Strict, (), ()>(info("put"))
        .build()
        .expect("a request may be strict");
    builder()
        .event::<External>(info("moved"))
        .event::<Keyed>(info("keyed"))
        .build()
        .expect("these are open");

    let inline = json!({ "polywire": 1, "name": "orders", "version": "1.0.0", "interactions": [{ "name": "moved", "kind": "event",
        "event": { "type": "object", "properties": { "a": { "type": "object", "additionalProperties": false } } } }] });
    let error = Contract::from_json(&inline.to_string()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("event of \"moved\" is closed at event/properties/a: {closed}")
    );
}

#[test]
fn mistakes_in_the_builder() {
    let since = |version, since| {
        let info = InteractionInfo {
            since: Some(since),
            ..info("quote")
        };
        Contract::builder("orders", version)
            .event::<u32>(info)
            .build()
            .unwrap_err()
            .to_string()
    };
    for (message, expected) in [
        (
            since("1.4.0", "1.5.0"),
            "\"quote\" is there since 1.5.0, but the contract is 1.4.0: write 1.0.0 to 1.4.0",
        ),
        (
            since("2.4.0", "1.5.0"),
            "\"quote\" is there since 1.5.0, but the contract is 2.4.0: write 2.0.0 to 2.4.0",
        ),
        (
            since("0.3.4", "0.2.0"),
            "\"quote\" is there since 0.2.0, but the contract is 0.3.4: write 0.3.0 to 0.3.4",
        ),
        (
            since("1.4.0", "1.2"),
            "since of \"quote\" \"1.2\" is no version: unexpected end of input while parsing minor version number; write one like \"1.4.0\"",
        ),
        (
            since("one", "1.2.0"),
            "contract version \"one\" is no version: unexpected character 'o' while parsing major version number; write one like \"1.4.0\"",
        ),
        (
            Contract::builder("orders", "1.0.0")
                .event::<u32>(info("a"))
                .event::<u8>(info("a"))
                .build()
                .unwrap_err()
                .to_string(),
            "contract \"orders\" has two interactions named \"a\": rename one of them",
        ),
        (
            Contract::builder("Orders", "1.0.0")
                .build()
                .unwrap_err()
                .to_string(),
            "'O' at byte 0 of name \"Orders\": write a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter",
        ),
    ] {
        assert_eq!(message, expected);
    }
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
