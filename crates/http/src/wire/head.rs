//! A message's head as request headers.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use polywire_core::{
    ContentType, Dispatched, Error, ErrorKind, Head, Kind, MessageId, Result, Token, TraceContext,
};
use tokio::time::Instant;

use super::names::*;
use super::text::{header_text, plain, visible};

/// The longest deadline taken from a peer.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// What a request states about versions, as it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stated<'a> {
    pub(crate) require: Option<&'a HeaderValue>,
    pub(crate) digest: Option<&'a HeaderValue>,
}

/// Fills a head in from request headers, in one pass over them.
///
/// # Errors
/// `InvalidPayload` for a header that cannot be read, or that may be sent once and was sent twice; `TooLarge` for
/// metadata beyond its bounds.
pub(crate) fn read_head<'a>(headers: &'a HeaderMap, head: &mut Head) -> Result<Stated<'a>> {
    let mut stated = Stated::default();
    let mut state = None;
    for (name, value) in headers {
        match name.as_str() {
            "content-type" => {
                head.content_type = ContentType::parse(visible("content-type", value)?);
            }
            "contract-require" => once(&mut stated.require, "contract-require", value)?,
            "contract-digest" => once(&mut stated.digest, "contract-digest", value)?,
            "contract-kind" => head.kind = kind(value)?,
            "contract-timeout" => head.deadline = Some(Instant::now() + timeout(value)?),
            "contract-message-id" => {
                head.id =
                    MessageId::parse(&plain("contract-message-id", value)?).map_err(refused)?;
            }
            "contract-attempt" => head.attempt = number("contract-attempt", value, 1..=u32::MAX)?,
            "contract-ordering-key" => {
                head.ordering_key = Some(plain("contract-ordering-key", value)?.into());
            }
            "idempotency-key" => {
                head.idempotency_key = Some(plain("idempotency-key", value)?.into());
            }
            "traceparent" => {
                head.trace = value
                    .to_str()
                    .ok()
                    .and_then(|text| text.parse::<TraceContext>().ok());
            }
            "tracestate" => state = Some(value),
            "authorization" => head.token = token(value)?,
            other => {
                if let Some(key) = other.strip_prefix(META) {
                    head.metadata
                        .insert(key, &plain(other, value)?)
                        .map_err(refused)?;
                }
            }
        }
    }
    if let Some(state) = state.and_then(|state| state.to_str().ok()) {
        head.trace = head.trace.take().map(|trace| trace.with_state(state));
    }
    Ok(stated)
}

fn once<'a>(place: &mut Option<&'a HeaderValue>, name: &str, value: &'a HeaderValue) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(invalid(format!(
            "header {name} was sent twice: send it once, ranges separated by \";\""
        ))),
    }
}

fn kind(value: &HeaderValue) -> Result<Kind> {
    match value.as_bytes() {
        b"operation" => Ok(Kind::Operation),
        b"command" => Ok(Kind::Command),
        b"event" => Ok(Kind::Event),
        _ => Err(invalid(
            "header contract-kind: send operation, command or event, or leave it out",
        )),
    }
}

fn timeout(value: &HeaderValue) -> Result<Duration> {
    let most = u32::try_from(MAX_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    Ok(Duration::from_millis(
        number("contract-timeout", value, 0..=most)?.into(),
    ))
}

fn number(name: &str, value: &HeaderValue, range: std::ops::RangeInclusive<u32>) -> Result<u32> {
    let number = value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let found: String = String::from_utf8_lossy(value.as_bytes())
            .chars()
            .take(40)
            .collect();
        invalid(format!(
            "header {name} is {found:?}: expected a number from {} to {}",
            range.start(),
            range.end()
        ))
    })
}

/// The token of an `Authorization` value; `None` when it is of another scheme.
///
/// # Errors
/// `InvalidPayload` for bytes that are not printable, `TooLarge` beyond [`Token::MAX`].
pub fn token(value: &HeaderValue) -> Result<Option<Token>> {
    let Ok(text) = value.to_str() else {
        return Err(invalid(
            "header authorization has bytes that are not printable ASCII",
        ));
    };
    // Other schemes belong to proxies and to frameworks that this service is merged into.
    let Some((scheme, rest)) = text.split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    if rest.len() > Token::MAX {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "bearer token of {} bytes: at most {} are taken",
                rest.len(),
                Token::MAX
            ),
        ));
    }
    Ok(Some(Token::new(rest.trim())))
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidPayload, message).dispatched_as(Dispatched::No)
}

fn refused(error: Error) -> Error {
    error.dispatched_as(Dispatched::No)
}

