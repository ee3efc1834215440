//! What came from the other side, checked: sizes, lengths, texts, pointers that may be null.
//!
//! What cannot be checked is that a pointer which is not null points to as much memory as it says, and that a function
//! is one: that is the promise of whoever made the library, which is why only trusted libraries are loaded.

mod call;
mod channels;
mod descriptor;
mod error;
mod field;
mod sink;
mod subscriptions;
mod table;

pub use call::{CallView, bytes};
pub use channels::ChannelsTable;
pub use descriptor::{
    Contract, Descriptor, Entries, MAX_CONTRACTS, MAX_METHODS, MAX_NAME, MAX_TEXT, contracts,
};
pub use error::{Problem, ReadError};
pub use sink::Output;
pub use subscriptions::{Settlement, SubscriptionsTable};
pub use table::{EventsTable, HostTable, ThreadsTable};
