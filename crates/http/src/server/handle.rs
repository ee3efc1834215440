//! A request, from its head to its answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use polywire_core::{
    Admission, Dispatched, Error, ErrorKind, Head, Kind, Message, Result, Service, too_large,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::Server;
use super::answer::{build, is_removed, problem, problem_as, reply};
use super::settle::SUFFIX;
use super::table::{Route, shown};
use crate::body::{self, Buffered, Payload, ReplyBody, Unread};
use crate::extension::{Extension, takes};
use crate::wire::{CLOSE, JSON, read_head};

/// How much the document of an extension may add to a payload, whose text may be twice as long for being encoded.
const ENVELOPE: usize = 64 * 1024;

/// Why a request has no reply: an error, and a status that says more than its kind does.
pub(super) struct Refusal {
    error: Error,
    status: Option<StatusCode>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            error,
            status: None,
        }
    }
}

impl Server {
    /// Answers a request; whatever goes wrong is an answer too.
    pub(crate) async fn handle<B: Payload>(
        self: &Arc<Self>,
        request: Request<B>,
    ) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        if let Some(extension) = &self.extension {
            return Box::pin(self.extended(extension, parts, body)).await;
        }
        if parts.method != Method::POST {
            return self.read_only(&parts);
        }
        let found = self.table.load().find(parts.uri.path());
        let route = match found {
            Ok(route) => route,
            // Boxed: it is rare, and would only make the future of every call larger.
            Err(error) => return Box::pin(self.post_elsewhere(parts, body, error)).await,
        };
        let answered = match route.kind {
            Some(Kind::Operation) | None => self.call(&route, &parts, body).await,
            Some(Kind::Command) => Box::pin(self.command(&route, &parts, body)).await,
            Some(Kind::Event) => return wrong_method(&route, &parts),
        };
        match answered {
            Ok(response) => response,
            Err(refusal) => refuse(&route, &refusal, parts.version),
        }
    }

    /// Answers by an extension, or by a document.
    async fn extended<B: Payload>(
        &self,
        extension: &Arc<dyn Extension>,
        parts: Parts,
        body: B,
    ) -> Response<ReplyBody> {
        if !takes(extension.as_ref(), parts.uri.path()) {
            return self.document(&parts).unwrap_or_else(|| {
                let text = format!("nothing at {:?}", shown(parts.uri.path()));
                let error = Error::new(ErrorKind::Unroutable, text);
                problem(&error, HeaderMap::new(), parts.version)
            });
        }
        let version = parts.version;
        let limit = self.limits.max_payload.saturating_mul(2) + ENVELOPE;
        let slow = self.limits.body_timeout;
        let read = timeout(slow, body::read(body, limit, Some(&self.buffered))).await;
        let refusal = match read {
            Ok(Ok(body)) => match self.place() {
                Ok(_place) => {
                    let answer = extension.answer(Request::from_parts(parts, body)).await;
                    let mut answer = answer.map(ReplyBody::whole);
                    if self.is_draining() && version < Version::HTTP_2 {
                        answer.headers_mut().insert(header::CONNECTION, CLOSE);
                    }
                    return answer;
                }
                Err(error) => error.into(),
            },
            Ok(Err(error)) => unread(error, limit, &self.buffered).into(),
            Err(_) => self.too_slow(),
        };
        match refusal.status {
            Some(status) => problem_as(status, &refusal.error, HeaderMap::new(), version),
            None => problem(&refusal.error, HeaderMap::new(), version),
        }
    }

    async fn call<B: Payload>(
        &self,
        route: &Route,
        parts: &Parts,
        body: B,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let admission = self.admit(route, parts)?;
        let body = self.read(&admission, body).await?;
        let _place = self.place()?;
        let mut answer = reply(&route.served, admission.dispatch(body).await?);
        if route.served.service.is_draining() && parts.version < Version::HTTP_2 {
            answer.headers_mut().insert(header::CONNECTION, CLOSE);
        }
        Ok(answer)
    }

    async fn command<B: Payload>(
        &self,
        route: &Route,
        parts: &Parts,
        body: B,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let admission = self.admit(route, parts)?;
        let body = self.read(&admission, body).await?;
        let service = &route.served.service;
        let taking = self
            .exchange
            .take_one(service.name())
            .map_err(|error| elsewhere(service, error))?;
        // It may have begun to drain while the payload arrived.
        service.refuse_while_draining()?;
        let (head, caller, stamp) = admission.into_accepted();
        let receipt = taking.queue(Message { head, body }, Some(caller)).await?;
        let mut headers = route.served.headers.agreed(&stamp);
        headers.insert(header::CONTENT_TYPE, JSON);
        let body = serde_json::json!({ "id": receipt.id.to_string() }).to_string();
        Ok(build(StatusCode::ACCEPTED, headers, body.into()))
    }

    /// Everything that can be decided before the payload is read.
    fn admit(&self, route: &Route, parts: &Parts) -> Result<Admission, Refusal> {
        let service = &route.served.service;
        let mut head = Head::new(
            route.kind.unwrap_or(Kind::Operation),
            service.name().clone(),
            route.interaction.clone(),
        );
        let stated = read_head(&parts.headers, &mut head)?;
        head.requirement = Some(route.served.requirement(stated, route.track)?);
        service.admit(head).map_err(|error| removed(route, error))
    }

    /// Reads the payload within its bounds of size and time.
    async fn read<B: Payload>(&self, admission: &Admission, body: B) -> Result<Bytes, Refusal> {
        let limit = admission.max_payload().min(self.limits.max_payload);
        let slow = Instant::now() + self.limits.body_timeout;
        let until = slow.min(admission.deadline());
        match timeout_at(until, body::read(body, limit, Some(&self.buffered))).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) => Err(unread(error, limit, &self.buffered).into()),
            Err(_) if until == slow => Err(self.too_slow()),
            Err(_) => {
                let text = "the deadline passed before the payload had arrived";
                Err(Error::new(ErrorKind::DeadlineExceeded, text)
                    .dispatched_as(Dispatched::No)
                    .into())
            }
        }
    }

    pub(super) fn too_slow(&self) -> Refusal {
        let text = format!(
            "the payload had not arrived within {:?}",
            self.limits.body_timeout
        );
        let error = Error::new(ErrorKind::DeadlineExceeded, text).dispatched_as(Dispatched::No);
        Refusal {
            error,
            status: Some(StatusCode::REQUEST_TIMEOUT),
        }
    }

    /// A place among all handlers of the listener. Taken when the payload is there, so that slow clients hold none.
    fn place(&self) -> Result<Place<'_>, Error> {
        let place = Place(self);
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        if running > self.limits.max_in_flight {
            let text = format!(
                "{} handlers run here, the maximum: retry later",
                self.limits.max_in_flight
            );
            return Err(Error::new(ErrorKind::Overloaded, text).retry_after(Duration::from_secs(1)));
        }
        Ok(place)
    }

    /// A `POST` to something else than an interaction.
    async fn post_elsewhere<B: Payload>(
        self: &Arc<Self>,
        parts: Parts,
        body: B,
        error: Error,
    ) -> Response<ReplyBody> {
        if let Some(response) = self.document(&parts) {
            return response;
        }
        let event = parts
            .uri
            .path()
            .strip_suffix(SUFFIX)
            .and_then(|path| self.table.load().find(path).ok());
        match event.filter(|route| route.kind == Some(Kind::Event)) {
            Some(route) => match self.settle(&route, &parts, body).await {
                Ok(response) => response,
                Err(refusal) => refuse(&route, &refusal, parts.version),
            },
            None => problem(&error, HeaderMap::new(), parts.version),
        }
    }

    /// Any other method than `POST`.
    fn read_only(self: &Arc<Self>, parts: &Parts) -> Response<ReplyBody> {
        if let Some(response) = self.document(parts) {
            return response;
        }
        let found = self.table.load().find(parts.uri.path());
        match found {
            Ok(route)
                if matches!(route.kind, Some(Kind::Event) | None)
                    && parts.method == Method::GET =>
            {
                match self.subscribe(&route, parts) {
                    Ok(response) => response,
                    Err(error) => refuse(&route, &removed(&route, error), parts.version),
                }
            }
            Ok(route) => wrong_method(&route, parts),
            Err(error) => problem(&error, HeaderMap::new(), parts.version),
        }
    }
}

