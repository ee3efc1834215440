//! Whose request it is.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use polywire_core::contract::Name;
use polywire_core::{Error, ErrorKind, Head, Kind, Result, Token};
use serde_json::Value;

use super::Server;
use crate::record::Terms;

/// Whose everything is where nobody must prove who they are.
pub(super) const ANONYMOUS: &str = "anonymous";

impl Server {
    /// The tenant that a token proves.
    pub(super) fn who(&self, headers: &HeaderMap) -> Result<(String, Option<Token>)> {
        let token = token(headers)?;
        let options = &self.inner().options;
        let Some(authenticator) = &options.authenticator else {
            return Ok((ANONYMOUS.to_owned(), token));
        };
        let contract = Name::from_static("webhooks");
        let mut head = Head::new(
            Kind::Operation,
            contract,
            Name::from_static("subscriptions"),
        );
        head.token.clone_from(&token);
        let caller = authenticator.authenticate(token.as_ref(), &head)?;
        let claim = &options.tenant_claim;
        let tenant = caller.claim(claim).and_then(Value::as_str);
        let fits = |tenant: &&str| (1..=Terms::MAX_TENANT).contains(&tenant.len());
        match tenant.filter(fits) {
            Some(tenant) => Ok((tenant.to_owned(), token)),
            None => Err(Error::new(
                ErrorKind::PermissionDenied,
                format!(
                    "the token names no tenant: expected a text of 1 to {} bytes as its claim {claim:?}",
                    Terms::MAX_TENANT
                ),
            )),
        }
    }
}

/// The bearer token of a request. Another scheme is nobody's token, as everywhere in this transport.
fn token(headers: &HeaderMap) -> Result<Option<Token>> {
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
