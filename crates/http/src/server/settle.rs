//! `POST .../settle`: what became of deliveries.

use std::sync::Arc;

use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Response, StatusCode};
use polywire_core::{Dispatched, Error, ErrorKind, Head, Kind};
use tokio::time::{Instant, timeout_at};

use super::Server;
use super::answer::build;
use super::events::invalid;
use super::handle::{Refusal, unread};
use super::table::Route;
use crate::body::{self, Payload, ReplyBody};
use crate::wire::{JSON, MAX_SETTLEMENTS, Settled, Settlements, read_head};

/// The most that a request may have, in bytes: settlements with their reasons.
const MAX_BYTES: usize = 1024 * 1024;
/// The last segment of the path.
pub(super) const SUFFIX: &str = "/settle";

impl Server {
    pub(super) async fn settle<B: Payload>(
        self: &Arc<Self>,
        route: &Route,
        parts: &Parts,
        body: B,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let service = &route.served.service;
        let mut head = Head::new(
            Kind::Event,
            service.name().clone(),
            route.interaction.clone(),
        );
        read_head(&parts.headers, &mut head)?;
        let caller = service.authenticate(&head)?;
        let until = Instant::now() + self.limits.body_timeout;
        let read = timeout_at(until, body::read(body, MAX_BYTES, Some(&self.buffered))).await;
        let body = read
            .map_err(|_| self.too_slow())?
            .map_err(|error| unread(error, MAX_BYTES, &self.buffered))?;
        let request: Settlements = serde_json::from_slice(&body)
            .map_err(|error| invalid(format!("settlements cannot be read: {error}")))?;
        let found = request.settlements.len();
        if found > MAX_SETTLEMENTS {
            let text =
                format!("{found} settlements in one request: at most {MAX_SETTLEMENTS} are taken");
            return Err(Error::new(ErrorKind::TooLarge, text).into());
        }
        let path = parts.uri.path().strip_suffix(SUFFIX).unwrap_or_default();
        let Some(hands) = self.members.find(&request.member, path, &caller) else {
            let text = "no such member: its stream ended, and what it held returned to the group";
            return Err(Error::new(ErrorKind::Unroutable, text)
                .dispatched_as(Dispatched::No)
                .into());
        };
        let settled = Settled {
            failed: hands.settle(&request).await,
        };
        let mut headers: HeaderMap = route.served.headers.offer();
        headers.insert(header::CONTENT_TYPE, JSON);
        let json = serde_json::to_vec(&settled).map_err(|error| {
            Error::new(ErrorKind::Internal, "the answer has no JSON form").caused_by(error)
        })?;
        Ok(build(StatusCode::OK, headers, json.into()))
    }
}
