//! Messages as an inbox keeps them, and back.

use bytes::Bytes;
use polywire_core::cloudevent::CloudEvent;
use polywire_core::{Caller, Head, Kind, Message, Result, Stamp, TraceContext};

use super::kind_of;
use crate::inbox::{Arrived, Reader};
use crate::record::Delivery;

/// Where the trace of a command is kept: apart from what tells one command from another.
const TRACE: &str = "traceparent";
const TRACE_STATE: &str = "tracestate";

/// A command that was admitted. What differs each time it is sent is no part of it, so that one sent again is recognised.
pub(crate) fn command(message: &Message, stamp: &Stamp, caller: Caller) -> Result<Arrived> {
    let mut head = Head::clone(&message.head);
    head.deadline = None;
    head.attempt = 1;
    let mut headers = Vec::new();
    if let Some(trace) = head.trace.take() {
        headers.push((TRACE.to_owned(), trace.to_string()));
        if let Some(state) = trace.state() {
            headers.push((TRACE_STATE.to_owned(), state.to_owned()));
        }
    }
    Ok(Arrived {
        webhook_id: head.id.to_string(),
        message_id: head.id.to_string(),
        interaction: head.interaction.clone(),
        version: stamp.version.clone(),
        key: head.ordering_key.clone(),
        headers,
        body: CloudEvent::of(&head, &message.body).to_json()?.into(),
        caller: Some(caller),
    })
}

/// Reads what both ends keep: events as they were signed, commands as [`command`] wrote them.
#[derive(Debug)]
pub(crate) struct Documents;

impl Reader for Documents {
    fn read(&self, delivery: &Delivery) -> Result<(Head, Bytes)> {
        let body = delivery.body.clone().unwrap_or_default();
        let event = CloudEvent::parse(&body)?;
        let kind = kind_of(&event).unwrap_or(Kind::Event);
        let mut head = event.head(kind, &event.contract()?, &delivery.interaction)?;
        let header = |name: &str| {
            let mut found = delivery.headers.iter();
            found.find(|(known, _)| known == name)
        };
        if let Some((_, trace)) = header(TRACE) {
            let trace = trace.parse::<TraceContext>().ok();
            head.trace = match header(TRACE_STATE) {
                Some((_, state)) => trace.map(|trace| trace.with_state(state)),
                None => trace,
            };
        }
        Ok((head, event.body()?))
    }
}
