//! How a database is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::config::redact_url_passwords;
use polywire_core::{Error, ErrorKind, Result};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::Now;
use super::sql::{DEFAULT, Sql};
use crate::clock::Clock;

/// How a database is reached. Its `Debug` shows no password.
#[derive(Clone)]
pub struct PostgresOptions {
    url: String,
    schema: String,
    connections: u32,
    patience: Duration,
    pub(super) existing: bool,
    clock: Option<Arc<dyn Clock>>,
}

impl PostgresOptions {
    /// A database by its URL, `postgres://user:password@host:5432/database?sslmode=verify-full`, with 8 connections at most, in
    /// the schema `polywire_webhook`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: DEFAULT.to_owned(),
            connections: 8,
            patience: Duration::from_secs(10),
            existing: false,
            clock: None,
        }
    }

    /// The same in another schema, which is made when there is none, and is this store's alone.
    ///
    /// 1 to 40 of `a`-`z`, `0`-`9` and `_`, beginning with a letter; `pg_...`, `information_schema` and `public` are not for this.
    /// Any other name is refused by [`PostgresStore::open`](super::PostgresStore::open).
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// The same for tables that must be there and of this version: nothing is made, and nothing brought to another version.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// The same with so many connections at most, 2 or more: one of them listens.
    #[must_use]
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(2);
        self
    }

    /// The same with another bound for how long a connection is waited for; 10 s by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same with another clock than the server's, for tests: every process must then have the same.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    pub(super) fn connect(self) -> Result<(PgPool, Sql, Now)> {
        let wrong = |why: &dyn fmt::Display| {
            let text = format!(
                "{:?} is no URL of a PostgreSQL database: {why}; write one like \"postgres://user@localhost/webhooks\"",
                redact_url_passwords(&self.url)
            );
            Error::new(ErrorKind::Config, text)
        };
        // The library takes any scheme.
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| self.url.starts_with(scheme))
        {
            return Err(wrong(
                &"it begins with neither postgres:// nor postgresql://",
            ));
        }
        let options: PgConnectOptions = self
            .url
            .parse()
            .map_err(|error: sqlx::Error| wrong(&error))?;
        let sql = Sql::new(self.schema)?;
        let pool = PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(self.patience)
            .connect_lazy_with(options.application_name("polywire-webhook"));
        Ok((pool, sql, Now(self.clock)))
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("url", &redact_url_passwords(&self.url))
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
