//! The versions of the sample contract.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use polywire_contract::{Contract, ContractError, InteractionInfo, Name, Version};
use polywire_core::{Error, ErrorKind, EventType, Result};
use serde_json::Value;

use super::payload::{
    Echo, Echo2, Echoed, Echoed2, EchoedBefore, Fail, Filler, Happening, Happening2, Meet, Moved,
    Note, Nothing, SampleError, Seen, Size,
};

/// The contract's name.
pub const CONTRACT: Name = Name::from_static("conformance");

/// The names of the interactions.
pub mod interaction {
    use polywire_contract::Name;

    /// Operation: the text back.
    pub const ECHO: Name = Name::from_static("echo");
    /// Operation: a typed error.
    pub const FAIL: Name = Name::from_static("fail");
    /// Operation: waits for the probe's gate.
    pub const WAIT: Name = Name::from_static("wait");
    /// Operation: panics.
    pub const EXPLODE: Name = Name::from_static("explode");
    /// Operation: a reply of a size.
    pub const SIZE: Name = Name::from_static("size");
    /// Operation, idempotent: what the handler saw of its message.
    pub const INSPECT: Name = Name::from_static("inspect");
    /// Operation: answers once enough callers are there.
    pub const MEET: Name = Name::from_static("meet");
    /// Operation: any bytes back as they came.
    pub const RAW: Name = Name::from_static("raw");
    /// Operation: only since 1.5.0.
    pub const ADDED: Name = Name::from_static("added");
    /// Command.
    pub const NOTE: Name = Name::from_static("note");
    /// Command: any bytes.
    pub const RAW_NOTE: Name = Name::from_static("raw_note");
    /// Event.
    pub const HAPPENED: Name = Name::from_static("happened");
    /// Another event.
    pub const MOVED: Name = Name::from_static("moved");
}

/// A version of the sample contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edition {
    /// 0.3.1: `echo` and `happened` only.
    V0_3,
    /// 0.4.0, incompatible with 0.3.
    V0_4,
    /// 1.2.0: replies without `length`.
    V1_2,
    /// 1.4.0: everything but `added`.
    V1_4,
    /// 1.4.0 under the same number with another content.
    Forged1_4,
    /// 1.5.0: with `added`.
    V1_5,
    /// 2.0.0-rc.1, not released.
    V2Rc,
    /// 2.0.0: other payloads.
    V2,
}

impl Edition {
    /// The version.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::V0_3 => "0.3.1",
            Self::V0_4 => "0.4.0",
            Self::V1_2 => "1.2.0",
            Self::V1_4 | Self::Forged1_4 => "1.4.0",
            Self::V1_5 => "1.5.0",
            Self::V2Rc => "2.0.0-rc.1",
            Self::V2 => "2.0.0",
        }
    }

    /// Whether it is a 2.x.
    #[must_use]
    pub const fn is_second(self) -> bool {
        matches!(self, Self::V2 | Self::V2Rc)
    }

    /// Whether it has the whole set of interactions.
    const fn is_whole(self) -> bool {
        matches!(self, Self::V1_2 | Self::V1_4 | Self::Forged1_4 | Self::V1_5)
    }

    /// The version, parsed.
    ///
    /// # Errors
    /// None in practice: the texts are constants.
    pub fn version(self) -> Result<Version, ContractError> {
        Ok(self.contract()?.version().clone())
    }

    /// The contract document.
    ///
    /// # Errors
    /// None in practice: the documents are constants.
    pub fn contract(self) -> Result<Arc<Contract>, ContractError> {
        static BUILT: Mutex<BTreeMap<Edition, Arc<Contract>>> = Mutex::new(BTreeMap::new());
        let mut built = BUILT.lock();
        if let Some(contract) = built.get(&self) {
            return Ok(contract.clone());
        }
        let contract = self.build()?;
        built.insert(self, contract.clone());
        Ok(contract)
    }

    fn build(self) -> Result<Arc<Contract>, ContractError> {
        let info = InteractionInfo::new;
        let builder = Contract::builder("conformance", self.text());
        let builder = match self {
            Self::V2 | Self::V2Rc => builder
                .operation::<Echo2, Echoed2, SampleError>(info("echo"))
                .event::<Happening2>(info("happened")),
            Self::V0_3 | Self::V0_4 | Self::V1_2 => builder
                .operation::<Echo, EchoedBefore, SampleError>(info("echo"))
                .event::<Happening>(info("happened")),
            Self::Forged1_4 => builder
                .operation::<Echo, Filler, SampleError>(info("echo"))
                .event::<Happening>(info("happened")),
            Self::V1_4 | Self::V1_5 => builder
                .operation::<Echo, Echoed, SampleError>(info("echo"))
                .event::<Happening>(info("happened")),
        };
        if !self.is_whole() {
            return builder.build().map(Arc::new);
        }
        let idempotent = InteractionInfo {
            idempotent: true,
            ..info("inspect")
        };
        let mut builder = builder
            .operation::<Fail, Nothing, SampleError>(info("fail"))
            .operation::<Nothing, Nothing, SampleError>(info("wait"))
            .operation::<Nothing, Nothing, SampleError>(info("explode"))
            .operation::<Size, Filler, SampleError>(info("size"))
            .operation::<Nothing, Seen, SampleError>(idempotent)
            .operation::<Meet, Meet, SampleError>(info("meet"))
            .operation::<Value, Value, SampleError>(info("raw"))
            .command::<Note, SampleError>(info("note"))
            .command::<Value, SampleError>(info("raw_note"))
            .event::<Moved>(info("moved"));
        if self == Self::V1_5 {
            let added = InteractionInfo {
                since: Some("1.5.0"),
                ..info("added")
            };
            builder = builder.operation::<Echo, Echoed, SampleError>(added);
        }
        builder.build().map(Arc::new)
    }
}

/// `happened` of 1.5.0.
#[derive(Debug)]
pub struct Happened1;

/// `happened` of 2.0.0.
#[derive(Debug)]
pub struct Happened2;

impl EventType for Happened1 {
    type Payload = Happening;
    const NAME: Name = interaction::HAPPENED;
    fn contract() -> Result<Arc<Contract>> {
        document(Edition::V1_5)
    }
}

impl EventType for Happened2 {
    type Payload = Happening2;
    const NAME: Name = interaction::HAPPENED;
    fn contract() -> Result<Arc<Contract>> {
        document(Edition::V2)
    }
}

fn document(edition: Edition) -> Result<Arc<Contract>> {
    edition
        .contract()
        .map_err(|error| Error::new(ErrorKind::Config, error.to_string()).caused_by(error))
}
