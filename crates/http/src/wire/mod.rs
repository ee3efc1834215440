//! How messages look as HTTP: header names, heads, stamps, events and settlements, the same for both ends.

mod event;
mod head;
mod names;
mod settle;
mod sse;
mod stamp;
mod text;

pub(crate) use event::{decode_event, encode_event};
pub(crate) use head::{Stated, read_head, write_head};
pub use head::{bearer, token};
pub(crate) use names::*;
pub(crate) use settle::{
    Failed, Gap, Joined, MAX_PREFETCH, MAX_SETTLEMENTS, Settled, Settlement, Settlements,
};
pub(crate) use sse::{HEARTBEAT, SseEvent, SseReader, write_event};
pub use stamp::lifetime_headers;
pub(crate) use stamp::{StampCache, StampHeaders};
pub(crate) use text::visible;