/// Writes what is specific to one message; what is the same for every message of a requirement comes with its lane.
pub(crate) fn write_head(headers: &mut HeaderMap, head: &Head) -> Result<()> {
    headers.insert(CONTENT_TYPE, content_type(&head.content_type));
    headers.insert(KIND, HeaderValue::from_static(head.kind.as_str()));
    let mut id = [0; 32];
    headers.insert(MESSAGE_ID, passing(id_value(&head.id, &mut id)));
    if let Some(remaining) = head.remaining() {
        headers.insert(TIMEOUT, passing(HeaderValue::from(millis(remaining))));
    }
    if let Some(trace) = &head.trace {
        if let Ok(value) = HeaderValue::from_bytes(&trace.to_bytes()) {
            headers.insert(TRACEPARENT, passing(value));
        }
        if let Some(state) = trace
            .state()
            .and_then(|state| HeaderValue::from_str(state).ok())
        {
            headers.insert(TRACESTATE, state);
        }
    }
    if head.attempt > 1 {
        headers.insert(ATTEMPT, HeaderValue::from(head.attempt));
    }
    if let Some(key) = &head.idempotency_key {
        headers.insert(IDEMPOTENCY_KEY, header_text(key));
    }
    if let Some(key) = &head.ordering_key {
        headers.insert(ORDERING_KEY, header_text(key));
    }
    if let Some(token) = &head.token {
        headers.insert(AUTHORIZATION, bearer(token)?);
    }
    for (key, value) in &head.metadata {
        let name = format!("{META}{key}");
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| invalid(format!("metadata key {key:?} is no header name")))?;
        headers.insert(name, header_text(value));
    }
    Ok(())
}

/// An `Authorization` value that is never printed and never indexed by HTTP/2 compression (RFC 6750 section 2.1).
///
/// # Errors
/// `InvalidPayload` when the token has characters that no header can carry.
pub fn bearer(token: &Token) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| invalid("the token has characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A value that no other message has. HTTP/2 would keep it for the next ones, in the place of those that they share.
fn passing(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// Whole milliseconds, rounded up, so that a deadline is not shortened to nothing.
fn millis(remaining: Duration) -> u64 {
    u64::try_from(remaining.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

fn content_type(content_type: &ContentType) -> HeaderValue {
    if *content_type == ContentType::JSON {
        return JSON;
    }
    HeaderValue::from_str(content_type.as_str())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn id_value(id: &MessageId, buffer: &mut [u8; 32]) -> HeaderValue {
    use std::io::Write;
    let mut rest = &mut buffer[..];
    // Our own ids are 32 digits and take no other allocation than the value's.
    if write!(rest, "{id}").is_ok() {
        let left = rest.len();
        let written = buffer.len() - left;
        if let Ok(value) = HeaderValue::from_bytes(&buffer[..written])
            && buffer[..written].iter().all(u8::is_ascii_alphanumeric)
        {
            return value;
        }
    }
    header_text(&id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use polywire_core::contract::Name;

    fn empty() -> Head {
        Head::new(
            Kind::Operation,
            Name::from_static("orders"),
            Name::from_static("quote"),
        )
    }

    #[test]
    fn a_head_round_trips() {
        let mut head = empty();
        head.deadline = Some(Instant::now() + Duration::from_secs(7));
        head.trace = Some(TraceContext::root().with_state("vendor=1"));
        head.idempotency_key = Some("order 7/ü".into());
        head.ordering_key = Some("customer%7".into());
        head.token = Some(Token::new("abc.def"));
        head.attempt = 3;
        head.metadata.insert("tenant", "blå\n").unwrap();
        let mut headers = HeaderMap::new();
        write_head(&mut headers, &head).unwrap();
        let mut back = empty();
        read_head(&headers, &mut back).unwrap();
        assert_eq!(back.id, head.id);
        assert_eq!(back.trace, head.trace);
        assert_eq!(back.idempotency_key, head.idempotency_key);
        assert_eq!(back.ordering_key, head.ordering_key);
        assert_eq!(back.token, head.token);
        assert_eq!(back.attempt, 3);
        assert_eq!(back.metadata, head.metadata);
        let left = back.remaining().unwrap();
        assert!(
            left > Duration::from_secs(6)
                && left <= Duration::from_secs(7) + Duration::from_millis(1),
            "{left:?}"
        );
    }

    #[test]
    fn chosen_ids_round_trip() {
        for text in ["order-7", "blå 7", "100%"] {
            let mut head = empty();
            head.id = MessageId::parse(text).unwrap();
            let mut headers = HeaderMap::new();
            write_head(&mut headers, &head).unwrap();
            let mut back = empty();
            read_head(&headers, &mut back).unwrap();
            assert_eq!(back.id, head.id);
        }
    }

    #[test]
    fn wrong_headers_name_what_was_found() {
        for (name, value, message) in [
            (
                "contract-timeout",
                "soon",
                "header contract-timeout is \"soon\": expected a number from 0 to 86400000",
            ),
            (
                "contract-attempt",
                "0",
                "header contract-attempt is \"0\": expected a number from 1 to 4294967295",
            ),
            (
                "contract-message-id",
                "%00",
                "message id of 1 bytes: expected 1 to 256 bytes without control characters",
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let error = read_head(&headers, &mut empty()).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.dispatched(), Dispatched::No);
        }
        let mut headers = HeaderMap::new();
        headers.append(REQUIRE, HeaderValue::from_static("^1.2"));
        headers.append(REQUIRE, HeaderValue::from_static("^2"));
        assert_eq!(
            read_head(&headers, &mut empty()).unwrap_err().to_string(),
            "header contract-require was sent twice: send it once, ranges separated by \";\""
        );
    }

    #[test]
    fn a_broken_trace_is_a_new_one() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static("00-nonsense"));
        let mut head = empty();
        read_head(&headers, &mut head).unwrap();
        assert_eq!(head.trace, None);
    }
}
