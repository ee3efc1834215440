//! What a consumer reads is open to fields it does not know.

use polywire_contract::{Contract, schemars::JsonSchema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::orders::info;

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
