//! The headers of a signature on a request.

use http::{HeaderMap, HeaderValue};
use polywire_core::{Error, ErrorKind, Result};

use crate::signature::{ID, SIGNATURE, Signed, TIMESTAMP};

/// Puts them there.
///
/// # Errors
/// `Internal`: what a signer writes is visible ASCII.
pub(crate) fn sign(headers: &mut HeaderMap, signed: &Signed) -> Result<()> {
    let texts = [
        (ID, &signed.id),
        (TIMESTAMP, &signed.timestamp),
        (SIGNATURE, &signed.signature),
    ];
    for (name, text) in texts {
        let value = HeaderValue::from_str(text).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("{name} cannot be a header")).caused_by(error)
        })?;
        headers.insert(name, value);
    }
    Ok(())
}
