//! What is said to the host and what it answers, in the form of the interface.

use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::Name;
use polywire_core::{
    Dispatched, Error, ErrorKind, Head, Listed, Message, MessageId, Outcome, Problem, Receipt,
    Reply, Result, Stamp, fields,
};
use polywire_plugin_abi::read::ChannelsTable;
use polywire_plugin_abi::{Headers, MAX_HEADER_BYTES, raw, write_header};

use crate::collected::{Collected, refused};

/// One channel of the host, for threads that may wait.
pub(super) struct Exchange {
    table: ChannelsTable,
    name: String,
    /// The largest answer, in bytes.
    most: usize,
    /// The fields of the latest reply and their stamp: the same again need not be read again.
    latest: Mutex<Option<(Vec<u8>, Arc<Stamp>)>>,
}

/// How much larger than a payload an answer may be that has one in a problem document, in bytes.
const DOCUMENT: usize = 64 * 1024;

/// What the host says of a channel.
///
/// # Errors
/// Those of the host; `Internal` when it cannot be read.
pub(super) fn listed(table: ChannelsTable, name: &str) -> Result<Listed> {
    let mut out = Collected::new(DOCUMENT);
    let code = table.describe(name, &out.sink());
    let document = out.into_bytes()?;
    if code != raw::OK {
        return Err(refused(code, &document));
    }
    serde_json::from_slice(&document).map_err(|error| {
        let text = format!("what the host says of channel {name:?} cannot be read: {error}");
        Error::new(ErrorKind::Internal, text).caused_by(error)
    })
}

/// A code, fields and a body.
type Answer = (i32, Vec<u8>, Bytes);

impl Exchange {
    pub(super) fn new(table: ChannelsTable, name: &str, max_payload: usize) -> Self {
        Self {
            table,
            name: name.to_owned(),
            most: max_payload.saturating_add(DOCUMENT),
            latest: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The largest answer, in bytes.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn table(&self) -> ChannelsTable {
        self.table
    }

    /// Calls an operation, on the calling thread.
    pub(super) fn call(&self, id: u64, message: &Message) -> Result<Reply> {
        let (code, fields, body) = self.say(id, message, ChannelsTable::call)?;
        let (outcome, body) = match code {
            raw::OK => (Outcome::Done, body),
            raw::FAILED => application(&body).ok_or_else(|| refused(code, &body))?,
            code => return Err(refused(code, &body)),
        };
        let Some(stamp) = self.stamp(&message.head.contract, fields)? else {
            let text = "the host's answer does not say at which version it was spoken";
            return Err(Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::Yes));
        };
        Ok(Reply {
            stamp,
            outcome,
            body,
        })
    }

    /// Sends a command, on the calling thread.
    pub(super) fn send(&self, id: u64, message: &Message) -> Result<Receipt> {
        let (code, fields, problem) = self.say(id, message, ChannelsTable::send)?;
        if code != raw::OK {
            return Err(refused(code, &problem));
        }
        let taken = read(&fields)?.get("contract-message-id");
        let taken = taken.map(MessageId::parse).transpose()?;
        let stamp = self.stamp(&message.head.contract, fields)?;
        Ok(Receipt::new(
            taken.unwrap_or_else(|| message.head.id.clone()),
            stamp,
        ))
    }

    fn say(
        &self,
        id: u64,
        message: &Message,
        say: impl FnOnce(&ChannelsTable, &str, &raw::Call, &raw::Sink, &raw::Sink) -> i32,
    ) -> Result<Answer> {
        let headers = headers(&message.head)?;
        let timeout = match message.head.remaining() {
            Some(Duration::ZERO) => {
                let text = "the deadline has passed before the host was asked";
                return Err(
                    Error::new(ErrorKind::DeadlineExceeded, text).dispatched_as(Dispatched::No)
                );
            }
            left => left.map_or(0, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)),
        };
        let call = call(id, timeout, &headers, &message.body);
        let (mut fields, mut out) = (Collected::new(MAX_HEADER_BYTES), Collected::new(self.most));
        let code = say(&self.table, &self.name, &call, &fields.sink(), &out.sink());
        let large = |error: Error| error.dispatched_as(Dispatched::Maybe);
        Ok((
            code,
            fields.into_bytes().map_err(large)?,
            out.into_bytes().map_err(large)?.into(),
        ))
    }

    fn stamp(&self, contract: &Name, fields: Vec<u8>) -> Result<Option<Arc<Stamp>>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, stamp)) = &*latest
            && *known == fields
        {
            return Ok(Some(stamp.clone()));
        }
        let stamp = fields::read_stamp(contract, read(&fields)?)
            .map_err(|error| error.dispatched_as(Dispatched::Yes))?
            .map(Arc::new);
        if let Some(stamp) = &stamp {
            *latest = Some((fields, stamp.clone()));
        }
        Ok(stamp)
    }
}

/// The fields of an answer.
///
/// # Errors
/// `Integrity`.
pub(super) fn read(fields: &[u8]) -> Result<Headers<'_>> {
    Headers::read(fields).map_err(|error| {
        let text = format!("the fields of the host's answer cannot be read: {error}");
        Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::Yes)
    })
}

/// The application's own error, if the document is one.
fn application(document: &Bytes) -> Option<(Outcome, Bytes)> {
    let problem: Problem<'_> = serde_json::from_slice(document).ok()?;
    problem.application(document)
}

/// Everything about a message beside its deadline and its payload.
///
/// # Errors
/// `TooLarge`.
pub(super) fn headers(head: &Head) -> Result<Vec<u8>> {
    let mut headers = Vec::with_capacity(512);
    let mut field = |name: &str, value: &str| put(&mut headers, name, value);
    field("contract", &head.contract)?;
    field("method", &head.interaction)?;
    if let Some(requirement) = &head.requirement {
        fields::write_requirement(requirement, &mut field)?;
    }
    if head.idempotent {
        field("contract-idempotent", "true")?;
    }
    fields::write(head, &mut field)?;
    Ok(headers)
}

/// Appends a header.
///
/// # Errors
/// `TooLarge`.
pub(super) fn put(headers: &mut Vec<u8>, name: &str, value: &str) -> Result<()> {
    write_header(headers, name, value)
        .map_err(|error| Error::new(ErrorKind::TooLarge, error.to_string()))
}

/// What the host is given; it names contract and method by its headers.
pub(super) fn call(id: u64, timeout_ns: u64, headers: &[u8], body: &[u8]) -> raw::Call {
    raw::Call {
        size: u32::try_from(size_of::<raw::Call>()).unwrap_or(0),
        id,
        timeout_ns,
        contract: raw::BY_NAME,
        method: raw::BY_NAME,
        headers: raw::Slice::of(headers),
        body: raw::Slice::of(body),
    }
}
