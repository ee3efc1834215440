//! The consumer's side: calls, commands, events, offers.

mod calls;
mod copies;
mod floors;
mod lanes;
mod offers;
mod presence;
mod request;
mod subscribe;

pub(crate) use calls::{Answer, Calls, Subject};
pub(crate) use floors::Floors;
pub(crate) use lanes::Lanes;
pub(crate) use offers::{ASK, JOIN, ask, ask_all, offer_question};
pub(crate) use request::{CANCEL, RUNNING, call, publish, send};
pub(crate) use subscribe::{subscribe, tracks_of};
