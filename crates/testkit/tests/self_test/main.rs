//! The suite can fail: each deliberate fault of a channel is found by the case that is there for it.

mod calls;
mod claims;
mod events;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use polywire_core::memory::{Hub, MemoryChannel};
use polywire_core::{Channel, Error, ErrorKind, Message, Reply, Result};
use polywire_testkit::twist::{Twist, twist};
use polywire_testkit::{Case, Ends, Factory, Verdict, World, WorldOptions, cases};

type Fault = Arc<dyn Fn(Arc<dyn Channel>) -> Arc<dyn Channel> + Send + Sync>;

/// The memory transport with faults.
struct Faulty {
    provider: Fault,
    consumer: Fault,
}

#[async_trait]
impl Factory for Faulty {
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let hub = Hub::new(options.bounds);
        let end = move |fault: Fault| {
            let hub = hub.clone();
            move || {
                let channel = MemoryChannel::new(hub.clone(), options.max_payload);
                std::future::ready(Ok(fault(Arc::new(channel))))
            }
        };
        Ends::meet(end(self.provider.clone()), end(self.consumer.clone())).await
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(2)
    }
}

fn fault(twisted: impl Twist + Clone) -> Fault {
    Arc::new(move |channel| twist(channel, twisted.clone()))
}

fn run(name: &str, faulty: Faulty) -> Verdict {
    let case = cases()
        .find(|case| case.name() == name)
        .unwrap_or_else(|| panic!("no case {name}"));
    let factory: Arc<dyn Factory> = Arc::new(faulty);
    case.run(&factory).verdict
}

/// What becomes of a case when the consumer's end has this fault.
fn verdict(name: &str, twisted: impl Twist + Clone) -> Verdict {
    let (provider, consumer): (Fault, Fault) = (Arc::new(|sound| sound), fault(twisted));
    run(name, Faulty { provider, consumer })
}

#[track_caller]
fn expect_failure(name: &str, verdict: Verdict, text: &str) {
    match verdict {
        Verdict::Failed(failure) => assert!(failure.to_string().contains(text), "{failure}"),
        other => panic!("{name} should fail with {text:?} and is {other:?}"),
    }
}

/// The case fails with this in its text.
#[track_caller]
fn fails(name: &str, twisted: impl Twist + Clone, text: &str) {
    expect_failure(name, verdict(name, twisted), text);
}

/// The case fails with this in its text when both ends have the fault.
#[track_caller]
fn fails_at_both_ends(name: &str, twisted: impl Twist + Clone, text: &str) {
    let (provider, consumer) = (fault(twisted.clone()), fault(twisted));
    expect_failure(name, run(name, Faulty { provider, consumer }), text);
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
    let names: Vec<String> = cases().map(Case::name).collect();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
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
