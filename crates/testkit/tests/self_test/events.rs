//! Faults of events and their deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use polywire_core::{
    Channel, Deliveries, Delivery, Message, Receipt, Reply, Result, Settle, Subscription, Verdict,
};
use polywire_testkit::twist::Twist;

use crate::{fails, fails_at_both_ends};

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
                Delivery::new(head, body, Box::new(Deaf(settle)))
            })))
        }
    }

    struct Deaf(Box<dyn Settle>);
    impl Settle for Deaf {
        fn settle(self: Box<Self>, _: Verdict) -> BoxFuture<'static, Result<()>> {
            self.0.settle(Verdict::Ack)
        }

        fn abandon(self: Box<Self>) {
            drop(self.0.settle(Verdict::Ack));
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
    /// Forgets the keys, and hands out what has gathered from the last to the first.
    #[derive(Clone, Debug)]
    struct Reverses;
    #[async_trait]
    impl Twist for Reverses {
        async fn publish(
            &self,
            inside: &Arc<dyn Channel>,
            mut message: Message,
        ) -> Result<Receipt> {
            message.head.ordering_key = None;
            inside.publish(message).await
        }

        async fn subscribe(
            &self,
            inside: &Arc<dyn Channel>,
            subscription: Subscription,
        ) -> Result<Deliveries> {
            let deliveries = inside.subscribe(subscription).await?;
            let reversed = deliveries
                .ready_chunks(16)
                .flat_map(|chunk| stream::iter(chunk.into_iter().rev()));
            Ok(Deliveries::new(reversed))
        }
    }

    fails_at_both_ends(
        "delivery::order_is_kept_by_key",
        Reverses,
        "the order of key",
    );
}
