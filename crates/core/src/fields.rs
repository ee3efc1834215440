//! A head as fields named as in HTTP requests, for transports that carry names and texts in a form of their own.

mod agreed;

use std::fmt::Write;

use polywire_contract::Version;

use crate::error::{Error, ErrorKind, Result};
use crate::message::{ContentType, Head, MessageId, Token};
use crate::trace::TraceContext;

pub use agreed::{read_requirement, read_stamp, write_requirement, write_stamp};

const MESSAGE_ID: &str = "contract-message-id";
const KIND: &str = "contract-kind";
const ATTEMPT: &str = "contract-attempt";
const COPIES: &str = "contract-copies";
const ORDERING_KEY: &str = "contract-ordering-key";
const METADATA: &str = "contract-meta-";
/// The most versions that one event is published in.
const MAX_COPIES: usize = 200;

/// Fills a head in from fields; those that are not known are passed over.
///
/// # Errors
/// `InvalidPayload` for one that cannot be read, or when the kind that the sender states is another than the head's; `TooLarge`
/// beyond a bound.
pub fn read<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>, head: &mut Head) -> Result<()> {
    let mut state = None;
    for (name, value) in fields {
        match name {
            "content-type" => head.content_type = ContentType::parse(value),
            MESSAGE_ID => head.id = MessageId::parse(value)?,
            KIND => kind(value, head)?,
            ATTEMPT => head.attempt = attempt(value)?,
            COPIES => head.copies = Some(copies(value)?.into()),
            ORDERING_KEY => head.ordering_key = Some(value.into()),
            "idempotency-key" => head.idempotency_key = Some(value.into()),
            "traceparent" => head.trace = value.parse::<TraceContext>().ok(),
            "tracestate" => state = Some(value),
            "authorization" => head.token = token(value)?,
            other => {
                if let Some(key) = other.strip_prefix(METADATA) {
                    head.metadata.insert(key, value)?;
                }
            }
        }
    }
    if let Some(state) = state {
        head.trace = head.trace.take().map(|trace| trace.with_state(state));
    }
    Ok(())
}

/// Hands over the fields of a head that are not as [`Head::new`] makes them; its contract, interaction, versions and deadline
/// travel otherwise.
///
/// # Errors
/// The first of `field`.
pub fn write(head: &Head, mut field: impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
    // Room for a trace, the longest that every message has.
    let mut text = String::with_capacity(64);
    let mut put = |name: &str, value: &dyn std::fmt::Display| {
        text.clear();
        // Writing to a string does not fail.
        let _ = write!(text, "{value}");
        field(name, &text)
    };
    put(MESSAGE_ID, &head.id)?;
    put(KIND, &head.kind)?;
    if head.content_type != ContentType::JSON {
        put("content-type", &head.content_type)?;
    }
    if head.attempt > 1 {
        put(ATTEMPT, &head.attempt)?;
    }
    if let Some(copies) = &head.copies {
        let versions: Vec<String> = copies.iter().map(Version::to_string).collect();
        put(COPIES, &versions.join(","))?;
    }
    if let Some(key) = &head.ordering_key {
        put(ORDERING_KEY, key)?;
    }
    if let Some(key) = &head.idempotency_key {
        put("idempotency-key", key)?;
    }
    if let Some(trace) = &head.trace {
        put("traceparent", trace)?;
        if let Some(state) = trace.state() {
            put("tracestate", &state)?;
        }
    }
    if let Some(token) = &head.token {
        put("authorization", &format_args!("Bearer {}", token.expose()))?;
    }
    for (key, value) in &head.metadata {
        put(&format!("{METADATA}{key}"), &value)?;
    }
    Ok(())
}

fn kind(value: &str, head: &Head) -> Result<()> {
    if value == head.kind.as_str() {
        return Ok(());
    }
    let found: String = value.chars().take(40).collect();
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "{}.{} is declared as {} and was used as {found}",
            head.contract, head.interaction, head.kind
        ),
    ))
}

