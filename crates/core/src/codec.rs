//! Typed payloads as JSON (RFC 8259).

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Dispatched, Error, ErrorKind, Result};

/// Writes a payload.
///
/// # Errors
/// `Internal` when the value has no JSON form, such as a map whose keys are not texts.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    let mut buffer = Vec::with_capacity(256);
    match serde_json::to_writer(&mut buffer, value) {
        Ok(()) => Ok(buffer.into()),
        Err(error) => Err(Error::new(
            ErrorKind::Internal,
            format!("{} has no JSON form: {error}", short_name::<T>()),
        )
        .caused_by(error)),
    }
}

/// Reads a payload.
///
/// # Errors
/// `InvalidPayload` naming the type, what is wrong and where in the text.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
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
