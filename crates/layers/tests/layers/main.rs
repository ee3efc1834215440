//! The layers around a scripted channel, under paused time.

#[cfg(feature = "jwt")]
mod jwt;
mod retry;
mod script;
mod timeout;
