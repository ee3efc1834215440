use polywire_contract::Digest;
use serde_json::{Map, Value};

use super::super::document::{contradiction, syntax};
use super::DOCUMENT;
use crate::format::FormatError;

/// The digest of a release: the SHA-256 of its manifest as canonical JSON (RFC 8785), without `release.digest`.
///
/// Keys that this version does not know are part of it, and so is every file, by its own digest.
pub(super) fn of(mut manifest: toml::Table) -> Result<Digest, FormatError> {
    if let Some(toml::Value::Table(release)) = manifest.get_mut("release") {
        release.remove("digest");
    }
    let value = object(manifest)?;
    let canonical =
        serde_json_canonicalizer::to_vec(&value).map_err(|error| syntax(DOCUMENT, &error))?;
    Ok(Digest::of(&canonical))
}

fn object(table: toml::Table) -> Result<Value, FormatError> {
    let entries = table.into_iter();
    let members: Result<Map<_, _>, _> = entries
        .map(|(key, value)| Ok((key, json(value)?)))
        .collect();
    members.map(Value::Object)
}

/// The same value in JSON. Numbers are whole and exact in every language, so that all compute one digest.
fn json(value: toml::Value) -> Result<Value, FormatError> {
    const EXACT: u64 = (1 << 53) - 1;
    match value {
        toml::Value::String(text) => Ok(Value::String(text)),
        toml::Value::Boolean(truth) => Ok(Value::Bool(truth)),
        toml::Value::Integer(number) if number.unsigned_abs() <= EXACT => Ok(number.into()),
        toml::Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(json).collect();
            items.map(Value::Array)
        }
        toml::Value::Table(table) => object(table),
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Datetime(_) => {
            Err(contradiction(
                DOCUMENT,
                "a value is a fraction, a date or a number beyond 2^53: write texts, truths and whole numbers",
            ))
        }
    }
}