struct Place<'a>(&'a Server);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A refusal that says so when the track of the path is gone for good.
fn removed(route: &Route, error: Error) -> Refusal {
    let gone = error.no_match().is_some() && is_removed(&route.served, route.track);
    Refusal {
        error,
        status: gone.then_some(StatusCode::GONE),
    }
}

/// Why a payload was not read, for its sender.
pub(super) fn unread<E: std::error::Error + 'static>(
    error: Unread<E>,
    limit: usize,
    buffered: &Buffered,
) -> Error {
    match error {
        Unread::TooLarge(found) => too_large(found, limit).dispatched_as(Dispatched::No),
        Unread::Crowded => {
            let text = format!(
                "payloads of more than {} bytes are half read here: retry later",
                buffered.most()
            );
            Error::new(ErrorKind::Overloaded, text)
        }
        Unread::Broken(error) => {
            let text = format!("the payload broke off: {}", crate::error::root(&error));
            Error::new(ErrorKind::InvalidPayload, text).dispatched_as(Dispatched::No)
        }
    }
}

fn refuse(route: &Route, refusal: &Refusal, version: Version) -> Response<ReplyBody> {
    let headers = route.served.headers.offer();
    match refusal.status {
        Some(status) => problem_as(status, &refusal.error, headers, version),
        None => problem(&refusal.error, headers, version),
    }
}

fn wrong_method(route: &Route, parts: &Parts) -> Response<ReplyBody> {
    let allowed = if route.kind == Some(Kind::Event) {
        "GET"
    } else {
        "POST"
    };
    let text = format!(
        "{} {} is not spoken: {}.{} is used with {allowed}",
        parts.method,
        parts.uri.path(),
        route.served.service.name(),
        route.interaction
    );
    let error = Error::new(ErrorKind::Unsupported, text);
    let mut headers = route.served.headers.offer();
    headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    problem_as(
        StatusCode::METHOD_NOT_ALLOWED,
        &error,
        headers,
        parts.version,
    )
}

/// An exchange that takes nothing new: `Closed` on its own side, for the caller a replica that goes away.
fn elsewhere(service: &Service, error: Error) -> Error {
    if error.kind() == ErrorKind::Closed {
        service.drain_refusal()
    } else {
        error
    }
}
