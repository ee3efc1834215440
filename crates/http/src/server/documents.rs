//! What can be read without a contract: offers, contract documents, health.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use polywire_core::contract::{Digest, Name, Offer};
use polywire_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::Server;
use super::answer::{build, problem, problem_as};
use super::table::shown;
use crate::body::ReplyBody;
use crate::wire::{ALIVE_PATH, CONTRACTS_PATH, JSON, NO_STORE, OFFERS_PATH, READY_PATH};

/// `/.well-known/contracts`: every contract served, with its offer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Offers {
    pub(crate) contracts: BTreeMap<Name, Offer>,
}

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

impl Server {
    /// The document at a path; `None` when there can be none.
    pub(super) fn document(&self, parts: &Parts) -> Option<Response<ReplyBody>> {
        let path = parts.uri.path();
        let known = matches!(path, OFFERS_PATH | ALIVE_PATH | READY_PATH)
            || path.starts_with(CONTRACTS_PATH) && path.ends_with(".json");
        if !known {
            return None;
        }
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let text = format!("{} {path} is not spoken: it is read with GET", parts.method);
            let headers =
                HeaderMap::from_iter([(header::ALLOW, HeaderValue::from_static("GET, HEAD"))]);
            return Some(problem_as(
                StatusCode::METHOD_NOT_ALLOWED,
                &Error::new(ErrorKind::Unsupported, text),
                headers,
                parts.version,
            ));
        }
        Some(match path {
            OFFERS_PATH => self.offers(parts),
            ALIVE_PATH => status(StatusCode::OK, "alive"),
            READY_PATH => self.ready(),
            _ => self.contract(path, parts),
        })
    }

    fn offers(&self, parts: &Parts) -> Response<ReplyBody> {
        let table = self.table.load();
        let contracts = table
            .contracts
            .iter()
            .map(|(name, served)| (name.clone(), Offer::clone(served.service.offer())))
            .collect();
        let json = match serde_json::to_vec_pretty(&Offers { contracts }) {
            Ok(json) => json,
            Err(error) => {
                return problem(
                    &Error::new(ErrorKind::Internal, "the offers have no JSON form")
                        .caused_by(error),
                    HeaderMap::new(),
                    parts.version,
                );
            }
        };
        cached(parts, json.into(), REVALIDATE)
    }

    fn contract(&self, path: &str, parts: &Parts) -> Response<ReplyBody> {
        let rest = path
            .strip_prefix(CONTRACTS_PATH)
            .and_then(|rest| rest.strip_suffix(".json"));
        let (name, version) = rest
            .and_then(|rest| rest.split_once('/'))
            .unwrap_or_default();
        let table = self.table.load();
        let document = table.contracts.get(name).and_then(|served| {
            let found = served
                .service
                .contracts()
                .find(|contract| contract.version().to_string() == version);
            found.map(|contract| contract.to_json_pretty())
        });
        match document {
            Some(json) => cached(parts, json.into(), IMMUTABLE),
            None => {
                let text = format!(
                    "no contract document at {:?}: {OFFERS_PATH} lists what is served",
                    shown(path)
                );
                problem(
                    &Error::new(ErrorKind::Unroutable, text),
                    HeaderMap::new(),
                    parts.version,
                )
            }
        }
    }

    fn ready(&self) -> Response<ReplyBody> {
        if self.is_ready() {
            status(StatusCode::OK, "ready")
        } else if self.is_draining() {
            status(StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else {
            status(StatusCode::SERVICE_UNAVAILABLE, "nothing is served yet")
        }
    }
}

/// A document that is not sent again to whoever has it (RFC 9110 section 13.1.2).
fn cached(parts: &Parts, json: Bytes, control: HeaderValue) -> Response<ReplyBody> {
    let tag = format!("\"{}\"", Digest::of(&json));
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, control);
    let known = parts
        .headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let has = known
        .flat_map(|list| list.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*");
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if has {
        return build(StatusCode::NOT_MODIFIED, headers, Bytes::new());
    }
    headers.insert(header::CONTENT_TYPE, JSON);
    build(StatusCode::OK, headers, json)
}

fn status(status: StatusCode, word: &str) -> Response<ReplyBody> {
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, JSON),
        (header::CACHE_CONTROL, NO_STORE),
    ]);
    build(
        status,
        headers,
        format!("{{\"status\":\"{word}\"}}\n").into(),
    )
}
