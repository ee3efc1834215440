//! Replies: results, typed errors and problem documents, each stamped.

use std::sync::Arc;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{FieldTable, ShortString};
use polywire_contract::Name;
use polywire_core::{
    APPLICATION, Dispatched, Error, ErrorKind, Outcome, Problem, Reply, Result, Stamp,
};
use quick_cache::sync::Cache;

use super::names;
use super::stamp::{Stamps, write_stamp};
use super::table::{Headers, Table};

/// How many stamps' headers are remembered.
const REMEMBERED: usize = 64;

/// The headers of replies, written once per stamp.
#[derive(Debug)]
pub(crate) struct Replies(Cache<usize, Arc<(Arc<Stamp>, Headers)>>);

impl Default for Replies {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Replies {
    fn headers(&self, stamp: &Arc<Stamp>) -> Headers {
        // An entry holds its stamp, so that the address stays its own.
        let key = Arc::as_ptr(stamp).addr();
        if let Some(known) = self.0.get(&key) {
            return known.1.clone();
        }
        let mut headers = Headers::default();
        headers.text(names::CONTRACT, stamp.contract.as_str());
        write_stamp(&mut headers, stamp, true);
        self.0
            .insert(key, Arc::new((stamp.clone(), headers.clone())));
        headers
    }
}

/// The answer of a handler.
///
/// # Errors
/// `Internal` when the handler's typed error is no JSON.
pub(crate) fn write_reply(
    reply: &Reply,
    correlation: ShortString,
    written: &Replies,
) -> Result<(BasicProperties, Bytes)> {
    let headers = written.headers(&reply.stamp);
    let (content_type, body) = match &reply.outcome {
        Outcome::Done => ("application/json", reply.body.clone()),
        Outcome::Failed { code, retryable } => {
            let problem = Problem::write_application(code, *retryable, &reply.body)
                .map_err(|error| error.dispatched_as(Dispatched::Yes))?;
            (names::PROBLEM, problem)
        }
    };
    Ok((
        properties(content_type, correlation).with_headers(headers.finish()?),
        body,
    ))
}

fn properties(content_type: &'static str, correlation: ShortString) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(content_type.into())
        .with_correlation_id(correlation)
        .with_delivery_mode(1)
}

/// The answer to a request that failed.
pub(crate) fn write_problem(
    error: &Error,
    contract: &Name,
    correlation: ShortString,
) -> (BasicProperties, Bytes) {
    let mut headers = FieldTable::default();
    headers.insert(
        names::CONTRACT.into(),
        lapin::types::AMQPValue::LongString(contract.as_str().into()),
    );
    let properties = properties(names::PROBLEM, correlation).with_headers(headers);
    (properties, error.to_problem().into())
}

/// Whether an answer is a problem document (RFC 9457).
pub(crate) fn is_problem(properties: &BasicProperties) -> bool {
    let content_type = properties.content_type().as_ref();
    content_type.is_some_and(|found| found.as_str().eq_ignore_ascii_case(names::PROBLEM))
}

/// Reads an answer.
///
/// # Errors
/// What the far side decided, or `Integrity` when the answer cannot be understood.
pub(crate) fn read_reply(
    contract: &Name,
    properties: &BasicProperties,
    body: &Bytes,
    stamps: &Stamps,
) -> Result<Reply> {
    let unreadable = |why: &str| {
        Error::new(
            ErrorKind::Integrity,
            format!("the answer cannot be understood: {why}"),
        )
        .dispatched_as(Dispatched::Maybe)
    };
    let application = if is_problem(properties) {
        let problem: Problem<'_> = serde_json::from_slice(body)
            .map_err(|error| unreadable(&format!("its problem document: {error}")))?;
        if problem.kind == APPLICATION {
            Some(
                problem
                    .application(body)
                    .ok_or_else(|| unreadable("a typed error without code and error"))?,
            )
        } else {
            return Err(Error::from_problem(body)
                .unwrap_or_else(|| unreadable("a problem of an unknown type")));
        }
    } else {
        None
    };
    let stamp = stamps
        .read(contract, &Table::of(properties))
        .map_err(|error| unreadable(error.message()))?
        .ok_or_else(|| unreadable("it does not say at which version it was given"))?;
    let (outcome, body) = application.unwrap_or((Outcome::Done, body.clone()));
    Ok(Reply {
        stamp,
        outcome,
        body,
    })
}
