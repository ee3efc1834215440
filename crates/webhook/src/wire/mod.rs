//! The documents of the subscription API, the same at both ends.
//!
//! Of a request every field is known, or the request is refused with the name of the one that is not; of an answer unknown
//! fields are passed over, so that a provider may say more.

mod answer;
mod request;

pub(crate) use answer::{
    Acknowledged, DeliveriesDocument, DeliveryDocument, Document, KeyDocument, ListDocument,
    ProposedDocument, ReplayedDocument, StandingDocument, TestedDocument, UpgradeDocument,
};
pub(crate) use request::{
    Acknowledge, Change, Create, Renew, ReplayAsk, Rotate, Strategy, UpgradeAsk,
};
