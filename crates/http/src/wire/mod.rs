//! How a message looks as HTTP: header names, heads and stamps, the same for both ends.

mod head;
mod names;
mod stamp;
mod text;

pub(crate) use head::{Stated, bearer, read_head, write_head};
pub(crate) use names::*;
pub(crate) use stamp::{StampCache, StampHeaders};
pub(crate) use text::visible;
