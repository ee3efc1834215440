//! Claims that are false, and claims that are not made.

use std::sync::Arc;

use async_trait::async_trait;
use polywire_contract::{Name, Offer};
use polywire_core::{
    Capability, Channel, Deliveries, Message, Receipt, Result, Subscription, Support, unsupported,
};
use polywire_testkit::Verdict;
use polywire_testkit::twist::Twist;

use crate::{fails, verdict};

#[test]
fn a_false_claim_is_found() {
    /// It claims to resume and to discover, and does neither.
    #[derive(Clone, Debug)]
    struct Boasts;
    #[async_trait]
    impl Twist for Boasts {
        async fn discover(&self, _: &Arc<dyn Channel>, _: &Name) -> Result<Offer> {
            Err(unsupported("boast", "discovery", "ask somebody else"))
        }

        async fn subscribe(
            &self,
            inside: &Arc<dyn Channel>,
            mut subscription: Subscription,
        ) -> Result<Deliveries> {
            subscription.group = None;
            inside.subscribe(subscription).await
        }
    }

    fails(
        "delivery::a_group_that_was_away_gets_what_it_missed",
        Boasts,
        "a delivery did not happen within 2s",
    );
    fails(
        "negotiation::the_offer_can_be_asked",
        Boasts,
        "boast has no discovery",
    );
    fails(
        "events::members_of_a_group_share",
        Boasts,
        "different events in three members' hands: expected 3, found 1",
    );
}

#[test]
fn a_claim_that_is_not_made_is_found() {
    #[derive(Clone, Debug)]
    struct Understates;
    impl Twist for Understates {
        fn capability(&self, inside: &Capability) -> Capability {
            Capability {
                call: Support::None,
                ..inside.clone()
            }
        }
    }

    // Without a provider the call fails, but not as a channel without calls must.
    fails(
        "calls::round_trip_unicode",
        Understates,
        "the refusal of call, which is not claimed",
    );
}

#[test]
fn a_refusal_of_what_is_not_claimed_is_a_verdict() {
    #[derive(Clone, Debug)]
    struct SendsNothing;
    #[async_trait]
    impl Twist for SendsNothing {
        fn capability(&self, inside: &Capability) -> Capability {
            Capability {
                send: Support::None,
                resume: false,
                ..inside.clone()
            }
        }

        async fn send(&self, _: &Arc<dyn Channel>, _: Message) -> Result<Receipt> {
            Err(unsupported("this", "commands", "use a transport that has"))
        }
    }

    for name in [
        "commands::each_is_handled_once",
        "delivery::a_group_that_was_away_gets_what_it_missed",
    ] {
        let verdict = verdict(name, SendsNothing);
        assert!(matches!(verdict, Verdict::Refused), "{name}: {verdict:?}");
    }
}
