//! Typed payloads as JSON (RFC 8259).

use std::cell::Cell;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Dispatched, Error, ErrorKind, Result};

thread_local! {
    /// What the payload before was written into, so that the next one of its size is written without growing a buffer.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Where the small payloads of calls are put one after another.
    static CHUNK: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// The largest buffer that a thread keeps, in bytes.
const KEPT: usize = 64 * 1024;
/// How much the small payloads of calls share, in bytes.
const SHARED: usize = 8 * 1024;
/// The largest payload that shares, in bytes.
const SMALL: usize = SHARED / 8;

/// Writes a payload.
///
/// # Errors
/// `Internal` when the value has no JSON form, such as a map whose keys are not texts.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    write(value, Bytes::copy_from_slice)
}

/// Writes a request or a reply, which end with their call: small ones of a thread share an allocation, so one that is kept
/// for long keeps up to 8 KiB alive. For what waits in queues there is [`encode`].
///
/// # Errors
/// As [`encode`].
pub fn encode_brief<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    write(value, |written| {
        if written.len() > SMALL {
            return Bytes::copy_from_slice(written);
        }
        let mut chunk = CHUNK.take();
        if chunk.capacity() < written.len() {
            // What its payloads have all left is used again.
            chunk.reserve(SHARED);
        }
        chunk.extend_from_slice(written);
        let body = chunk.split().freeze();
        CHUNK.set(chunk);
        body
    })
}

fn write<T: Serialize + ?Sized>(value: &T, keep: impl FnOnce(&[u8]) -> Bytes) -> Result<Bytes> {
    // Taken out while it is used: a value's `Serialize` may encode another one.
    let mut buffer = BUFFER.take();
    buffer.clear();
    if let Err(error) = serde_json::to_writer(&mut buffer, value) {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("{} has no JSON form: {error}", short_name::<T>()),
        )
        .caused_by(error));
    }
    if buffer.capacity() > KEPT {
        return Ok(buffer.into());
    }
    let body = keep(&buffer);
    BUFFER.set(buffer);
    Ok(body)
}

/// Reads a payload.
///
/// # Errors
/// `InvalidPayload` naming the type, what is wrong and where in the text.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // Checking the encoding once is cheaper than once per text in it.
    let decoded = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    decoded.map_err(|error| {
        Error::new(
            ErrorKind::InvalidPayload,
            format!(
                "payload of {} bytes is not a {}: {error}",
                body.len(),
                short_name::<T>()
            ),
        )
        .dispatched_as(Dispatched::No)
        .caused_by(error)
    })
}

/// A type's name without its path, as its author knows it.
fn short_name<T: ?Sized>() -> &'static str {
    let full = std::any::type_name::<T>();
    if full.contains('<') {
        full
    } else {
        full.rsplit("::").next().unwrap_or(full)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        text: String,
    }

    fn note(bytes: usize) -> Note {
        Note {
            text: "x".repeat(bytes),
        }
    }

    #[test]
    fn payloads_of_any_size_follow_each_other() {
        for bytes in [0, 100, 2 * KEPT, 1, KEPT, 10] {
            let body = encode(&note(bytes)).unwrap();
            assert_eq!(body.len(), bytes + r#"{"text":""}"#.len());
            assert_eq!(decode::<Note>(&body).unwrap(), note(bytes));
        }
    }

    #[test]
    fn brief_payloads_share_and_stay_apart() {
        let sizes = (0..2000).map(|number| number * 7 % (2 * SMALL));
        let bodies: Vec<_> = sizes
            .map(|bytes| (bytes, encode_brief(&note(bytes)).unwrap()))
            .collect();
        for (bytes, body) in bodies {
            assert_eq!(decode::<Note>(&body).unwrap(), note(bytes));
        }
        let first = encode_brief(&note(1)).unwrap().as_ptr().addr();
        let second = encode_brief(&note(1)).unwrap().as_ptr().addr();
        assert!(
            first.abs_diff(second) < SHARED,
            "{first} and {second} share nothing"
        );
    }

    #[test]
    fn a_value_may_encode_another_while_it_is_encoded() {
        struct Nested;
        impl Serialize for Nested {
            fn serialize<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> std::result::Result<S::Ok, S::Error> {
                let inner = encode(&note(3)).map_err(serde::ser::Error::custom)?;
                serializer.collect_seq([inner.len(), inner.len()])
            }
        }
        assert_eq!(encode(&Nested).unwrap(), "[14,14]");
    }

    #[test]
    fn what_does_not_decode_is_named() {
        let error = decode::<Note>(b"{\"text\":\"\xff\"}").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPayload);
        assert_eq!(
            error.to_string(),
            "payload of 12 bytes is not a Note: invalid unicode code point at line 1 column 10"
        );
        let error = decode::<Note>(b"{}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "payload of 2 bytes is not a Note: missing field `text` at line 1 column 2"
        );
    }
}
