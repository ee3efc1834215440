//! What is built from types.

use polywire_contract::{
    Contract, ErrorCode, ErrorCodes, InteractionInfo, Kind, Version, schemars::JsonSchema,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::orders::{OrdersError, document, info, orders};

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
