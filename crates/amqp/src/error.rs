//! What the broker and its client library say, in the words of [`ErrorKind`].

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use polywire_contract::Retry;
use polywire_core::config::redact_url_passwords;
use polywire_core::{Dispatched, Error, ErrorKind};

/// An error text of the broker or the library, without passwords and of bounded length.
pub(crate) fn plain(error: &lapin::Error) -> String {
    let text = match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        _ => error.to_string(),
    };
    redact_url_passwords(&text).chars().take(500).collect()
}

/// Why a broker refuses us and will again, however often we ask: credentials, vhost, permissions.
pub(crate) fn refusal(error: &lapin::Error, broker: &str) -> Option<Error> {
    let lapin::ErrorKind::ProtocolError(protocol) = error.kind() else {
        return None;
    };
    let text = plain(error);
    // Another connection may end, and a vhost come up.
    if text.contains("limit") || text.contains("is down") {
        return None;
    }
    let (kind, message) = match protocol.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => (
            ErrorKind::Unauthenticated,
            format!(
                "{broker} refused the login: {text}: check the user, its password and its permissions"
            ),
        ),
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INVALIDPATH) => (
            ErrorKind::Config,
            format!("{broker} refused the vhost: {text}: check the path of the url, %2f for /"),
        ),
        _ => return None,
    };
    Some(
        Error::new(kind, message)
            .retry_as(Retry::Never)
            .dispatched_as(Dispatched::No),
    )
}

/// Whether what was asked for does not exist.
pub(crate) fn is_missing(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(protocol)
        if matches!(protocol.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)))
}

/// A failed operation on a connection or a channel that worked before.
pub(crate) fn lost(what: &str, error: &lapin::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("{what}: the broker's connection failed: {}", plain(error)),
    )
    .retry_as(Retry::Later)
}

/// The channel is closed at this end.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the channel is closed")
}

/// The channel takes nothing new.
pub(crate) fn draining() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the channel is draining and takes nothing new",
    )
}

/// A header or property that cannot be read; the handler did not run.
pub(crate) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidPayload, message).dispatched_as(Dispatched::No)
}

/// What differs between our declaration and what the broker has, from its 406.
///
/// `PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current is
/// 'classic'`
pub(crate) fn inequivalent(error: &lapin::Error) -> Option<Error> {
    let lapin::ErrorKind::ProtocolError(protocol) = error.kind() else {
        return None;
    };
    if !matches!(
        protocol.kind(),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)
    ) {
        return None;
    }
    Some(Error::new(ErrorKind::Config, difference(&plain(error))))
}

fn difference(text: &str) -> String {
    let between = |from: &str, until: &str| {
        let (_, rest) = text.split_once(from)?;
        rest.split_once(until).map(|(found, _)| found)
    };
    let argument = between("inequivalent arg '", "'");
    let place = between("' for ", " in vhost").map(|place| place.replace('\'', "\""));
    let sides = text.split_once(": received ").map(|(_, sides)| {
        sides
            .split_once(" but current is ")
            .unwrap_or((sides, "another"))
    });
    match (argument, place, sides) {
        (Some(argument), Some(place), Some((ours, theirs))) => format!(
            "the broker's {place} differs in {argument}: {} there, {} here: configure the same at both ends, or delete it at the broker once it is empty",
            value(theirs),
            value(ours)
        ),
        _ => format!("the broker has it with other arguments: {text}"),
    }
}

/// `the value 'quorum' of type 'longstr'` and `'quorum'` as `quorum`, `none` as it is.
fn value(text: &str) -> &str {
    text.split('\'').nth(1).unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_argument_that_differs_is_named_with_both_values() {
        let text = "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'evt.orders.shipped.billing.v1' in vhost '/': received the value 'quorum' of type 'longstr' but current is the value 'classic' of type 'longstr'";
        assert_eq!(
            difference(text),
            "the broker's queue \"evt.orders.shipped.billing.v1\" differs in x-queue-type: classic there, quorum here: configure the same at both ends, or delete it at the broker once it is empty"
        );
        let text = "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received none but current is the value '10' of type 'long'";
        assert!(difference(text).contains("differs in x-max-length: 10 there, none here"));
        let text = "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'";
        assert!(difference(text).contains("differs in durable: false there, true here"));
        assert_eq!(
            difference("PRECONDITION_FAILED - odd"),
            "the broker has it with other arguments: PRECONDITION_FAILED - odd"
        );
    }
}
