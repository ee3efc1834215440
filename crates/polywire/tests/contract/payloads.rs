//! `#[payload]` adds what is missing and leaves what is there.

use polywire::Payload;
use serde_json::json;

/// Derives a part itself.
#[polywire::payload]
#[derive(Clone, serde::Serialize)]
struct Partly {
    sku: String,
}

/// Derives everything itself, with the crates it depends on.
#[polywire::payload]
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, polywire::schemars::JsonSchema)]
#[schemars(crate = "polywire::schemars")]
#[serde(rename_all = "kebab-case")]
enum Wholly {
    First,
    #[serde(other)]
    Later,
}

/// Has a payload inside, of any type.
#[polywire::payload]
struct Page<T> {
    items: Vec<T>,
}

fn travels<T: Payload>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn derives_are_completed() {
    let partly = Partly {
        sku: "tea".to_owned(),
    };
    assert_eq!(travels(&partly), json!({"sku": "tea"}));
    assert_eq!(format!("{partly:?}"), "Partly { sku: \"tea\" }");
    let page = Page {
        items: vec![partly],
    };
    assert_eq!(travels(&page), json!({"items": [{"sku": "tea"}]}));
}

#[test]
fn an_open_enum_is_marked_whoever_derives_its_schema() {
    assert_eq!(travels(&Wholly::First), json!("first"));
    let later: Wholly = serde_json::from_value(json!("fifth")).unwrap();
    assert!(matches!(later, Wholly::Later));
    let schema = polywire::schemars::schema_for!(Wholly);
    assert_eq!(schema.get("x-open"), Some(&json!(true)));
}
