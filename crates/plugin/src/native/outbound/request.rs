//! From what a plugin says to a message.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::Name;
use polywire_core::{
    Directory, Dispatched, Error, ErrorKind, Head, Kind, Message, Result, fields, too_large,
};
use polywire_plugin_abi::read::CallView;
use tokio::time::Instant;

/// A message for a channel, checked.
pub(super) struct Request {
    pub(super) message: Message,
    /// When whoever waits for it stops.
    pub(super) deadline: Instant,
    /// What errors call it.
    pub(super) what: String,
    /// The largest payload of the channel, in bytes.
    pub(super) most: usize,
}

/// The longest that anything waits.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Reads a call or a command.
///
/// # Errors
/// `Config` for a channel that is not configured or is of another contract, `InvalidPayload` naming the field that cannot be read,
/// `TooLarge`.
pub(super) fn request(
    directory: &dyn Directory,
    channel: &str,
    kind: Kind,
    call: &CallView<'_>,
) -> Result<Request> {
    let listed = directory.find(channel)?;
    let contract = name(call, "contract", call.contract)?;
    let method = name(call, "method", call.method)?;
    if contract != listed.contract {
        let text = format!(
            "channel {channel:?} is of contract {:?}, and a plugin calls contract {:?} through it: write contract = {:?} in \
             [channel.{channel}], or use a channel of that contract",
            listed.contract.as_str(),
            contract.as_str(),
            contract.as_str()
        );
        return Err(Error::new(ErrorKind::Config, text));
    }
    let most = listed.capability.max_payload;
    if call.body.len() > most {
        return Err(too_large(call.body.len(), most));
    }
    let what = format!("{contract}.{method} through channel {channel:?}");
    let mut head = Head::new(kind, contract, method);
    read(call, &listed.requirement, &mut head)
        .map_err(|error| error.dispatched_as(Dispatched::No))?;
    let wait = call.timeout.unwrap_or(listed.timeout).min(LONGEST);
    let deadline = Instant::now() + wait;
    head.deadline = Some(deadline);
    if head.token.is_none() {
        head.token = listed.token;
    }
    Ok(Request {
        message: Message::new(head, Bytes::copy_from_slice(call.body)),
        deadline,
        what,
        most,
    })
}

fn read(
    call: &CallView<'_>,
    configured: &Option<polywire_contract::Requirement>,
    head: &mut Head,
) -> Result<()> {
    fields::read(call.headers, head)?;
    head.idempotent = call.headers.get("contract-idempotent") == Some("true");
    let contract = &head.contract;
    let required = fields::read_requirement(contract, configured.as_ref(), call.headers)?;
    if required.is_none() {
        return Err(invalid(format!(
            "no version of {contract} is required: state it by the header contract-require, such as ^1.2, or write require in the \
             configuration of the channel"
        )));
    }
    head.requirement = required;
    Ok(())
}

/// What a header names.
fn name(call: &CallView<'_>, header: &str, index: Option<usize>) -> Result<Name> {
    if let Some(index) = index {
        return Err(invalid(format!(
            "call.{header} is {index}: who calls out names it by PW_BY_NAME and the header {header}"
        )));
    }
    let Some(text) = call.headers.get(header) else {
        return Err(invalid(format!("header {header} is missing")));
    };
    let wrong = |error: &dyn Display| {
        let found: String = text.chars().take(40).collect();
        invalid(format!("header {header} is {found:?}: {error}"))
    };
    text.parse()
        .map_err(|error: polywire_contract::NameError| wrong(&error))
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidPayload, text).dispatched_as(Dispatched::No)
}
