//! Which request is for what.

use std::time::Duration;

use bytes::Bytes;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::Server;
use super::reply::{Answered, Refusal, Reply};
use crate::record::SubscriptionId;

/// Where subscriptions are.
pub(crate) const SUBSCRIPTIONS: &str = "/webhooks/subscriptions";
/// The largest request, in bytes.
const MAX_REQUEST: usize = 64 * 1024;
/// The longest that an answer waits for a sink's consent.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A request, and whose it is.
pub(super) struct Asked {
    pub(super) tenant: String,
    pub(super) headers: HeaderMap,
    pub(super) query: String,
    pub(super) body: Bytes,
    /// Whether an operator of this provider asks, for the tenant.
    pub(super) operator: bool,
    /// Of the token, to admit what the service's own authenticator decides on.
    pub(super) token: Option<polywire_core::Token>,
}

impl Server {
    /// Answers a request for anything under `/webhooks/subscriptions`. Whatever goes wrong is an answer too.
    ///
    /// # Cancel safety
    /// When the future is dropped the request may or may not be carried out, in whole.
    pub async fn answer(&self, request: Request<Bytes>) -> http::Response<Bytes> {
        let answered = self.route(request).await;
        answered.unwrap_or_else(Refusal::into_reply)
    }

    async fn route(&self, request: Request<Bytes>) -> Answered {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(SUBSCRIPTIONS);
        let Some(path) = path.filter(|path| path.is_empty() || path.starts_with('/')) else {
            return Err(nothing());
        };
        if body.len() > MAX_REQUEST {
            return Err(polywire_core::too_large(body.len(), MAX_REQUEST).into());
        }
        let (tenant, token) = self.who(&head.headers)?;
        let asked = Asked {
            tenant,
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
            operator: false,
            token,
        };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        self.dispatch(&head.method, &parts, &asked).await
    }

    async fn dispatch(&self, method: &Method, parts: &[&str], asked: &Asked) -> Answered {
        let id = match parts.first() {
            None => {
                return match *method {
                    Method::POST => self.create(asked).await,
                    Method::GET => self.list(asked).await,
                    _ => Err(Refusal::method("GET, POST")),
                };
            }
            // What is no id names nothing, like one that is not there.
            Some(id) => id
                .parse::<SubscriptionId>()
                .map_err(|_| Refusal::absent())?,
        };
        let is = |allowed: Method| *method == allowed;
        match parts[1..] {
            [] if is(Method::GET) => self.get(asked, &id).await,
            [] if is(Method::PATCH) => self.patch(asked, &id).await,
            [] if is(Method::DELETE) => self.delete(asked, &id).await,
            [] => Err(Refusal::method("GET, PATCH, DELETE")),
            ["deliveries"] if is(Method::GET) => self.deliveries(asked, &id).await,
            ["deliveries"] => Err(Refusal::method("GET")),
            [verb] => self.verb(method, verb, asked, &id).await,
            ["deliveries", "ack"] if is(Method::POST) => self.acknowledge(asked, &id).await,
            ["upgrade", "commit"] if is(Method::POST) => self.commit(asked, &id).await,
            ["upgrade", "rollback"] if is(Method::POST) => self.rollback(asked, &id).await,
            ["deliveries", "ack"] | ["upgrade", "commit" | "rollback"] => {
                Err(Refusal::method("POST"))
            }
            _ => Err(nothing()),
        }
    }

    async fn verb(
        &self,
        method: &Method,
        verb: &str,
        asked: &Asked,
        id: &SubscriptionId,
    ) -> Answered {
        const VERBS: [&str; 8] = [
            "lease", "upgrade", "rotate", "verify", "test", "pause", "resume", "replay",
        ];
        if VERBS.contains(&verb) && *method != Method::POST {
            return Err(Refusal::method("POST"));
        }
        match verb {
            "lease" => self.renew(asked, id).await,
            "upgrade" => self.upgrade(asked, id).await,
            "rotate" => self.rotate(asked, id).await,
            "verify" => self.verify(asked, id).await,
            "test" => self.test(asked, id).await,
            "pause" => self.pause(asked, id).await,
            "resume" => self.resume(asked, id).await,
            "replay" => self.replay(asked, id).await,
            _ => Err(nothing()),
        }
    }
}

