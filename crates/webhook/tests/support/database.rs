//! Databases of their own for tests: on the server that `POLYWIRE_TEST_POSTGRES_URL` names, else on a private one.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::sync::OnceLock;
use std::thread;

use polywire_test_postgres::Server;
use rand::RngExt;
use sqlx::{Connection, PgConnection};
use tokio::runtime::Runtime;

const GIVEN: &str = "POLYWIRE_TEST_POSTGRES_URL";

/// The private server, which ends with this process.
static SERVER: OnceLock<Server> = OnceLock::new();

/// A new database, which is gone with this value.
pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
    /// Whom to ask to drop it.
    root: String,
    /// A private server is gone with all it has.
    is_private: bool,
}

impl Database {
    pub(crate) async fn make() -> Self {
        let name = some_name();
        let given = std::env::var(GIVEN).ok().filter(|url| !url.is_empty());
        let is_private = given.is_none();
        let root = match given {
            Some(given) => given,
            None => {
                let server = || SERVER.get_or_init(|| Server::start().expect("a private server"));
                let server = tokio::task::spawn_blocking(server).await.unwrap();
                server.url("postgres")
            }
        };
        tell(&root, &format!("create database {name}")).await;
        Self {
            url: url(&root, &name),
            name,
            root,
            is_private,
        }
    }

    /// The same one without the transport's schemas, which is faster than another one. It has another name: whoever still had
    /// it is thrown out, and does not find it again.
    pub(crate) async fn cleared(mut self) -> Self {
        let (old, new) = (self.name.clone(), some_name());
        tell(
            &self.root,
            &format!("alter database {old} allow_connections false"),
        )
        .await;
        let others = format!(
            "do $$ begin
                 while exists (select pg_terminate_backend(pid) from pg_stat_activity where datname = '{old}') loop
                     perform pg_sleep(0.005);
                     perform pg_stat_clear_snapshot();
                 end loop;
             end $$"
        );
        tell(&self.root, &others).await;
        tell(&self.root, &format!("alter database {old} rename to {new}")).await;
        tell(
            &self.root,
            &format!("alter database {new} allow_connections true"),
        )
        .await;
        self.url = url(&self.root, &new);
        self.name = new;
        let schemas = "drop schema if exists polywire_webhook, polywire_webhook_inbox cascade";
        tell(&self.url, schemas).await;
        self
    }
}

fn some_name() -> String {
    format!("polywire_test_{:016x}", rand::rng().random::<u64>())
}

fn url(root: &str, name: &str) -> String {
    let mut url = url::Url::parse(root).expect(GIVEN);
    url.set_path(name);
    url.to_string()
}

async fn tell(root: &str, statement: &str) {
    let mut root = PgConnection::connect(root).await.expect("the server");
    sqlx::query(statement)
        .execute(&mut root)
        .await
        .expect(statement);
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.is_private {
            let root = self.root.clone();
            let drop = format!("drop database {} with (force)", self.name);
            // A runtime of its own: this may be inside of one.
            let dropped =
                thread::spawn(move || Runtime::new().unwrap().block_on(tell(&root, &drop)));
            let _ = dropped.join();
        }
    }
}
