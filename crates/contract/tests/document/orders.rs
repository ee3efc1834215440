//! The contract of these tests, of types that have something of everything.

use polywire_contract::{Contract, ErrorCode, ErrorCodes, InteractionInfo, schemars::JsonSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request for a price.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct QuoteRequest {
    sku: String,
    quantity: u32,
    /// Looks like an annotation, but is a field.
    title: String,
    #[serde(default)]
    address: Option<Address>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Address {
    zone: i8,
    #[serde(default)]
    lines: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Quote {
    total: i64,
    priority: Priority,
    address: Address,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-open" = true))]
pub(crate) enum Priority {
    Normal,
    Express,
    #[serde(other)]
    Other,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) enum OrdersError {
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
pub(crate) struct CancelOrder {
    order: uuid::Id,
}

mod uuid {
    use super::{Deserialize, JsonSchema, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Id(String);
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrderShipped {
    order: uuid::Id,
    weight: Option<u64>,
}

pub(crate) type Edit = fn(&mut Value);

pub(crate) fn info(name: &'static str) -> InteractionInfo {
    InteractionInfo::new(name)
}

pub(crate) fn orders() -> Contract {
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

pub(crate) fn document() -> Value {
    serde_json::from_str(&orders().to_json_pretty()).unwrap()
}