fn copies(value: &str) -> Result<Vec<Version>> {
    let versions: Option<Vec<Version>> = value
        .split(',')
        .take(MAX_COPIES + 1)
        .map(|version| version.trim().parse().ok())
        .collect();
    versions
        .filter(|versions| versions.len() <= MAX_COPIES)
        .ok_or_else(|| {
            let found: String = value.chars().take(40).collect();
            Error::new(
                ErrorKind::InvalidPayload,
                format!("header {COPIES} is {found:?}: expected versions such as 1.4.0,2.0.0"),
            )
        })
}

fn attempt(value: &str) -> Result<u32> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        let found: String = value.chars().take(40).collect();
        Error::new(
            ErrorKind::InvalidPayload,
            format!("header {ATTEMPT} is {found:?}: expected a number from 1 on"),
        )
    })
}

fn token(value: &str) -> Result<Option<Token>> {
    let Some((scheme, rest)) = value.split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    if rest.len() > Token::MAX {
        let text = format!(
            "bearer token of {} bytes: at most {} are taken",
            rest.len(),
            Token::MAX
        );
        return Err(Error::new(ErrorKind::TooLarge, text));
    }
    Ok(Some(Token::new(rest.trim())))
}

#[cfg(test)]
mod tests {
    use polywire_contract::Name;

    use crate::message::Kind;

    use super::*;

    fn head() -> Head {
        let name = Name::from_static("orders");
        Head::new(Kind::Operation, name.clone(), name)
    }

    fn from(headers: &[(&str, &str)]) -> Result<Head> {
        let mut head = head();
        read(headers.iter().copied(), &mut head).map(|()| head)
    }

    #[test]
    fn every_header_has_its_place() {
        let trace = TraceContext::root();
        let head = from(&[
            ("contract-message-id", "order 7/ü"),
            ("contract-attempt", "3"),
            ("contract-ordering-key", "customer 7"),
            ("idempotency-key", "once"),
            ("traceparent", &trace.to_string()),
            ("tracestate", "vendor=1"),
            ("authorization", "Bearer abc.def"),
            ("contract-meta-tenant", "blå\n"),
            ("x-unknown", "ignored"),
        ])
        .unwrap();
        assert_eq!(head.id.to_string(), "order 7/ü");
        assert_eq!(head.attempt, 3);
        assert_eq!(head.ordering_key.as_deref(), Some("customer 7"));
        assert_eq!(head.idempotency_key.as_deref(), Some("once"));
        assert_eq!(head.trace, Some(trace.with_state("vendor=1")));
        assert_eq!(head.token, Some(Token::new("abc.def")));
        assert_eq!(head.metadata.get("tenant"), Some("blå\n"));
    }

    #[test]
    fn wrong_headers_are_named() {
        let error = from(&[("contract-attempt", "0")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "header contract-attempt is \"0\": expected a number from 1 on"
        );
        let long = format!("Bearer {}", "x".repeat(Token::MAX + 1));
        let error = from(&[("authorization", &long)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(from(&[("authorization", "Basic abc")]).unwrap().token, None);
        assert_eq!(from(&[("traceparent", "00-nonsense")]).unwrap().trace, None);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut sent = head();
        sent.attempt = 4;
        sent.copies = Some(vec![Version::new(1, 4, 0), Version::new(2, 0, 0)].into());
        sent.content_type = ContentType::parse("text/plain");
        sent.ordering_key = Some("customer 7".into());
        sent.idempotency_key = Some("once".into());
        sent.trace = Some(TraceContext::root().with_state("vendor=1"));
        sent.token = Some(Token::new("abc.def"));
        sent.metadata.insert("tenant", "blå\n").unwrap();
        let mut fields = Vec::new();
        write(&sent, |name, value| {
            fields.push((name.to_owned(), value.to_owned()));
            Ok(())
        })
        .unwrap();
        let mut got = head();
        let fields = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        read(fields, &mut got).unwrap();
        assert_eq!(format!("{got:?}"), format!("{sent:?}"));
        assert_eq!(got.token, sent.token);
    }

    #[test]
    fn another_kind_is_refused() {
        let error = from(&[("contract-kind", "command")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "orders.orders is declared as operation and was used as command"
        );
        assert!(from(&[("contract-kind", "operation")]).is_ok());
    }

    #[test]
    fn copies_are_versions() {
        let error = from(&[("contract-copies", "1.4.0,x")]).unwrap_err();
        assert!(error.to_string().contains("expected versions"), "{error}");
    }
}
