//! A call's headers as the head of a message; the names are those of HTTP requests.

use polywire_core::{ContentType, Error, ErrorKind, Head, MessageId, Result, Token, TraceContext};
use polywire_plugin_abi::Headers;

const METADATA: &str = "contract-meta-";

/// Fills a head in from headers.
///
/// # Errors
/// `InvalidPayload` for one that cannot be read; `TooLarge` beyond a bound.
pub(crate) fn read(headers: Headers<'_>, head: &mut Head) -> Result<()> {
    let mut state = None;
    for (name, value) in headers {
        match name {
            "content-type" => head.content_type = ContentType::parse(value),
            "contract-message-id" => head.id = MessageId::parse(value)?,
            "contract-attempt" => head.attempt = attempt(value)?,
            "contract-ordering-key" => head.ordering_key = Some(value.into()),
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

fn attempt(value: &str) -> Result<u32> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        let found: String = value.chars().take(40).collect();
        Error::new(
            ErrorKind::InvalidPayload,
            format!("header contract-attempt is {found:?}: expected a number from 1 on"),
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
    use polywire_core::Kind;
    use polywire_plugin_abi::write_header;

    use super::*;

    fn head() -> Head {
        let name = Name::from_static("orders");
        Head::new(Kind::Operation, name.clone(), name)
    }

    fn from(headers: &[(&str, &str)]) -> Result<Head> {
        let mut bytes = Vec::new();
        for (name, value) in headers {
            write_header(&mut bytes, name, value).unwrap();
        }
        let mut head = head();
        read(Headers::read(&bytes).unwrap(), &mut head).map(|()| head)
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
}
