//! What may travel as a payload.

use polywire_contract::schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A type that may travel: it is written and read as JSON and has a JSON Schema. Implemented for every such type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel as a payload",
    label = "not a payload",
    note = "put `#[polywire::payload]` on the type, or implement serde's `Serialize` and `Deserialize` and schemars' `JsonSchema`; it must own its data and be `Send + Sync`"
)]
pub trait Payload: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

// Without this the compiler names one of the five traits; the way out is the same for all.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> Payload for T {}

/// The payload of an interaction that has none: `{}`, to which a later minor version may add optional fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "polywire_contract::schemars")]
pub struct Empty {}
