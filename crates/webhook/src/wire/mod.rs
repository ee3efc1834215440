//! How webhooks look as HTTP: paths, headers, documents and answers, the same for both ends.

mod answer;
pub(crate) mod arrived;
mod caller;
mod hook;
mod message;
mod request;
pub(crate) mod respond;

mod signed;

pub(crate) use caller::{Caller, NewCaller};
pub(crate) use hook::*;
pub(crate) use message::{kind_of, problem_of, read_reply, reply, request_headers};
pub(crate) use signed::sign;

pub(crate) use answer::{
    Acknowledged, DeliveriesDocument, DeliveryDocument, Document, KeyDocument, ListDocument,
    ProposedDocument, ReplayedDocument, StandingDocument, TestedDocument, UpgradeDocument,
};
pub(crate) use request::{
    Acknowledge, Change, Create, Renew, ReplayAsk, Rotate, Sign, Strategy, UpgradeAsk,
};
