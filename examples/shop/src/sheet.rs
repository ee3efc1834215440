//! The data file: the orders that customers bring, and what each of them was promised.

use std::path::Path;

use serde::Deserialize;

use crate::Result;

/// One customer's order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its number, unlike any other's in the file.
    pub number: u64,
    /// Who orders.
    pub customer: String,
    /// What is ordered.
    pub article: String,
    /// How many.
    pub quantity: u32,
    /// What it must cost, in cents; `None` for an article that the shop does not sell.
    pub total_cents: Option<u64>,
    /// Whether the customer thinks better of it.
    #[serde(default)]
    pub cancelled: bool,
}

/// Reads a data file.
///
/// # Errors
/// Names the file, and the line where it is wrong.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
    Ok(serde_json::from_str(&text).map_err(|error| named(&error))?)
}
