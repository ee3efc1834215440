//! Subscriptions.

use polywire_core::ErrorKind;
use polywire_core::contract::Name;
use polywire_webhook::record::{PauseReason, State, SubscriptionId};
use polywire_webhook::schedule::{Standing, Stop};
use polywire_webhook::store::{Subscriptions, Updated};

use crate::world::{World, start, terms};

pub(crate) async fn are_kept_and_changed_by_revision(world: &World) {
    let id = SubscriptionId::random();
    let created = world
        .store
        .create(&id, terms("acme", "orders"))
        .await
        .unwrap();
    assert_eq!(
        (created.revision, &created.standing),
        (1, &Standing::default())
    );
    assert_eq!(world.get(&id).await, created);
    let error = world
        .store
        .create(&id, terms("acme", "orders"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(
        error.to_string(),
        format!("there is a subscription {id} already: take another id")
    );

    let mut paused = terms("acme", "orders");
    paused.state = State::Paused {
        reason: PauseReason::Subscriber,
    };
    let Updated::Done(updated) = world.store.update(&id, 1, paused.clone()).await.unwrap() else {
        panic!("it is at revision 1")
    };
    assert_eq!((updated.revision, &updated.terms), (2, &paused));
    let stale = world
        .store
        .update(&id, 1, terms("acme", "orders"))
        .await
        .unwrap();
    assert_eq!(stale, Updated::Stale(updated.clone()));
    let absent = world
        .store
        .update(&SubscriptionId::random(), 1, paused)
        .await
        .unwrap();
    assert_eq!(absent, Updated::Absent);

    let standing = Standing {
        failing_since: Some(start()),
        held_until: Some(start()),
        stopped: Some(Stop::Failing),
    };
    assert!(world.store.stand(&id, &standing).await.unwrap());
    let stood = world.get(&id).await;
    assert_eq!(
        (stood.revision, stood.standing, stood.terms),
        (2, standing.clone(), updated.terms)
    );
    assert!(
        !world
            .store
            .stand(&SubscriptionId::random(), &standing)
            .await
            .unwrap()
    );
}

pub(crate) async fn are_listed_by_tenant_and_contract(world: &World) {
    for (id, tenant, contract) in [
        ("sub_a", "acme", "orders"),
        ("sub_b", "acme", "stock"),
        ("sub_c", "other", "orders"),
        ("sub_d", "acme", "orders"),
    ] {
        world
            .store
            .create(&id.parse().unwrap(), terms(tenant, contract))
            .await
            .unwrap();
    }
    let list = async |tenant: Option<&str>, contract: Option<&str>, after: Option<&str>, limit| {
        let ask = Subscriptions {
            tenant: tenant.map(Into::into),
            contract: contract.map(|contract| contract.parse().unwrap()),
            after: after.map(|after| after.parse().unwrap()),
            limit,
        };
        let found = world.store.subscriptions(&ask).await.unwrap();
        found
            .into_iter()
            .map(|found| found.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list(None, None, None, 1000).await,
        ["sub_a", "sub_b", "sub_c", "sub_d"]
    );
    assert_eq!(list(Some("acme"), None, None, 2).await, ["sub_a", "sub_b"]);
    assert_eq!(list(Some("acme"), None, Some("sub_b"), 2).await, ["sub_d"]);
    assert_eq!(
        list(None, Some("orders"), None, 1000).await,
        ["sub_a", "sub_c", "sub_d"]
    );
    assert_eq!(
        list(Some("acme"), Some("orders"), None, 1000).await,
        ["sub_a", "sub_d"]
    );
    assert_eq!(list(Some("nobody"), None, None, 1000).await, [""; 0]);
    let moved = terms("other", "stock");
    world
        .store
        .update(&"sub_a".parse().unwrap(), 1, moved)
        .await
        .unwrap();
    assert_eq!(
        list(Some("other"), Some("stock"), None, 1000).await,
        ["sub_a"]
    );
}

pub(crate) async fn go_with_everything_that_is_theirs(world: &World) {
    let (id, other) = (world.subscribe().await, world.subscribe().await);
    world.fill(&id, "a", 3).await;
    world.fill(&other, "b", 1).await;
    let leased = world.lease(1).await.remove(0);
    assert!(
        world
            .store
            .remove(&leased.delivery.subscription)
            .await
            .unwrap()
    );
    assert_eq!(world.store.delivery(leased.claim.id).await.unwrap(), None);
    assert!(!world.settle(leased.claim, crate::world::dead()).await);
    let (gone, left) = if leased.delivery.subscription == id {
        (id, other)
    } else {
        (other, id)
    };
    assert_eq!(world.store.subscription(&gone).await.unwrap(), None);
    assert!(!world.store.remove(&gone).await.unwrap());
    assert!(world.states(&gone).await.is_empty());
    assert!(!world.states(&left).await.is_empty());
}

pub(crate) async fn have_bounds(world: &World) {
    let mut wrong = terms("acme", "orders");
    wrong.events = vec![Name::from_static("shipped"); 101];
    let id = SubscriptionId::random();
    for error in [
        world.store.create(&id, wrong.clone()).await.unwrap_err(),
        world.store.update(&id, 1, wrong).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidPayload);
        assert_eq!(
            error.to_string(),
            "a subscription with 101 events: expected at most 100"
        );
    }
    let error = world
        .store
        .subscriptions(&Subscriptions {
            limit: 1001,
            ..Subscriptions::default()
        })
        .await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "1001 subscriptions of one page: expected 1 to 1000"
    );
}

pub(crate) async fn are_counted_and_known_to_have_changed(world: &World) {
    let generation = async || world.store.generation().await.unwrap();
    let (before, id) = (generation().await, SubscriptionId::random());
    assert_eq!(world.store.last_sequence(&id).await.unwrap(), None);
    world
        .store
        .create(&id, terms("acme", "orders"))
        .await
        .unwrap();
    let created = generation().await;
    assert_ne!(created, before);
    assert_eq!(world.store.count("acme").await.unwrap(), 1);
    assert_eq!(world.store.count("other").await.unwrap(), 0);
    assert_eq!(world.store.last_sequence(&id).await.unwrap(), Some(0));
    world.fill(&id, "n", 3).await;
    assert_eq!(world.store.last_sequence(&id).await.unwrap(), Some(3));
    world.store.stand(&id, &Standing::default()).await.unwrap();
    assert_eq!(generation().await, created, "nothing was agreed");
    world
        .store
        .update(&id, 1, terms("acme", "orders"))
        .await
        .unwrap();
    let updated = generation().await;
    assert_ne!(updated, created);
    assert!(world.store.remove(&id).await.unwrap());
    assert_ne!(generation().await, updated);
}
