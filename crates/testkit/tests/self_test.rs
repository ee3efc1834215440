//! The suite can fail: each deliberate fault of a channel is found by the case that is there for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use parking_lot::Mutex;
use polywire_contract::{Name, Offer, Requirement};
use polywire_core::memory::{Hub, MemoryChannel};
use polywire_core::{
    Capability, Channel, Deliveries, Error, ErrorKind, Message, Receipt, Reply, Result,
    Subscription, Support, Verdict as Fate, unsupported,
};
use polywire_testkit::twist::{Twist, twist};
use polywire_testkit::{Ends, Factory, Verdict, World, WorldOptions, cases};

/// The memory transport with a fault at the consumer's end.
struct Faulty<F>(F);

#[async_trait]
impl<F> Factory for Faulty<F>
where
    F: Fn(Arc<dyn Channel>) -> Arc<dyn Channel> + Clone + Send + Sync + 'static,
{
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let (hub, fault) = (Hub::new(options.bounds), self.0.clone());
        let end = move || -> Arc<dyn Channel> {
            Arc::new(MemoryChannel::new(hub.clone(), options.max_payload))
        };
        let provider = end.clone();
        Ends::meet(
            move || std::future::ready(Ok(provider())),
            move || std::future::ready(Ok(fault(end()))),
        )
        .await
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(2)
    }
}

fn verdict(name: &str, fault: impl Twist + Clone) -> Verdict {
    let case = cases()
        .find(|case| case.name() == name)
        .unwrap_or_else(|| panic!("no case {name}"));
    let faulty = move |channel| twist(channel, fault.clone());
    let factory: Arc<dyn Factory> = Arc::new(Faulty(faulty));
    case.run(&factory).verdict
}

/// The case fails with this in its text.
#[track_caller]
fn fails(name: &str, fault: impl Twist + Clone, text: &str) {
    match verdict(name, fault) {
        Verdict::Failed(failure) => assert!(failure.to_string().contains(text), "{failure}"),
        other => panic!("{name} should fail with {text:?} and is {other:?}"),
    }
}

#[test]
fn a_sound_channel_passes_them_all() {
    #[derive(Clone, Debug)]
    struct Sound;
    impl Twist for Sound {}

    for name in [
        "calls::a_hundred_at_once_are_not_mixed_up",
        "calls::the_deadline_arrives_as_time_left",
        "calls::metadata_arrives",
        "commands::each_is_handled_once",
        "delivery::a_group_that_was_away_gets_what_it_missed",
        "delivery::a_retry_comes_again_and_is_counted",
        "delivery::order_is_kept_by_key",
        "events::an_event_is_stamped",
        "events::two_groups_each_get_all",
        "lifecycle::a_closed_end_refuses_every_verb",
        "negotiation::another_major_is_refused",
        "negotiation::the_offer_can_be_asked",
        "negotiation::the_reply_is_stamped",
    ] {
        match verdict(name, Sound) {
            Verdict::Passed => {}
            other => panic!("{name} is {other:?}"),
        }
    }
}

#[test]
fn names_are_unique() {
    let names: Vec<String> = cases().map(|case| case.name()).collect();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
}

#[test]
fn a_lost_event_is_found() {
    #[derive(Clone, Debug)]
    struct DropsEverySeventh;
    #[async_trait]
    impl Twist for DropsEverySeventh {
        async fn subscribe(
            &self,
            inside: &Arc<dyn Channel>,
            subscription: Subscription,
        ) -> Result<Deliveries> {
            let count = AtomicU64::new(0);
            let deliveries = inside.subscribe(subscription).await?;
            Ok(Deliveries::new(deliveries.filter_map(move |delivery| {
                let lost = count.fetch_add(1, Ordering::Relaxed) % 7 == 6;
                async move {
                    if lost {
                        delivery.ack().await.ok();
                        return None;
                    }
                    Some(delivery)
                }
            })))
        }
    }

    let load = "load::five_thousand_events_of_fifty_publishers_reach_fifty_subscribers";
    fails(load, DropsEverySeventh, "of 5000 events arrived");
    fails(
        "events::two_groups_each_get_all",
        DropsEverySeventh,
        "an event did not happen within 2s",
    );
}

