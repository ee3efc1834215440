//! The consumer's side: calls, commands, events, offers.

mod calls;
mod floors;
mod offers;
mod request;
mod subscribe;

pub(crate) use calls::{Answer, Calls};
pub(crate) use floors::Floors;
pub(crate) use offers::{ASK, JOIN, ask, ask_all, offer_question};
pub(crate) use request::{CANCEL, call, publish, send};
pub(crate) use subscribe::{subscribe, tracks_of};
