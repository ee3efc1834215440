//! Unicode texts in header values.

use std::borrow::Cow;

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use polywire_core::{Dispatched, Error, ErrorKind, Result};

/// What a header value cannot hold as it is: everything but printable ASCII, and the escape itself.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// A text as a header value, percent-encoded UTF-8 (RFC 3986 section 2.1) where it has to be.
pub(crate) fn header_text(text: &str) -> HeaderValue {
    let escaped: Cow<'_, str> = utf8_percent_encode(text, ESCAPED).into();
    // What is left is printable ASCII, so this cannot fail; an empty value is valid too.
    HeaderValue::from_str(&escaped).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The text of a header value that [`header_text`] wrote, or that was sent as it is.
pub(crate) fn plain<'a>(name: &str, value: &'a HeaderValue) -> Result<Cow<'a, str>> {
    let text = visible(name, value)?;
    percent_decode_str(text).decode_utf8().map_err(|error| {
        Error::new(
            ErrorKind::InvalidPayload,
            format!("header {name} is not percent-encoded UTF-8: {error}"),
        )
        .dispatched_as(Dispatched::No)
    })
}

/// The value as it was sent, which must be printable ASCII.
pub(crate) fn visible<'a>(name: &str, value: &'a HeaderValue) -> Result<&'a str> {
    value.to_str().map_err(|_| {
        Error::new(
            ErrorKind::InvalidPayload,
            format!("header {name} has bytes that are not printable ASCII: percent-encode them"),
        )
        .dispatched_as(Dispatched::No)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_round_trips() {
        for text in [
            "",
            "plain",
            "with space",
            "100%",
            "blå\n\0\"",
            "%41",
            "日本",
        ] {
            let value = header_text(text);
            assert_eq!(plain("x", &value).unwrap(), text);
        }
    }

    #[test]
    fn wrong_bytes_are_named() {
        let value = HeaderValue::from_bytes(b"\xff").unwrap();
        assert_eq!(
            plain("contract-meta-a", &value).unwrap_err().to_string(),
            "header contract-meta-a has bytes that are not printable ASCII: percent-encode them"
        );
        let error = plain("contract-meta-a", &HeaderValue::from_static("%ff")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("header contract-meta-a is not percent-encoded UTF-8: "),
            "{error}"
        );
    }
}