#[test]
fn an_ignored_deadline_is_found() {
    #[derive(Clone, Debug)]
    struct IgnoresDeadlines;
    #[async_trait]
    impl Twist for IgnoresDeadlines {
        async fn call(&self, inside: &Arc<dyn Channel>, mut message: Message) -> Result<Reply> {
            message.head.deadline = None;
            inside.call(message).await
        }
    }

    fails(
        "calls::the_deadline_arrives_as_time_left",
        IgnoresDeadlines,
        "a caller that waits 30s was announced to the handler as waiting",
    );
    fails(
        "calls::the_handler_is_cancelled_at_the_deadline",
        IgnoresDeadlines,
        "an answer did not happen within 2s",
    );
    fails(
        "calls::a_deadline_in_the_past_runs_nothing",
        IgnoresDeadlines,
        "a late call succeeded",
    );
}

#[test]
fn a_stripped_stamp_is_found() {
    #[derive(Clone, Debug)]
    struct StripsStamps;
    #[async_trait]
    impl Twist for StripsStamps {
        async fn call(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Reply> {
            let mut reply = inside.call(message).await?;
            let stamp = Arc::make_mut(&mut reply.stamp);
            stamp.offered = Arc::new([]);
            stamp.digest = None;
            Ok(reply)
        }

        async fn subscribe(
            &self,
            inside: &Arc<dyn Channel>,
            subscription: Subscription,
        ) -> Result<Deliveries> {
            let deliveries = inside.subscribe(subscription).await?;
            Ok(Deliveries::new(deliveries.map(|mut delivery| {
                delivery.head.stamp = None;
                delivery
            })))
        }
    }

    fails(
        "negotiation::the_reply_is_stamped",
        StripsStamps,
        "the offer",
    );
    fails(
        "events::an_event_is_stamped",
        StripsStamps,
        "the event is not stamped",
    );
    fails(
        "events::payloads_arrive_as_published",
        StripsStamps,
        "an event did not happen within 2s",
    );
}

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

#[test]
fn mixed_up_replies_are_found() {
    /// Answers with what the call before was answered.
    #[derive(Clone, Debug, Default)]
    struct MixesUp(Arc<Mutex<Option<Reply>>>);
    #[async_trait]
    impl Twist for MixesUp {
        async fn call(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Reply> {
            let reply = inside.call(message).await?;
            Ok(self.0.lock().replace(reply.clone()).unwrap_or(reply))
        }
    }

    fails(
        "calls::a_hundred_at_once_are_not_mixed_up",
        MixesUp::default(),
        "the answer: expected",
    );
}

#[test]
fn an_ignored_requirement_is_found() {
    #[derive(Clone, Debug)]
    struct RequiresNothing;
    #[async_trait]
    impl Twist for RequiresNothing {
        async fn call(&self, inside: &Arc<dyn Channel>, mut message: Message) -> Result<Reply> {
            let any = Requirement::parse_list(message.head.contract.clone(), "*");
            message.head.requirement = any.ok();
            inside.call(message).await
        }
    }

    for name in [
        "negotiation::another_major_is_refused",
        "negotiation::below_the_floor_is_refused",
        "negotiation::above_the_range_is_refused",
    ] {
        fails(name, RequiresNothing, "a call that nothing fits succeeded");
    }
}

#[test]
fn a_lost_refusal_is_found() {
    /// Says that there is no match, and not why.
    #[derive(Clone, Debug)]
    struct SaysNoMore;
    #[async_trait]
    impl Twist for SaysNoMore {
        async fn call(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Reply> {
            let called = inside.call(message).await;
            called.map_err(|error| Error::new(error.kind(), error.message().to_owned()))
        }
    }

    fails(
        "negotiation::another_major_is_refused",
        SaysNoMore,
        "no refusal comes with the error",
    );
}

#[test]
fn a_command_sent_twice_is_found() {
    #[derive(Clone, Debug)]
    struct SendsTwice;
    #[async_trait]
    impl Twist for SendsTwice {
        async fn send(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Receipt> {
            inside.send(message.clone()).await?;
            inside.send(message).await
        }
    }

    fails(
        "commands::each_is_handled_once",
        SendsTwice,
        "what was handled",
    );
}

#[test]
fn lost_metadata_is_found() {
    #[derive(Clone, Debug)]
    struct Forgets;
    #[async_trait]
    impl Twist for Forgets {
        async fn call(&self, inside: &Arc<dyn Channel>, mut message: Message) -> Result<Reply> {
            message.head.metadata = polywire_core::Metadata::new();
            message.head.trace = None;
            inside.call(message).await
        }
    }

    fails("calls::metadata_arrives", Forgets, "the metadata: expected");
    fails(
        "context::everything_arrives_with_a_call",
        Forgets,
        "no trace arrived",
    );
}

#[test]
fn an_ignored_verdict_is_found() {
    /// Acknowledges whatever the subscriber said.
    #[derive(Clone, Debug)]
    struct AlwaysAcknowledges;
    #[async_trait]
    impl Twist for AlwaysAcknowledges {
        async fn subscribe(
            &self,
            inside: &Arc<dyn Channel>,
            subscription: Subscription,
        ) -> Result<Deliveries> {
            let deliveries = inside.subscribe(subscription).await?;
            Ok(Deliveries::new(deliveries.map(|delivery| {
                let (head, body, settle) = delivery.into_parts();
                let settle = settle.expect("a delivery fresh from a channel is unsettled");
                polywire_core::Delivery::new(head, body, Box::new(Deaf(settle)))
            })))
        }
    }

    struct Deaf(Box<dyn polywire_core::Settle>);
    impl polywire_core::Settle for Deaf {
        fn settle(
            self: Box<Self>,
            _: Fate,
        ) -> futures_util::future::BoxFuture<'static, Result<()>> {
            self.0.settle(Fate::Ack)
        }

        fn abandon(self: Box<Self>) {
            drop(self.0.settle(Fate::Ack));
        }
    }

    fails(
        "delivery::a_retry_comes_again_and_is_counted",
        AlwaysAcknowledges,
        "a delivery did not happen within 2s",
    );
    fails(
        "delivery::a_rejected_event_goes_to_the_dead_letters",
        AlwaysAcknowledges,
        "1 letters on the dead shelf did not happen within 2s",
    );
    fails(
        "delivery::a_dropped_event_returns_to_the_group",
        AlwaysAcknowledges,
        "a delivery did not happen within 2s",
    );
}

#[test]
fn a_lost_order_is_found() {
    /// Forgets the key, so that members race.
    #[derive(Clone, Debug)]
    struct Hurries;
    #[async_trait]
    impl Twist for Hurries {
        async fn subscribe(
            &self,
            inside: &Arc<dyn Channel>,
            subscription: Subscription,
        ) -> Result<Deliveries> {
            let deliveries = inside.subscribe(subscription).await?;
            // Every other event waits for the one after it.
            Ok(Deliveries::new(deliveries.chunks(2).flat_map(|pair| {
                futures_util::stream::iter(pair.into_iter().rev())
            })))
        }

        fn capability(&self, inside: &Capability) -> Capability {
            inside.clone()
        }
    }

    assert!(matches!(
        verdict("delivery::order_is_kept_by_key", Hurries),
        Verdict::Failed(_)
    ));
}

#[test]
fn a_close_that_does_nothing_is_found() {
    #[derive(Clone, Debug)]
    struct StaysOpen;
    #[async_trait]
    impl Twist for StaysOpen {
        async fn close(&self, _: &Arc<dyn Channel>) -> Result<()> {
            Ok(())
        }
    }

    fails(
        "lifecycle::a_closed_end_refuses_every_verb",
        StaysOpen,
        "call after closing: expected Closed, found Unavailable",
    );
    fails(
        "lifecycle::closing_ends_a_call_that_waits",
        StaysOpen,
        "the end of the call did not happen within 2s",
    );
}

#[test]
fn a_panic_of_a_channel_is_the_failure_of_the_case() {
    #[derive(Clone, Debug)]
    struct Panics;
    #[async_trait]
    impl Twist for Panics {
        async fn call(&self, _: &Arc<dyn Channel>, _: Message) -> Result<Reply> {
            std::panic::resume_unwind(Box::new("out of ideas"))
        }
    }

    fails(
        "calls::round_trip_unicode",
        Panics,
        "the case panicked: out of ideas",
    );
}

#[test]
fn a_world_that_cannot_be_made_is_a_failure() {
    struct Barren;
    #[async_trait]
    impl Factory for Barren {
        async fn world(&self, _: WorldOptions) -> Result<Box<dyn World>> {
            Err(Error::new(ErrorKind::Config, "no broker at this address"))
        }
    }

    let case = cases().next().expect("the suite has cases");
    let factory: Arc<dyn Factory> = Arc::new(Barren);
    let Verdict::Failed(failure) = case.run(&factory).verdict else {
        panic!("a case ran without a world");
    };
    assert!(failure.to_string().contains("no broker at this address"));
}
