//! Databases of their own for tests: on the server that `POLYWIRE_TEST_POSTGRES_URL` names, else on a private one.

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
    /// Whom to ask to drop it; a private server is gone with all it has.
    given: Option<String>,
}

impl Database {
    pub(crate) async fn make() -> Self {
        let name = format!("polywire_test_{:016x}", rand::rng().random::<u64>());
        let given = std::env::var(GIVEN).ok().filter(|url| !url.is_empty());
        let (root, url) = match &given {
            Some(given) => {
                let mut url = url::Url::parse(given).expect(GIVEN);
                url.set_path(&name);
                (given.clone(), url.to_string())
            }
            None => {
                let server = || SERVER.get_or_init(|| Server::start().expect("a private server"));
                let server = tokio::task::spawn_blocking(server).await.unwrap();
                (server.url("postgres"), server.url(&name))
            }
        };
        tell(&root, &format!("create database {name}")).await;
        Self { url, name, given }
    }
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
        if let Some(given) = self.given.take() {
            let drop = format!("drop database {} with (force)", self.name);
            // A runtime of its own: this may be inside of one.
            let dropped =
                thread::spawn(move || Runtime::new().unwrap().block_on(tell(&given, &drop)));
            let _ = dropped.join();
        }
    }
}
