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
    /// How many events a subscriber may hold unsettled.
    pub(super) prefetch: usize,
}

/// The longest that anything waits.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Reads a call, a command, or whose events are wanted.
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
        prefetch: listed.prefetch,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use polywire_core::memory::{Hub, MemoryChannel};
    use polywire_core::{Bounds, Channel, Listed, Policy, Token};
    use polywire_plugin_abi::{Headers, write_header};
    use proptest::prelude::*;

    use super::*;

    /// A directory with one channel.
    #[derive(Debug)]
    struct One(Arc<MemoryChannel>);

    #[async_trait]
    impl Directory for One {
        fn find(&self, _: &str) -> Result<Listed> {
            let name = Name::from_static("stock");
            let policy = Policy {
                token: Some(Token::new("the host's")),
                ..Policy::default()
            };
            let capability = self.0.capability().clone();
            Ok(Listed::new(name, None, &policy, capability))
        }

        async fn open(&self, _: &str) -> Result<Arc<dyn Channel>> {
            Ok(self.0.clone())
        }
    }

    fn read(kind: Kind, pairs: &[(String, String)], timeout: Option<Duration>) -> Result<Request> {
        let mut headers = Vec::new();
        for (name, value) in pairs {
            write_header(&mut headers, name, value).unwrap();
        }
        let call = CallView {
            id: 0,
            timeout,
            contract: None,
            method: None,
            headers: Headers::read(&headers).unwrap(),
            body: b"{}",
        };
        let one = One(Arc::new(MemoryChannel::new(
            Hub::new(Bounds::default()),
            64,
        )));
        request(&one, "stock", kind, &call)
    }

    #[test]
    fn everything_that_is_stated_is_in_the_message() {
        let pairs = [
            ("contract", "stock"),
            ("method", "left"),
            ("contract-require", "^2; ^1.2"),
            ("contract-idempotent", "true"),
            ("contract-message-id", "order 7"),
            ("authorization", "Bearer abc"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let wait = Duration::from_secs(7);
        let request = read(Kind::Command, &pairs, Some(wait)).unwrap();
        let head = &request.message.head;
        assert_eq!(head.requirement.as_ref().unwrap().list_text(), "^2; ^1.2");
        assert!(head.idempotent && head.kind == Kind::Command);
        assert_eq!(head.id.to_string(), "order 7");
        assert_eq!(head.token.as_ref().unwrap().expose(), "abc");
        assert!(head.remaining().unwrap() <= wait);
        assert_eq!(request.what, "stock.left through channel \"stock\"");
        // Without a token of its own it goes by the host's.
        let endless = read(Kind::Command, &pairs[..5], Some(Duration::MAX)).unwrap();
        let head = &endless.message.head;
        assert!(head.remaining().unwrap() <= LONGEST);
        assert_eq!(head.token.as_ref().unwrap().expose(), "the host's");
    }

    proptest! {
        #[test]
        fn headers_of_any_text_are_read_or_refused(
            pairs in prop::collection::vec((0..9_usize, ".{0,30}"), 0..9),
        ) {
            const NAMES: [&str; 9] = [
                "contract", "method", "contract-require", "contract-digest", "contract-kind",
                "contract-message-id", "contract-attempt", "contract-meta-x", "authorization",
            ];
            let named = [("contract", "stock"), ("method", "left")];
            let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let pairs = pairs.into_iter().map(|(name, value)| (NAMES[name].to_owned(), value));
            let pairs: Vec<_> = named.into_iter().chain(pairs).collect();
            if let Err(error) = read(Kind::Operation, &pairs, None) {
                let kinds = [ErrorKind::InvalidPayload, ErrorKind::TooLarge, ErrorKind::Unsupported];
                prop_assert!(kinds.contains(&error.kind()), "{:?}", error);
                prop_assert_eq!(error.dispatched(), Dispatched::No);
            }
        }
    }
}
