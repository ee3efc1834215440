//! The broker runs out of memory: publishers wait and are told, consumers go on.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use polywire::{Dispatched, ErrorKind, Health};
use polywire_test_broker::Node;

use crate::consumers::{Consumers, Handled};
use crate::load::{Ids, event, publisher};
use crate::support::broker::{Place, broker};
use crate::support::{soon, until};

/// How many events are queued before the alarm.
const BEFORE: usize = 300;
const DEADLINE: Duration = Duration::from_secs(2);

/// A memory alarm, until dropped.
struct Alarm<'a>(&'a Node);

impl<'a> Alarm<'a> {
    fn raise(node: &'a Node) -> Self {
        node.ctl(&["set_vm_memory_high_watermark", "0.00001"])
            .unwrap();
        Self(node)
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0
            .ctl(&["set_vm_memory_high_watermark", "0.8"])
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_backpressure_until_the_deadline_and_consumers_go_on() {
    let broker = broker().await;
    let place = Place::new("alarm", &[broker.url()]);
    let handled = Handled::default();
    // The group begins with its first member; while it has none, events wait.
    Consumers::start(&place, 1, &handled).await.stop().await;
    let (wire, impatient) = publisher(&place, "impatient", "2s").await;
    let (other, patient) = publisher(&place, "patient", "60s").await;
    let events: Vec<_> = (0..BEFORE).map(|number| event(0, number)).collect();
    let published = try_join_all(events.iter().map(|event| patient.happened(event))).await;
    let receipts = published.unwrap().into_iter();
    let mut accepted: Ids = receipts.map(|receipt| receipt.id).collect();
    let consumers = Consumers::paused(&place, 2, &handled).await;

    let alarm = Alarm::raise(&broker);
    // The broker stops reading when it is given something.
    let (error, waited) = soon("the alarm", async {
        for number in BEFORE.. {
            let begun = Instant::now();
            match impatient.happened(&event(0, number)).await {
                Ok(receipt) => accepted.insert(receipt.id),
                Err(error) => return (error, begun.elapsed()),
            };
        }
        unreachable!("there is always a next event")
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error:?}");
    assert_eq!(error.dispatched(), Dispatched::Maybe, "{error:?}");
    assert!(waited >= DEADLINE, "{waited:?}");
    let Health::Degraded(why) = &wire.health()["load"] else {
        panic!("{:?}", wire.health());
    };
    assert!(why.contains("takes nothing for now"), "{why}");
    // Once it is known to be blocked, nothing more is sent.
    let error = impatient.happened(&event(1, 0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error:?}");
    assert_eq!(error.dispatched(), Dispatched::No, "{error:?}");

    // All that waited is handled and settled meanwhile.
    consumers.resume();
    handled.all(&accepted).await;
    place.emptied(&broker);

    let waiting = tokio::spawn(async move { patient.happened(&event(2, 0)).await });
    drop(alarm);
    let receipt = soon("the publish that waited", waiting).await.unwrap();
    accepted.insert(receipt.unwrap().id);
    until("readiness", || wire.health()["load"] == Health::Ready).await;
    let receipt = impatient.happened(&event(3, 0)).await.unwrap();
    accepted.insert(receipt.id);
    handled.all(&accepted).await;
    consumers.stop().await;
    place.emptied(&broker);
    for wire in [wire, other] {
        wire.close().await.unwrap();
    }
}
