//! New keys.

use http::StatusCode;

use super::Server;
use super::change::{has_consented, propose};
use super::document::Secrets;
use super::reply::{Answered, Refusal};
use super::route::{Asked, applied};
use crate::record::{SubscriptionId, Terms};
use crate::signature::{Algorithm, MAX_KEYS};
use crate::wire::Rotate;

/// For how long the keys before sign on, in seconds: by default, and at most.
const OVERLAP: u64 = 24 * 3600;
const MAX_OVERLAP: u64 = 7 * 24 * 3600;

impl Server {
    pub(super) async fn rotate(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let ask: Rotate = asked.document_or_default()?;
        let overlap = ask.overlap_seconds.unwrap_or(OVERLAP);
        if overlap > MAX_OVERLAP {
            return Err(Refusal::unprocessable(
                "overlap-refused",
                format!("an overlap of {overlap} seconds: expected 0 to {MAX_OVERLAP}"),
            ));
        }
        let inner = self.inner();
        let now = inner.now();
        let mut secrets = Secrets::default();
        let rotated = self
            .alter(asked, id, revision, |_, terms| {
                secrets = Secrets::default();
                let newest = terms
                    .keys
                    .first()
                    .map_or(Algorithm::HmacSha256, |key| key.algorithm);
                let algorithm = ask.sign.map_or(newest, Into::into);
                terms.keys.retain(|key| key.signs(now));
                if terms.keys.len() >= MAX_KEYS {
                    return Err(Refusal::conflict(
                        "too-many-keys",
                        format!(
                            "{} keys sign, the most there may be: wait until one retires",
                            terms.keys.len()
                        ),
                    ));
                }
                let key = inner.new_key(id, &next(terms), algorithm, &mut secrets)?;
                if has_consented(terms) {
                    let proposed = propose(terms, now);
                    proposed.key = Some(key);
                    proposed.overlap_seconds = overlap;
                } else {
                    // Nothing has been signed for a consent yet.
                    terms.keys = vec![key];
                }
                Ok(())
            })
            .await?;
        let wait = asked.wait();
        let rotated = self.consented(rotated, wait).await?;
        let reply = self.shown(StatusCode::OK, &rotated, &secrets).await?;
        Ok(applied(reply, wait))
    }
}

/// The name of the next key: no key of this subscription that is still known has had it.
fn next(terms: &Terms) -> String {
    let proposed = terms
        .proposed
        .iter()
        .filter_map(|proposed| proposed.key.as_ref());
    let numbers = terms.keys.iter().chain(proposed);
    let numbers = numbers.filter_map(|key| key.id.strip_prefix('k')?.parse::<u32>().ok());
    format!("k{}", numbers.max().unwrap_or(0).saturating_add(1))
}
