//! The worker that delivers.

mod sender;

pub use sender::{SendLimits, Sender, SenderOptions, Sent};