fn nothing() -> Refusal {
    polywire_core::Error::new(
        polywire_core::ErrorKind::Unroutable,
        format!("there is nothing at this path: subscriptions are at {SUBSCRIPTIONS}"),
    )
    .into()
}

impl Asked {
    /// The document of the request.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Answered<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::malformed(format!("the request cannot be read: {error}")))
    }

    /// The same, or what stands for an empty one.
    pub(super) fn document_or_default<T: DeserializeOwned + Default>(&self) -> Answered<T> {
        if self.body.is_empty() {
            Ok(T::default())
        } else {
            self.document()
        }
    }

    /// The parameters of the query, each of which must be known and there once.
    pub(super) fn query(&self, known: &[&str]) -> Answered<Vec<(String, String)>> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()).take(32) {
            if !known.contains(&&*name) {
                let name: String = name.chars().take(64).collect();
                return Err(Refusal::malformed(format!(
                    "unknown parameter {name:?}: expected {}",
                    known.join(", ")
                )));
            }
            if found.iter().any(|(before, _)| *before == *name) {
                return Err(Refusal::malformed(format!(
                    "parameter {name:?} is there twice"
                )));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        Ok(found)
    }

    /// The revision that the subscription must be at, if the request says so; `None` for `*` as well.
    pub(super) fn if_match(&self) -> Answered<Option<u64>> {
        let Some(value) = self.headers.get(IF_MATCH) else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(None);
        }
        tag(text).map(Some).ok_or_else(stale)
    }

    /// As [`if_match`](Self::if_match), for a request that must say so.
    pub(super) fn must_match(&self) -> Answered<Option<u64>> {
        if self.headers.contains_key(IF_MATCH) {
            return self.if_match();
        }
        Err(Refusal::coded(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition-required",
            "If-Match is missing: send the ETag of the subscription as you know it",
        ))
    }

    /// Whether a representation is the one that the requester has.
    pub(super) fn has(&self, revision: u64) -> bool {
        let sent = self.headers.get_all(IF_NONE_MATCH).iter();
        let texts = sent.filter_map(|value| value.to_str().ok());
        texts.flat_map(|text| text.split(',')).any(|text| {
            let text = text.trim();
            let text = text.strip_prefix("W/").unwrap_or(text);
            text == "*" || tag(text) == Some(revision)
        })
    }

    /// For how long to wait for an outcome: `Prefer: wait=10` (RFC 7240 section 4.3).
    pub(super) fn wait(&self) -> Option<Duration> {
        let sent = self.headers.get_all("prefer").iter();
        let texts = sent.filter_map(|value| value.to_str().ok());
        let seconds = texts
            .flat_map(|text| text.split([',', ';']))
            .find_map(|text| {
                let (name, value) = text.split_once('=')?;
                let value = value.trim().trim_matches('"');
                let is_wait = name.trim().eq_ignore_ascii_case("wait");
                is_wait.then(|| value.parse::<u32>().ok()).flatten()
            })?;
        Some(Duration::from_secs(seconds.into()).min(MAX_WAIT))
    }
}

/// Somebody else has changed it.
pub(super) fn stale() -> Refusal {
    Refusal::coded(
        StatusCode::PRECONDITION_FAILED,
        "precondition-failed",
        "the subscription has changed since: get it again, and send the ETag of that",
    )
}

fn tag(text: &str) -> Option<u64> {
    text.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The entity tag of a revision.
pub(super) fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// The path of a subscription.
pub(super) fn path(id: &SubscriptionId) -> String {
    format!("{SUBSCRIPTIONS}/{id}")
}

/// An answer that waited as it was asked to says so.
pub(super) fn applied(mut reply: Reply, wait: Option<Duration>) -> Reply {
    if let Some(wait) = wait {
        let text = format!("wait={}", wait.as_secs());
        let name = http::HeaderName::from_static("preference-applied");
        super::reply::set(reply.headers_mut(), name, &text);
    }
    reply
}
