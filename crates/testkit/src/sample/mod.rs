//! The contract that the suite talks over, in several versions with deliberate differences, and its providers.

mod contract;
mod payload;
mod probe;
mod provider;

pub use contract::{CONTRACT, Edition, Happened1, Happened2, interaction};
pub use payload::{
    Behaviour, Echo, Echo2, Echoed, Echoed2, Fail, Filler, Happening, Happening2, Meet, Moved,
    Note, Nothing, SampleError, Seen, Size,
};
pub use probe::{Entry, Log, Probe};
pub use provider::Sample;
