//! The consumer's end: pooled connections, calls and commands.

mod discover;
mod lane;
mod pool;
mod subscribe;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use polywire_core::contract::{Name, Retry};
use polywire_core::{
    Dispatched, Error, ErrorKind, Head, Message, Outcome, Problem, Receipt, Reply, Result, Stamp,
};
use std::sync::Arc;

use crate::body::{self, Unread};
use crate::config::HttpConfig;
use crate::error::{broken_answer, foreign, no_answer, origin, wait};
use crate::url::BaseUrl;
use crate::wire::{PROBLEM, StampCache, write_head};
pub(crate) use lane::allows;
use lane::{Lane, Lanes};
use pool::Pool;
pub(crate) use subscribe::Ends;

/// How much of an error answer is read, in bytes: refusals list every version offered.
const MAX_PROBLEM: usize = 1024 * 1024;

/// The consumer's end of a transport; its channels share it.
#[derive(Debug)]
pub(crate) struct Client {
    bases: Vec<BaseUrl>,
    /// How many requests were given to a replica in turn.
    asked: AtomicUsize,
    /// The replica that refused a version last.
    refused: AtomicUsize,
    pool: Pool,
    lanes: Lanes,
    stamps: StampCache,
    max_payload: usize,
    allow_plaintext: bool,
    heartbeat: std::time::Duration,
}

/// An answer, whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    uri: Uri,
}

impl Client {
    /// # Errors
    /// `Config` when a certificate cannot be used.
    pub(crate) fn new(config: &HttpConfig) -> Result<Self> {
        Ok(Self {
            bases: config.urls.clone(),
            asked: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            pool: Pool::new(config)?,
            lanes: Lanes::new(),
            stamps: StampCache::default(),
            max_payload: config.max_payload,
            allow_plaintext: config.allow_plaintext,
            heartbeat: config.heartbeat,
        })
    }

    pub(crate) async fn call(&self, message: Message) -> Result<Reply> {
        let lane = self.lane(&message.head)?;
        let contract = message.head.contract.clone();
        let answer = self.post(&lane, message).await?;
        if answer.status == StatusCode::OK {
            let stamp = self.stamp(&contract, &answer)?;
            lane.follow(&stamp, &self.bases);
            return Ok(Reply {
                stamp,
                outcome: Outcome::Done,
                body: answer.body,
            });
        }
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY
            && let Some((outcome, body)) = application_error(&answer.body)
        {
            let stamp = self.stamp(&contract, &answer)?;
            return Ok(Reply {
                stamp,
                outcome,
                body,
            });
        }
        Err(refusal(&answer))
    }

    pub(crate) async fn send(&self, message: Message) -> Result<Receipt> {
        let lane = self.lane(&message.head)?;
        let (contract, id) = (message.head.contract.clone(), message.head.id.clone());
        let answer = self.post(&lane, message).await?;
        if answer.status == StatusCode::ACCEPTED {
            let stamp = self.stamp(&contract, &answer)?;
            lane.follow(&stamp, &self.bases);
            return Ok(Receipt::new(id, Some(stamp)));
        }
        Err(refusal(&answer))
    }

