//! The payloads of every contender: one pair of structs, as JSON and as protobuf.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a customer wants to buy.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Who orders.
    #[prost(string, tag = "2")]
    pub customer: String,
    /// What is ordered.
    #[prost(message, repeated, tag = "3")]
    pub items: Vec<Item>,
    /// Free text; it pads the payload to its size.
    #[prost(string, tag = "4")]
    pub note: String,
}

/// One line of an order.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The article.
    #[prost(string, tag = "1")]
    pub sku: String,
    /// How many.
    #[prost(uint32, tag = "2")]
    pub quantity: u32,
    /// The price of one.
    #[prost(uint32, tag = "3")]
    pub cents: u32,
}

/// The answer: what the order comes to.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize, JsonSchema)]
pub struct Quote {
    /// The order's number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Who orders.
    #[prost(string, tag = "2")]
    pub customer: String,
    /// What is ordered.
    #[prost(message, repeated, tag = "3")]
    pub items: Vec<Item>,
    /// What it comes to.
    #[prost(uint64, tag = "4")]
    pub total_cents: u64,
    /// The order's free text.
    #[prost(string, tag = "5")]
    pub note: String,
}

impl Order {
    /// An order whose JSON has `bytes` bytes, about half of them in its items.
    #[must_use]
    pub fn of_size(bytes: usize) -> Self {
        let item = |number: usize| Item {
            sku: format!("SKU-{:05}", number % 100_000),
            quantity: 1 + u32::try_from(number % 7).unwrap_or(0),
            cents: 1999,
        };
        let mut order = Self {
            id: 40_417,
            customer: "customer-0042".to_owned(),
            items: (0..bytes / 90).map(item).collect(),
            note: String::new(),
        };
        let bare = serde_json_len(&order);
        order.note = "please ring twice; "
            .chars()
            .cycle()
            .take(bytes.saturating_sub(bare))
            .collect();
        order
    }

    /// What every contender's handler does.
    #[must_use]
    pub fn quote(self) -> Quote {
        let total_cents = self.total();
        Quote {
            id: self.id,
            customer: self.customer,
            items: self.items,
            total_cents,
            note: self.note,
        }
    }

    /// What the order comes to.
    #[must_use]
    pub fn total(&self) -> u64 {
        let line = |item: &Item| u64::from(item.quantity) * u64::from(item.cents);
        self.items.iter().map(line).sum()
    }
}

fn serde_json_len(order: &Order) -> usize {
    polywire_core::codec::encode(order).map_or(0, |body| body.len())
}
