//! How webhooks look as HTTP: paths, headers, documents and answers, the same for both ends.
//!
//! Of a document that is a request every field is known, or it is refused with the name of the one that is not; of an answer
//! unknown fields are passed over, so that a provider may say more.

mod answer;
pub(crate) mod arrived;
mod caller;
mod hook;
mod message;
mod request;
pub(crate) mod respond;
mod signed;
mod token;

pub(crate) use caller::{Caller, NewCaller};
pub(crate) use hook::*;
pub(crate) use message::{kind_of, problem_of, read_reply, reply, request_headers};
pub(crate) use signed::sign;
pub(crate) use token::token;

pub(crate) use answer::{
    Acknowledged, DeliveriesDocument, DeliveryDocument, Document, KeyDocument, ListDocument,
    ProposedDocument, ReplayedDocument, StandingDocument, TestedDocument, UpgradeDocument,
};
pub(crate) use request::{
    Acknowledge, Change, Create, Renew, ReplayAsk, Rotate, Sign, Strategy, UpgradeAsk,
};

#[cfg(test)]
mod tests {
    use super::{Create, Document, KeyDocument};

    #[test]
    fn what_is_not_said_has_its_default_and_what_is_unknown_is_named() {
        let least =
            r#"{"contract":"orders","version":"^1","events":[],"sink":"https://a.example/"}"#;
        let read: Create = serde_json::from_str(least).unwrap();
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(
            written,
            r#"{"contract":"orders","version":"^1","float":"minor","events":[],"sink":"https://a.example/","sign":["v1"],"order":"none","on_sunset":"pause"}"#
        );
        let error = serde_json::from_str::<Create>(&least.replace("sink", "url")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("unknown field `url`, expected one of `contract`"),
            "{error}"
        );
    }

    #[test]
    fn an_answer_may_say_more_and_shows_no_secret() {
        let key = r#"{"kid":"k1","algorithm":"v1","secret":"whsec_hunter2","created_at":"2026-11-23T06:00:00Z"}"#;
        let read: KeyDocument = serde_json::from_str(key).unwrap();
        assert_eq!(read.secret.as_deref(), Some("whsec_hunter2"));
        assert!(!format!("{read:?}").contains("hunter2"));
        let more = format!(
            r#"{{"id":"sub_1","state":"a-later-one","contract":"orders","requested":"^1","version":"1.4.0","float":"minor",
            "events":[],"sink":"https://a.example/","order":"none","on_sunset":"pause","created_at":"2026-11-23T06:00:00Z",
            "lease_expires_at":"2026-12-03T06:00:00Z","keys":[{key}],"later":{{"a":1}}}}"#
        );
        let read: Document = serde_json::from_str(&more).unwrap();
        assert_eq!(read.state, "a-later-one");
        assert!(!format!("{read:?}").contains("hunter2"));
    }
}
