//! The contract of the benches, its client's calls and its server, as `#[contract]` writes them.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use polywire_contract::{Contract, ContractError, InteractionInfo, Name, Requirement};
use polywire_core::{
    Answer, Channel, Context, Error, ErrorKind, NoError, Policy, Provider, Result, Session, answer,
    codec,
};

use crate::payload::{Order, Quote};

/// The contract's name.
pub const ORDERS: Name = Name::from_static("orders");
/// The operation that is measured.
pub const QUOTE: Name = Name::from_static("quote");

/// The event that is measured.
pub const PLACED: Name = Name::from_static("placed");

/// The contract document.
///
/// # Errors
/// When the document does not build.
pub fn contract() -> std::result::Result<Arc<Contract>, ContractError> {
    contract_at("1.4.0")
}

/// The same as another version.
///
/// # Errors
/// As [`contract`].
pub fn contract_at(version: &'static str) -> std::result::Result<Arc<Contract>, ContractError> {
    let contract = Contract::builder("orders", version)
        .operation::<Order, Quote, NoError>(InteractionInfo::new("quote"))
        .event::<Order>(InteractionInfo::new("placed"))
        .build()?;
    Ok(Arc::new(contract))
}

/// The provider.
#[derive(Debug)]
pub struct Orders {
    contract: Arc<Contract>,
}

impl Orders {
    /// A provider of a contract document.
    #[must_use]
    pub fn new(contract: Arc<Contract>) -> Self {
        Self { contract }
    }
}

impl Provider for Orders {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.contract.clone())
    }

    fn handle<'a>(&'a self, cx: &'a Context, body: Bytes) -> BoxFuture<'a, Result<Answer>> {
        async move {
            match cx.head().interaction.as_str() {
                "quote" => {
                    let order: Order = codec::decode(&body)?;
                    answer::<_, NoError>(Ok(order.quote()))
                }
                other => Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("orders has no {other:?}: it has quote"),
                )),
            }
        }
        .boxed()
    }
}

/// A consumer's session on a channel, with every default.
///
/// # Errors
/// As [`Session::new`].
pub fn session(channel: Arc<dyn Channel>, contract: Arc<Contract>) -> Result<Session> {
    let requirement = Requirement::caret(ORDERS, contract.version());
    Session::new(channel, contract, requirement, Policy::default())
}
