//! Who makes a request, as it says itself.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use polywire_core::{Error, ErrorKind, Result, Token};

/// The bearer token of a request. Another scheme is nobody's token, as everywhere in this transport.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<Token>> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let first = sent.next().map(polywire_http::token).transpose()?;
    if sent.next().is_some() {
        return Err(Error::new(
            ErrorKind::Unauthenticated,
            "the authorization header is there more than once: expected one bearer token",
        ));
    }
    Ok(first.flatten())
}
