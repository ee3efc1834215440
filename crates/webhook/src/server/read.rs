//! Looking at subscriptions.

use http::StatusCode;

use super::Server;
use super::document::Secrets;
use super::reply::{Answered, Refusal, empty, json};
use super::route::Asked;
use crate::record::SubscriptionId;
use crate::store::Subscriptions;
use crate::wire::ListDocument;

/// The most subscriptions of one page.
const PAGE: usize = 100;

impl Server {
    pub(super) async fn get(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        asked.query(&[])?;
        let own = self.own(asked, id).await?;
        if asked.has(own.revision) {
            let mut reply = empty(StatusCode::NOT_MODIFIED);
            self.inner().head(&mut reply, &own);
            return Ok(reply);
        }
        self.shown(StatusCode::OK, &own, &Secrets::default()).await
    }

    pub(super) async fn list(&self, asked: &Asked) -> Answered {
        let mut ask = Subscriptions {
            tenant: Some(asked.tenant.clone()),
            limit: PAGE,
            ..Subscriptions::default()
        };
        for (name, value) in asked.query(&["after", "contract", "limit"])? {
            let wrong =
                |error: &dyn std::fmt::Display| Refusal::malformed(format!("{name}: {error}"));
            match name.as_str() {
                "after" => ask.after = Some(value.parse().map_err(|error| wrong(&error))?),
                "contract" => ask.contract = Some(value.parse().map_err(|error| wrong(&error))?),
                _ => ask.limit = limit(&value, PAGE)?,
            }
        }
        let limit = ask.limit;
        // One more tells whether there is another page.
        ask.limit += 1;
        let mut found = self.inner().store.subscriptions(&ask).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let after = found
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        let document = |found| self.inner().document(found, None, &Secrets::default());
        let document = ListDocument {
            subscriptions: found.iter().map(document).collect(),
            after,
        };
        Ok(json(StatusCode::OK, &document)?)
    }
}

/// How many to list.
pub(super) fn limit(text: &str, most: usize) -> Answered<usize> {
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Refusal::malformed(format!("limit: expected a number from 1 to {most}")))
}
