use std::collections::{BTreeMap, BTreeSet};

use schemars::Schema;
use semver::Version;
use serde_json::Value;

use super::schema::{children, definition, walk};
use super::{Contract, ContractError, Interaction, Kind};
use crate::{Name, Track};

/// Names, number, kinds and `since` of the interactions.
pub(super) fn interactions(
    name: &Name,
    version: &Version,
    all: &[Interaction],
) -> Result<(), ContractError> {
    if all.len() > Contract::MAX_INTERACTIONS {
        return Err(ContractError::TooMany {
            contract: name.clone(),
            found: all.len(),
        });
    }
    let mut seen = BTreeSet::new();
    for interaction in all {
        if !seen.insert(&interaction.name) {
            let interaction = interaction.name.clone();
            return Err(ContractError::Duplicate {
                contract: name.clone(),
                interaction,
            });
        }
        shape(interaction)?;
        if let Some(since) = &interaction.since {
            let track = Track::of(version);
            if !track.contains(since) || since.cmp_precedence(version).is_gt() {
                return Err(ContractError::Since {
                    interaction: interaction.name.clone(),
                    since: since.clone(),
                    version: version.clone(),
                });
            }
        }
    }
    Ok(())
}

fn shape(interaction: &Interaction) -> Result<(), ContractError> {
    let needed: &[&str] = match interaction.kind {
        Kind::Operation => &["request", "reply"],
        Kind::Command => &["request"],
        Kind::Event => &["event"],
    };
    let parts = [
        ("request", &interaction.request),
        ("reply", &interaction.reply),
        ("event", &interaction.event),
    ];
    for (part, schema) in parts {
        let problem = match (needed.contains(&part), schema.is_some()) {
            (true, false) => format!("has no {part} schema: add one"),
            (false, true) => format!("cannot have a {part} schema: remove it"),
            _ => continue,
        };
        let (interaction, kind) = (interaction.name.clone(), interaction.kind);
        return Err(ContractError::Shape {
            interaction,
            kind,
            problem,
        });
    }
    Ok(())
}

/// Every `$ref` leads to a definition of this document.
pub(super) fn references(
    interactions: &[Interaction],
    definitions: &BTreeMap<String, Schema>,
) -> Result<(), ContractError> {
    let parts = interactions
        .iter()
        .flat_map(|known| [&known.request, &known.reply, &known.event, &known.error]);
    let mut lost = None;
    for schema in parts.flatten().chain(definitions.values()) {
        walk(schema.as_value(), &mut |schema| {
            if let Some(reference) = schema.get("$ref") {
                let leads = reference
                    .as_str()
                    .and_then(definition)
                    .is_some_and(|to| definitions.contains_key(&to));
                if !leads {
                    lost = Some(
                        reference
                            .as_str()
                            .map_or_else(|| reference.to_string(), str::to_owned),
                    );
                }
            }
        });
    }
    lost.map_or(Ok(()), |reference| {
        Err(ContractError::Reference { reference })
    })
}

/// Nothing that a consumer reads refuses unknown fields.
pub(super) fn openness(
    interactions: &[Interaction],
    definitions: &BTreeMap<String, Schema>,
) -> Result<(), ContractError> {
    for interaction in interactions {
        let parts = [
            ("reply", &interaction.reply),
            ("event", &interaction.event),
            ("error", &interaction.error),
        ];
        for (part, schema) in parts {
            let Some(schema) = schema else { continue };
            if let Some(at) = closed(schema.as_value(), part, definitions) {
                let interaction = interaction.name.clone();
                return Err(ContractError::Closed {
                    interaction,
                    part,
                    at,
                });
            }
        }
    }
    Ok(())
}

/// The first closed object that `root` leads to: the definition it stands in, or its path below `part`.
fn closed(root: &Value, part: &str, definitions: &BTreeMap<String, Schema>) -> Option<String> {
    let mut seen = BTreeSet::new();
    // A list of what is left, not recursion: a foreign document may chain references deeper than any stack.
    let mut left = vec![(root, part.to_owned(), false)];
    while let Some((schema, at, is_variant)) = left.pop() {
        if refuses_unknown(schema) && !(is_variant && is_external_tag(schema)) {
            return Some(at);
        }
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(definition);
        if let Some(target) = target
            && let Some(schema) = definitions.get(&target)
            && seen.insert(target.clone())
        {
            left.push((schema.as_value(), format!("type {target:?}"), false));
        }
        for (path, child) in children(schema) {
            let is_variant = path.starts_with("oneOf/") || path.starts_with("anyOf/");
            let at = if at.starts_with("type ") {
                at.clone()
            } else {
                format!("{at}/{path}")
            };
            left.push((child, at, is_variant));
        }
    }
    None
}

/// A map with patterns for its keys (integers, for one) is closed to odd keys, not to new fields.
fn refuses_unknown(schema: &Value) -> bool {
    let is_false = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(false));
    (is_false("additionalProperties") || is_false("unevaluatedProperties"))
        && schema.get("patternProperties").is_none()
}

/// `{"variant": payload}`: serde reads exactly one key there, so the wrapper is closed and the payload is what grows.
fn is_external_tag(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    match (properties, required) {
        (Some(properties), Some(required)) if properties.len() == 1 && required.len() == 1 => {
            let mut only = properties.iter();
            only.next().is_some_and(|(key, payload)| {
                required[0] == **key && payload.get("const").is_none()
            })
        }
        _ => false,
    }
}
