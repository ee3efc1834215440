use serde_json::{Map, Value};

use super::ContractError;
use super::schema::walk_mut;
use crate::Digest;

const ANNOTATIONS: [&str; 5] = ["title", "description", "examples", "deprecated", "$comment"];

/// The SHA-256 of the document in RFC 8785 form, without annotations and digest.
pub(super) fn digest(document: &Map<String, Value>) -> Result<Digest, ContractError> {
    let mut document = document.clone();
    document.remove("digest");
    strip(&mut document);
    for interaction in list(&mut document, "interactions") {
        strip(interaction);
        list(interaction, "errors").for_each(strip);
        for part in ["request", "reply", "event", "error"] {
            if let Some(schema) = interaction.get_mut(part) {
                walk_mut(schema, &mut strip);
            }
        }
    }
    if let Some(Value::Object(definitions)) = document.get_mut("$defs") {
        definitions
            .values_mut()
            .for_each(|schema| walk_mut(schema, &mut strip));
    }
    Ok(Digest::of(&serde_json_canonicalizer::to_vec(&document)?))
}

fn strip(members: &mut Map<String, Value>) {
    for annotation in ANNOTATIONS {
        members.remove(annotation);
    }
}

fn list<'a>(
    members: &'a mut Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let items = members.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}
