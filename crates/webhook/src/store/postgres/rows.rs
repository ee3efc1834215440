//! New deliveries as columns, which is how many rows go into a table at once.

use std::collections::HashMap;

use polywire_core::{Error, ErrorKind};
use sqlx::PgConnection;

use super::enqueue::Counter;
use super::{Failed, Sql};
use crate::record::{DeliveryState, NewDelivery};
use crate::store::plan::{millis, unsigned};

/// Columns to insert.
#[derive(Default)]
pub(super) struct Rows<'a> {
    subscriptions: Vec<i64>,
    sequences: Vec<i64>,
    states: Vec<i16>,
    delays: Vec<i64>,
    webhook_ids: Vec<&'a str>,
    digests: Vec<Vec<u8>>,
    message_ids: Vec<&'a str>,
    interactions: Vec<&'a str>,
    versions: Vec<String>,
    keys: Vec<Option<&'a str>>,
    headers: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

impl<'a> Rows<'a> {
    pub(super) fn push(
        &mut self,
        new: &'a NewDelivery,
        counter: &Counter,
        waits: bool,
        digest: [u8; 32],
    ) -> Result<(), Error> {
        let state = if waits {
            DeliveryState::Waiting
        } else {
            DeliveryState::Ready
        };
        let headers = serde_json::to_string(&new.headers)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let number = unsigned("a sequence number", counter.last)?;
        self.subscriptions.push(counter.subscription);
        self.sequences.push(counter.last);
        self.states.push(state.number());
        self.delays.push(millis(new.delay));
        self.webhook_ids.push(&new.webhook_id);
        self.digests.push(digest.to_vec());
        self.message_ids.push(&new.message_id);
        self.interactions.push(new.interaction.as_str());
        self.versions.push(new.version.to_string());
        self.keys.push(new.key.as_deref());
        self.headers.push(headers);
        self.bodies.push(new.body.render(number).to_vec());
        Ok(())
    }

    /// Inserts the rows, moves the counters on and tells who listens: one statement, one way to the server and back. Gives the
    /// numbers by subscription and sequence.
    pub(super) async fn insert(
        self,
        on: &mut PgConnection,
        sql: &Sql,
        now: Option<i64>,
    ) -> Result<HashMap<(i64, i64), i64>, Failed> {
        if self.subscriptions.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(&sql.of(
        "with kept as (
                 insert into polywire_webhook.delivery (subscription, sequence, state, due, fence, attempts, created,
                     webhook_id, digest, message_id, interaction, version, ordering, headers, body)
                 select n.subscription, n.sequence, n.state, t.now + n.delay, 0, 0, t.now,
                     n.webhook_id, n.digest, n.message_id, n.interaction, n.version, n.ordering, n.headers, n.body
                 from (select coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint) as now) t,
                     unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::text[], $7::bytea[], $8::text[],
                         $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[])
                     n (subscription, sequence, state, delay, webhook_id, digest, message_id,
                         interaction, version, ordering, headers, body)
                 returning subscription, sequence, id),
             counted as (
                 update polywire_webhook.counter c set last = n.last
                 from (select subscription, max(sequence) as last
                     from unnest($2::bigint[], $3::bigint[]) n (subscription, sequence) group by subscription) n
                 where c.subscription = n.subscription)
             select k.subscription, k.sequence, k.id from kept k, (select pg_notify($14, '') offset 0) told",
    ))
        .bind(now)
        .bind(self.subscriptions)
        .bind(self.sequences)
        .bind(self.states)
        .bind(self.delays)
        .bind(self.webhook_ids)
        .bind(self.digests)
        .bind(self.message_ids)
        .bind(self.interactions)
        .bind(self.versions)
        .bind(self.keys)
        .bind(self.headers)
        .bind(self.bodies)
        .bind(sql.channel())
        .fetch_all(on)
        .await?;
        let number = |(subscription, sequence, id)| ((subscription, sequence), id);
        Ok(rows.into_iter().map(number).collect())
    }
}
