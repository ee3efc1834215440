use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::Contract;

impl Serialize for Contract {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Ordered(
            &self.document,
            &[
                "polywire",
                "name",
                "version",
                "digest",
                "description",
                "interactions",
            ],
        )
        .serialize(serializer)
    }
}

/// A JSON object with some members first, for the people who read it.
struct Ordered<'a>(&'a Map<String, Value>, &'a [&'a str]);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(members, first) = self;
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (key, value) in first.iter().filter_map(|key| members.get_key_value(*key)) {
            match value {
                Value::Array(items) if key == "interactions" => {
                    map.serialize_entry(key, &Named(items))?;
                }
                value => map.serialize_entry(key, value)?,
            }
        }
        for (key, value) in members
            .iter()
            .filter(|(key, _)| !first.contains(&key.as_str()))
        {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// A list of objects that begin with their name.
struct Named<'a>(&'a [Value]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|item| match item {
            Value::Object(members) => Entry::Object(Ordered(members, &["name", "kind", "since"])),
            other => Entry::Other(other),
        }))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Object(Ordered<'a>),
    Other(&'a Value),
}
