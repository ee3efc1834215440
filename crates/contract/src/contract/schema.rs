use serde_json::{Map, Value};

/// Keywords of JSON Schema 2020-12 whose value is one schema.
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const MANY: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value maps names, which are no keywords themselves, to schemas.
const NAMED: [&str; 5] = [
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// The direct subschemas of a schema, each with its path below it. Values of `const`, `enum`, `default` and
/// `examples` are data, whatever they look like.
pub(super) fn children(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let Some(members) = schema.as_object() else {
        return found;
    };
    for (keyword, value) in members {
        match value {
            Value::Object(_) if ONE.contains(&keyword.as_str()) => {
                found.push((keyword.clone(), value));
            }
            Value::Array(list) if MANY.contains(&keyword.as_str()) => {
                found.extend(
                    list.iter()
                        .enumerate()
                        .map(|(at, item)| (format!("{keyword}/{at}"), item)),
                );
            }
            Value::Object(map) if NAMED.contains(&keyword.as_str()) => {
                found.extend(
                    map.iter()
                        .map(|(name, item)| (format!("{keyword}/{name}"), item)),
                );
            }
            _ => {}
        }
    }
    found
}

/// Calls `change` on the members of the schema and of all schemas within.
pub(super) fn walk_mut(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    change(members);
    for (keyword, value) in members {
        match value {
            Value::Object(_) if ONE.contains(&keyword.as_str()) => walk_mut(value, change),
            Value::Array(list) if MANY.contains(&keyword.as_str()) => {
                list.iter_mut().for_each(|item| walk_mut(item, change));
            }
            Value::Object(map) if NAMED.contains(&keyword.as_str()) => {
                map.values_mut().for_each(|item| walk_mut(item, change));
            }
            _ => {}
        }
    }
}

/// Calls `see` on the schema and on all schemas within.
pub(super) fn walk<'a>(schema: &'a Value, see: &mut impl FnMut(&'a Value)) {
    see(schema);
    for (_, child) in children(schema) {
        walk(child, see);
    }
}

/// The definition that a `$ref` names; `None` when it is no reference to a definition of the same document.
pub(super) fn definition(reference: &str) -> Option<String> {
    let encoded = reference.strip_prefix("#/$defs/")?;
    if encoded.contains('/') {
        return None;
    }
    // A URI fragment (RFC 3986) that holds a JSON Pointer (RFC 6901): undo them in that order.
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return None;
        };
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        bytes.push(digit(*high)? << 4 | digit(*low)?);
        rest = after;
    }
    Some(
        String::from_utf8(bytes)
            .ok()?
            .replace("~1", "/")
            .replace("~0", "~"),
    )
}

/// Gives every integer the bounds of its `format` where it has none of its own: JSON Schema treats `format` as a note,
/// so that narrowing `int64` to `int32` would not show. `int` and `uint`, which depend on the platform, are 64 bits.
pub(super) fn bound_integers(schema: &mut Value) {
    walk_mut(schema, &mut |members| {
        let (lowest, highest): (Value, Value) = match members.get("format").and_then(Value::as_str)
        {
            Some("int8") => (i8::MIN.into(), i8::MAX.into()),
            Some("int16") => (i16::MIN.into(), i16::MAX.into()),
            Some("int32") => (i32::MIN.into(), i32::MAX.into()),
            Some("int64" | "int") => (i64::MIN.into(), i64::MAX.into()),
            Some("uint8") => (0.into(), u8::MAX.into()),
            Some("uint16") => (0.into(), u16::MAX.into()),
            Some("uint32") => (0.into(), u32::MAX.into()),
            Some("uint64" | "uint") => (0.into(), u64::MAX.into()),
            _ => return,
        };
        let is_integer = match members.get("type") {
            Some(Value::String(one)) => one == "integer",
            Some(Value::Array(many)) => many.iter().any(|one| one == "integer"),
            _ => false,
        };
        if is_integer {
            if !members.contains_key("exclusiveMinimum") {
                members.entry("minimum").or_insert(lowest);
            }
            if !members.contains_key("exclusiveMaximum") {
                members.entry("maximum").or_insert(highest);
            }
        }
    });
}

/// Sorts `required`, which is a set: the order of a struct's fields is no part of the contract.
pub(super) fn sort_required(schema: &mut Value) {
    walk_mut(schema, &mut |members| {
        if let Some(Value::Array(required)) = members.get_mut("required") {
            required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        }
    });
}
