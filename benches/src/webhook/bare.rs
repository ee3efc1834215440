//! What one writes without us: rows inserted in batches of SQLite, and a loop of signed posts of what is not kept anywhere.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::CONTENT_TYPE;
use rusqlite::{Connection, params};
use sha2::Sha256;
use tempfile::TempDir;

use super::sink::Sink;

/// How many rows are committed together: as many as a store of ours does at most.
const BATCH: usize = 256;
/// How many posts are under way at once: what an endpoint of ours is given by default.
pub(super) const AT_ONCE: usize = 16;

/// A file, and a client.
#[derive(Debug)]
pub(super) struct Bare {
    _folder: TempDir,
    rows: Connection,
    http: reqwest::Client,
    url: reqwest::Url,
    key: [u8; 32],
    last: usize,
}

impl Bare {
    pub(super) fn start(sink: &Sink) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let rows = Connection::open(folder.path().join("bare.db"))?;
        rows.pragma_update(None, "journal_mode", "wal")?;
        // As ours: an answer means that it is on the disk.
        rows.pragma_update(None, "synchronous", "full")?;
        rows.execute_batch(
            "create table delivery (number integer primary key, id text not null unique, body blob not null) strict",
        )?;
        Ok(Self {
            _folder: folder,
            rows,
            http: reqwest::Client::builder().tcp_nodelay(true).build()?,
            url: sink.url().parse()?,
            key: [7; 32],
            last: 0,
        })
    }

    /// Keeps events, so many in a transaction.
    pub(super) fn keep(&mut self, events: usize, body: &Bytes) -> Result<(), Box<dyn Error>> {
        let mut left = events;
        while left > 0 {
            let transaction = self.rows.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("insert into delivery (id, body) values (?1, ?2)")?;
                for _ in 0..left.min(BATCH) {
                    self.last += 1;
                    insert.execute(params![format!("message-{}", self.last), body.as_ref()])?;
                }
            }
            transaction.commit()?;
            left -= left.min(BATCH);
        }
        Ok(())
    }

    /// Signs and posts events, so many at once.
    pub(super) async fn post(&self, events: usize, body: &Bytes) -> Result<(), Box<dyn Error>> {
        stream::iter(0..events)
            .map(|number| self.one(number, body.clone()))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|()| async { Ok(()) })
            .await
    }

    async fn one(&self, number: usize, body: Bytes) -> Result<(), Box<dyn Error>> {
        let id = format!("message-{number}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)?;
        mac.update(format!("{id}.{now}.").as_bytes());
        mac.update(&body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let request = self.http.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, "application/cloudevents+json");
        let request = request.header("webhook-id", id);
        let request = request.header("webhook-timestamp", now.to_string());
        let request = request.header("webhook-signature", format!("v1,{signature}"));
        let answer = request.body(body).send().await?.error_for_status()?;
        // Read to its end, so that the connection is used again.
        answer.bytes().await?;
        Ok(())
    }
}
