//! How much is kept.

use polywire_webhook::record::{Fate, SubscriptionId};
use polywire_webhook::store::Backlog;

use crate::world::{World, dead, keyed, new};

pub(crate) async fn counts_what_is_there(world: &World) {
    let (id, other) = (world.subscribe().await, world.subscribe().await);
    let count = async || world.store.backlog(&id).await.unwrap();
    assert_eq!(count().await, Backlog::default());
    world.fill(&other, "other", 3).await;
    let keyed = ["a", "b", "c"].map(|name| keyed(&id, name, "k"));
    world.enqueue(keyed.into()).await;
    world.enqueue(vec![new(&id, "d")]).await;
    let four = Backlog {
        deliveries: 4,
        bytes: 4 * "body of a".len(),
        letters: 0,
    };
    assert_eq!(count().await, four, "ready and waiting");
    let leased = world.lease(1000).await;
    assert_eq!(count().await, four, "leased");
    let mine = leased
        .iter()
        .filter(|leased| leased.delivery.subscription == id);
    for (leased, fate) in mine.zip([Fate::Done, dead()]) {
        assert!(world.settle(leased.claim, fate).await);
    }
    let two = Backlog {
        deliveries: 2,
        bytes: 2 * "body of a".len(),
        letters: 1,
    };
    assert_eq!(count().await, two);
    let nobody = SubscriptionId::random();
    let nothing = world.store.backlog(&nobody).await.unwrap();
    assert_eq!(nothing, Backlog::default());
}
