//! How a message looks as AMQP properties and headers, the same for both ends. Nothing a peer writes is trusted.

mod carry;
mod head;
mod question;
mod reply;
mod stamp;
mod table;

pub(crate) use carry::carried;
pub(crate) use head::{
    Expected, Requirements, event_headers, read_head, request_headers, write_event, write_request,
};
pub(crate) use question::{read_question, read_subject, write_question, write_subject};
pub(crate) use reply::{Replies, is_problem, read_reply, write_problem, write_reply};
pub(crate) use stamp::Stamps;
pub(crate) use table::{Headers, Table};

/// Header names.
pub(crate) mod names {
    pub(crate) const CONTRACT: &str = "contract";
    pub(crate) const VERSION: &str = "contract-version";
    pub(crate) const REQUIRE: &str = "contract-require";
    pub(crate) const DIGEST: &str = "contract-digest";
    pub(crate) const OFFER: &str = "contract-offer";
    pub(crate) const STATUS: &str = "contract-status";
    pub(crate) const SINCE: &str = "contract-since";
    pub(crate) const SUNSET: &str = "contract-sunset";
    pub(crate) const LINK: &str = "contract-link";
    pub(crate) const INSTANCE: &str = "contract-instance";
    /// The versions of all copies of an event that was published on several tracks.
    pub(crate) const COPIES: &str = "contract-copies";
    pub(crate) const MESSAGE_ID: &str = "contract-message-id";
    pub(crate) const ATTEMPT: &str = "contract-attempt";
    /// How often the message came back unsettled before it was last put into a queue.
    pub(crate) const RETURNS: &str = "contract-returns";
    /// How often no replica there could run the command.
    pub(crate) const SKIPS: &str = "contract-skips";
    pub(crate) const ORDERING_KEY: &str = "contract-ordering-key";
    pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
    pub(crate) const TOKEN: &str = "contract-token";
    pub(crate) const TRACEPARENT: &str = "traceparent";
    pub(crate) const TRACESTATE: &str = "tracestate";
    /// The prefix of metadata entries; the rest is the entry's key.
    pub(crate) const META: &str = "contract-meta-";
    /// The correlation id of the call that a question or a notice is about.
    pub(crate) const CALL: &str = "contract-call";
    /// The event that a question about a subscription is about.
    pub(crate) const EVENT_NAME: &str = "contract-event";
    /// Why, when and for whom a message was set aside, and when it first failed, in milliseconds since 1970.
    pub(crate) const REASON: &str = "contract-reason";
    pub(crate) const GROUP: &str = "contract-group";
    pub(crate) const FIRST_FAILURE: &str = "contract-first-failure";
    pub(crate) const LAST_FAILURE: &str = "contract-last-failure";
    /// The headers that were too long to go with a message that was moved.
    pub(crate) const LEFT_OUT: &str = "contract-left-out";
    /// The queue that a letter came from.
    pub(crate) const ORIGIN: &str = "contract-queue";
    /// The header of a CloudEvents attribute, under the prefix that is written and the other that is read too.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Attribute {
        pub(crate) written: &'static str,
        pub(crate) other: &'static str,
    }

    macro_rules! attributes {
        ($($constant:ident = $name:literal;)*) => {
            $(pub(crate) const $constant: Attribute = Attribute {
                written: concat!("cloudEvents_", $name),
                other: concat!("cloudEvents:", $name),
            };)*
        };
    }

    attributes! {
        EVENT_SPECVERSION = "specversion";
        EVENT_ID = "id";
        EVENT_SOURCE = "source";
        EVENT_TYPE = "type";
        EVENT_VERSION = "contractversion";
        EVENT_DIGEST = "contractdigest";
        EVENT_KEY = "partitionkey";
        EVENT_TRACEPARENT = "traceparent";
        EVENT_TRACESTATE = "tracestate";
    }

    pub(crate) const PROBLEM: &str = "application/problem+json";
}
