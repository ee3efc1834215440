//! Statements, each in the schema of its store.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use polywire_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

/// The schema that is written in every statement, and the one of a store that names no other.
pub(super) const DEFAULT: &str = "polywire_webhook";
/// How long the name of a schema is at most: what processes tell each other on is longer, and has at most 63 bytes.
const MAX_NAME: usize = 40;
/// Schemas that every database has.
const TAKEN: [&str; 2] = ["information_schema", "public"];

/// Statements in the schema of one store. Cloning shares what was made.
///
/// It is named in each, not given by `search_path`, which is the application's where its own transaction is joined.
#[derive(Clone, Debug)]
pub(super) struct Sql(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    schema: String,
    channel: String,
    /// As many as there are in the source.
    made: RwLock<HashMap<&'static str, Arc<str>>>,
}

impl Sql {
    /// Statements in a schema.
    ///
    /// # Errors
    /// `Config` when it has no name that a schema of a store can have.
    pub(super) fn new(schema: String) -> Result<Self> {
        if !is_name(&schema) {
            let text = format!(
                "{schema:?} cannot be the schema of a webhook store: expected 1 to {MAX_NAME} of a-z, 0-9 and _, beginning \
                 with a letter, and neither pg_... nor information_schema nor public; write one like \"polywire_inbox\""
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        Ok(Self(Arc::new(Inner {
            channel: if schema == DEFAULT {
                schema.clone()
            } else {
                format!("{DEFAULT}.{schema}")
            },
            schema,
            made: RwLock::default(),
        })))
    }

    /// A statement of the source, made once.
    pub(super) fn of(&self, text: &'static str) -> Arc<str> {
        if let Some(made) = self.0.made.read().get(text) {
            return made.clone();
        }
        let made: Arc<str> = self.put(text).into();
        self.0.made.write().entry(text).or_insert(made).clone()
    }

    /// A statement that was put together, made each time.
    pub(super) fn put(&self, text: &str) -> String {
        // In quotes, since it may be a word of the language, such as "user".
        text.replace(DEFAULT, &format!("\"{}\"", self.0.schema))
    }

    /// What the processes of this schema tell each other on.
    pub(super) fn channel(&self) -> &str {
        &self.0.channel
    }

    /// The advisory lock of this schema's migrations.
    ///
    /// Any number does that nobody else takes: "polywire" as bytes, and of another schema a part of its digest.
    pub(super) fn lock(&self) -> i64 {
        if self.0.schema == DEFAULT {
            return i64::from_be_bytes(*b"polywire");
        }
        number(self.channel().as_bytes())
    }

    /// The advisory lock of a tenant in this schema; two tenants of one number only wait for each other.
    pub(super) fn lock_of(&self, tenant: &str) -> i64 {
        number(format!("{}\n{tenant}", self.channel()).as_bytes())
    }
}

/// The beginning of a digest.
fn number(of: &[u8]) -> i64 {
    let digest = Sha256::digest(of);
    let first = digest.iter().take(8);
    first.fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

fn is_name(schema: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    schema.len() <= MAX_NAME
        && schema.starts_with(|first: char| first.is_ascii_lowercase())
        && schema.bytes().all(letters)
        && !schema.starts_with("pg_")
        && !TAKEN.contains(&schema)
}
