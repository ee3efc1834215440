//! What a consumer has fetched by itself.

use polywire_core::ErrorKind;
use polywire_webhook::record::{DeliveryState, Fate, SubscriptionId};

use crate::world::{World, dead, keyed, names, new};

pub(crate) async fn finishes_what_was_fetched(world: &World) {
    let (id, other) = (world.subscribe().await, world.subscribe().await);
    world.fill(&other, "other", 1).await;
    world.enqueue(vec![new(&id, "dead")]).await;
    for leased in world.lease(10).await {
        let fate = if leased.delivery.subscription == id {
            dead()
        } else {
            Fate::Done
        };
        assert!(world.settle(leased.claim, fate).await);
    }
    world.fill(&id, "n", 3).await;
    let done = world.store.acknowledge(&id, &[1, 2, 4, 9]).await.unwrap();
    assert_eq!(done, [true, true, true, false]);
    let again = world.store.acknowledge(&id, &[2, 3, 3]).await.unwrap();
    assert_eq!(again, [false, true, false], "each is done once");
    let states = world.states(&id).await;
    assert!(
        states.values().all(|state| *state == DeliveryState::Done),
        "{states:?}"
    );
    assert_eq!(world.lease(10).await, []);
    let absent = SubscriptionId::random();
    assert_eq!(
        world.store.acknowledge(&absent, &[1]).await.unwrap(),
        [false]
    );
    let error = world.store.acknowledge(&id, &[1; 1001]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

pub(crate) async fn voids_claims_and_readies_the_next_of_a_key(world: &World) {
    let id = world.subscribe().await;
    world
        .enqueue(vec![
            keyed(&id, "a1", "a"),
            keyed(&id, "a2", "a"),
            keyed(&id, "a3", "a"),
        ])
        .await;
    let leased = world.lease(10).await;
    assert_eq!(names(&leased), ["a1"]);
    assert_eq!(
        world.store.acknowledge(&id, &[1, 2]).await.unwrap(),
        [true, true]
    );
    assert!(
        !world.settle(leased[0].claim, dead()).await,
        "the claim is void"
    );
    assert_eq!(names(&world.lease(10).await), ["a3"]);
}
