//! Whose request it is.

use http::HeaderMap;
use polywire_core::contract::Name;
use polywire_core::{Error, ErrorKind, Head, Kind, Result, Token};
use serde_json::Value;

use super::Server;
use crate::record::Terms;
use crate::wire::token;

/// Whose everything is where nobody must prove who they are.
pub(super) const ANONYMOUS: &str = "anonymous";

impl Server {
    /// The tenant that a token proves.
    pub(crate) fn who(&self, headers: &HeaderMap) -> Result<(String, Option<Token>)> {
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
