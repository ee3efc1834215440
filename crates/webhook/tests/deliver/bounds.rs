//! How much an endpoint is given at once, and in which order, over each store.

use polywire_webhook::deliver::DeliverOptions;
use polywire_webhook::record::DeliveryState;
use polywire_webhook::schedule::EndpointLimits;

use crate::sink::{Sink, status};
use crate::world::{Data, World, keyed, new};

async fn keeps_order_and_concurrency(data: Data) {
    let world = World::new(data).await;
    let sink = Sink::start(async |_| {
        tokio::task::yield_now().await;
        status(204)
    })
    .await;
    let id = world.subscribe(&sink.url).await;
    let plain = (0..60).map(|n| new(&id, &format!("plain-{n}")));
    let ordered =
        (0..30).map(|n| keyed(&id, &format!("k{}-{n:02}", n % 3), &format!("k{}", n % 3)));
    let ids = world.enqueue(plain.chain(ordered).collect()).await;
    let endpoint = EndpointLimits {
        concurrency: 4,
        ..EndpointLimits::default()
    };
    let deliverer = world.deliver_with(DeliverOptions {
        endpoint,
        ..world.options()
    });
    for id in ids {
        world.becomes(id, DeliveryState::Done, 1).await;
    }
    deliverer.drain().await;
    let seen = sink.seen();
    assert_eq!(seen.len(), 90, "each once");
    assert!(seen.iter().all(|seen| seen.together <= 4));
    for key in ["k0", "k1", "k2"] {
        let of_key: Vec<_> = sink
            .ids("/")
            .into_iter()
            .filter(|id| id.starts_with(key))
            .collect();
        assert!(of_key.len() == 10 && of_key.is_sorted(), "{of_key:?}");
    }
}

#[tokio::test]
async fn order_and_concurrency_are_kept_over_sqlite() {
    keeps_order_and_concurrency(Data::sqlite()).await;
}

#[tokio::test]
async fn order_and_concurrency_are_kept_over_postgres() {
    keeps_order_and_concurrency(Data::postgres().await).await;
}