    /// A request of another transport: to each URL in turn, and to the next one when it cannot be connected to.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        elsewhere: bool,
    ) -> Result<Response<Bytes>> {
        let mut failed = None;
        let first = if elsewhere {
            self.refused.load(Ordering::Relaxed) + 1
        } else {
            self.asked.fetch_add(1, Ordering::Relaxed)
        };
        for turn in 0..self.bases.len() {
            let turn = (first + turn) % self.bases.len();
            let base = &self.bases[turn];
            if headers.contains_key(AUTHORIZATION) {
                self.guard_token(turn)?;
            }
            let uri = base.join(path)?;
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers.clone();
            match self.exchange(request, uri, false, self.max_payload).await {
                Ok(answer) => {
                    if answer.status == StatusCode::NOT_ACCEPTABLE {
                        self.refused.store(turn, Ordering::Relaxed);
                    }
                    let mut response = Response::new(answer.body);
                    *response.status_mut() = answer.status;
                    *response.headers_mut() = answer.headers;
                    return Ok(response);
                }
                Err(error) if error.dispatched() == Dispatched::No => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(failed.unwrap_or_else(|| Error::new(ErrorKind::Config, "no url is configured")))
    }

    fn lane(&self, head: &Head) -> Result<Arc<Lane>> {
        let Some(requirement) = &head.requirement else {
            let text = format!(
                "no version required of contract {:?}: state a range such as ^1.2",
                head.contract.as_str()
            );
            return Err(Error::new(ErrorKind::InvalidPayload, text).dispatched_as(Dispatched::No));
        };
        self.lanes.get(requirement, &head.interaction, &self.bases)
    }

    async fn post(&self, lane: &Lane, message: Message) -> Result<Answer> {
        let Message { head, body } = message;
        let mut turn = self.turn(&head);
        let mut headers = lane.headers();
        write_head(&mut headers, &head)?;
        // A replica that cannot be reached, or drains, has done nothing, so the next one may have the request.
        for _ in 1..self.bases.len() {
            match self
                .post_to(turn, lane, &head, headers.clone(), body.clone())
                .await
            {
                Err(error)
                    if error.kind() == ErrorKind::Unavailable
                        && error.dispatched() == Dispatched::No => {}
                Ok(answer)
                    if answer.status == StatusCode::SERVICE_UNAVAILABLE
                        && refusal(&answer).dispatched() == Dispatched::No => {}
                answer => return answer,
            }
            turn = (turn + 1) % self.bases.len();
        }
        self.post_to(turn, lane, &head, headers, body).await
    }

    async fn post_to(
        &self,
        turn: usize,
        lane: &Lane,
        head: &Head,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer> {
        if head.token.is_some() {
            self.guard_token(turn)?;
        }
        let uri = lane.paths().uris[turn].clone();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        let answer = self
            .exchange(request, uri, head.attempt > 1, self.max_payload)
            .await?;
        if matches!(answer.status, StatusCode::NOT_ACCEPTABLE | StatusCode::GONE) {
            self.refused.store(turn, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Sends a request and reads its answer, an error's too.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        uri: Uri,
        fresh: bool,
        limit: usize,
    ) -> Result<Answer> {
        let response = self
            .pool
            .request(request, fresh)
            .await
            .map_err(|error| no_answer(error, &uri))?;
        self.whole(response, uri, limit).await
    }

    /// Reads an answer; of one that is neither a reply nor a typed error at most [`MAX_PROBLEM`] bytes.
    async fn whole(&self, response: Response<Incoming>, uri: Uri, limit: usize) -> Result<Answer> {
        let (parts, incoming) = response.into_parts();
        let limit = if parts.status.is_success() || parts.status == StatusCode::UNPROCESSABLE_ENTITY
        {
            limit
        } else {
            MAX_PROBLEM
        };
        let body = match body::read(incoming, limit, None).await {
            Ok(body) => body,
            Err(Unread::TooLarge(found)) => {
                let text = format!(
                    "the answer of {} has {found} bytes: at most {limit} are taken; raise max_payload",
                    origin(&uri)
                );
                return Err(Error::new(ErrorKind::TooLarge, text).dispatched_as(Dispatched::Yes));
            }
            Err(Unread::Broken(error)) => return Err(broken_answer(error, &uri)),
            Err(Unread::Crowded) => {
                return Err(Error::new(
                    ErrorKind::Overloaded,
                    "too many answers are half read: retry later",
                ));
            }
        };
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            uri,
        })
    }

    /// Which replica is asked first: each in turn, and for a further attempt the one after who refused last.
    fn turn(&self, head: &Head) -> usize {
        match self.bases.len() {
            1 => 0,
            several if head.attempt > 1 => (self.refused.load(Ordering::Relaxed) + 1) % several,
            several => self.asked.fetch_add(1, Ordering::Relaxed) % several,
        }
    }

    fn guard_token(&self, turn: usize) -> Result<()> {
        let base = &self.bases[turn];
        if base.is_tls() || base.is_loopback() || self.allow_plaintext {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Config,
            format!(
                "{base} is beyond this machine and not encrypted, so a token is not sent there: use https, or say allow_plaintext = true"
            ),
        ))
    }

    fn stamp(&self, contract: &Name, answer: &Answer) -> Result<Arc<Stamp>> {
        self.stamps.read(contract, &answer.headers)?.ok_or_else(|| {
            let text = format!(
                "{} answered {} without the version it spoke: it is no provider of ours",
                origin(&answer.uri),
                answer.status
            );
            Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::Yes)
        })
    }
}

/// The error that an answer carries.
fn refusal(answer: &Answer) -> Error {
    let is_problem = answer
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(PROBLEM.as_bytes()));
    let problem = if is_problem {
        Error::from_problem(&answer.body)
    } else {
        None
    };
    match problem {
        Some(error) if error.wait().is_none() => match wait(&answer.headers) {
            Some(wait) if error.retry() != Retry::Never => error.retry_after(wait),
            _ => error,
        },
        Some(error) => error,
        None => foreign(answer.status, &answer.headers, &answer.body, &answer.uri),
    }
}

/// The typed error that an answer carries.
fn application_error(body: &Bytes) -> Option<(Outcome, Bytes)> {
    serde_json::from_slice::<Problem<'_>>(body)
        .ok()?
        .application(body)
}
