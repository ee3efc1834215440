//! A deprecation note in JSON: the text, or `true` when there is none.

use serde::{Deserialize, Deserializer, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Note {
    Flag(bool),
    Text(String),
}

#[allow(
    clippy::ref_option,
    reason = "the signature that serde's `with` asks for"
)]
pub(super) fn serialize<S: Serializer>(
    note: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match note.as_deref() {
        None => serializer.serialize_none(),
        Some("") => serializer.serialize_bool(true),
        Some(text) => serializer.serialize_str(text),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Note>::deserialize(deserializer)? {
        None | Some(Note::Flag(false)) => None,
        Some(Note::Flag(true)) => Some(String::new()),
        Some(Note::Text(text)) => Some(text),
    })
}
