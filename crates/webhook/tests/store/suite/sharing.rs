//! Several workers at once.

use polywire_webhook::record::{Fate, Settlement};
use polywire_webhook::schedule::Standing;
use tokio::time::timeout;

use crate::world::{SOON, World, keyed, lease, terms};

pub(crate) async fn gives_each_delivery_to_one_worker(world: &World) {
    for _ in 0..4 {
        let id = world.subscribe().await;
        world.fill(&id, "plain", 100).await;
        let keyed = (0..50)
            .map(|number| keyed(&id, &format!("keyed-{number}"), &format!("k{}", number % 5)));
        world.enqueue(keyed.collect()).await;
    }
    let another = world.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let store = if task % 2 == 0 {
            world.store.clone()
        } else {
            another.clone()
        };
        tasks.spawn(async move {
            let mut done = Vec::new();
            let mut empty = 0;
            while empty < 3 {
                let leased = lease(&*store, 7).await;
                empty = if leased.is_empty() { empty + 1 } else { 0 };
                let settlements = leased.iter().map(|leased| Settlement {
                    claim: leased.claim,
                    fate: Fate::Done,
                    attempt: None,
                });
                let settled = store.settle(settlements.collect()).await.unwrap();
                assert!(
                    settled.into_iter().all(|settled| settled),
                    "nobody else had it"
                );
                done.extend(leased.into_iter().map(|leased| leased.claim.id));
                tokio::task::yield_now().await;
            }
            done
        });
    }
    let mut done = tasks.join_all().await.concat();
    // Whoever came last may have readied what nobody looked for any more.
    loop {
        let left = world.lease(1000).await;
        if left.is_empty() {
            break;
        }
        for leased in left {
            assert!(world.settle(leased.claim, Fate::Done).await);
            done.push(leased.claim.id);
        }
    }
    let all = done.len();
    done.sort();
    done.dedup();
    assert_eq!((all, done.len()), (600, 600), "each once");
    another.close().await;
}

pub(crate) async fn wakes_who_waits(world: &World) {
    let id = world.subscribe().await;
    let mut wakes = world.store.wakes();
    let woken = async |wakes: &mut polywire_webhook::store::Wakes, what: &str| {
        timeout(SOON / 2, wakes.next())
            .await
            .unwrap_or_else(|_| panic!("{what} wakes nobody"));
    };
    world
        .enqueue(vec![keyed(&id, "a", "k"), keyed(&id, "b", "k")])
        .await;
    woken(&mut wakes, "a new delivery").await;
    let leased = world.lease(1).await.remove(0);
    let mut wakes = world.store.wakes();
    assert!(world.settle(leased.claim, Fate::Done).await);
    woken(&mut wakes, "the next one of a key").await;
    world
        .store
        .update(&id, 1, terms("acme", "orders"))
        .await
        .unwrap();
    woken(&mut wakes, "a change of a subscription").await;
    world.store.stand(&id, &Standing::default()).await.unwrap();
    woken(&mut wakes, "an endpoint that works again").await;
}
