//! Consumers are killed amid the load, and amid a handler.

use std::time::{Duration, Instant};

use polywire::core::MessageId;

use crate::child::{self, Child, Manner};
use crate::consumers::{Consumers, Handled};
use crate::contract::config;
use crate::load::{EVENTS, Publishers};
use crate::support::broker::{Place, broker};

/// What a killed process held, begun or not, is handled by the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_consumer_holds_is_handled_by_others() {
    if child::asked().await {
        return;
    }
    let broker = broker().await;
    let place = Place::new("killed", &[broker.url()]);
    let begun = Instant::now();
    let handled = Handled::default();
    let mut killed = Vec::new();
    for limit in [100, 200] {
        let manner = Manner {
            limit,
            pause: Duration::ZERO,
        };
        killed.push(Child::start(&config(&place, "killed", "10s"), manner).await);
    }
    let consumers = Consumers::start(&place, 8, &handled).await;
    let publishers = Publishers::start(&place).await;

    let mut held = Vec::new();
    for (mut child, share) in killed.into_iter().zip([EVENTS / 3, EVENTS / 2]) {
        let id = MessageId::parse(&child.says("holds", &handled).await).unwrap();
        publishers.reached(share).await;
        assert_eq!(handled.times(&id), 0, "{id} is in two hands");
        child.kill().await;
        held.push(id);
    }

    let accepted = publishers.finished().await;
    handled.all(&accepted).await;
    consumers.stop().await;
    place.emptied(&broker);
    for id in held {
        assert_eq!(handled.times(&id), 1, "{id}");
    }
    assert!(handled.redelivered() >= 2, "{handled:?}");
    handled.report("two of ten consumers killed", &accepted, begun);
}
