//! What is carried out once.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use polywire_core::ErrorKind;
use polywire_webhook::record::{Sealed, SubscriptionId};
use polywire_webhook::store::{Created, Once};

use crate::world::{World, start, terms};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn once(key: &str, id: &SubscriptionId, at: Timestamp) -> Once {
    Once {
        tenant: "acme".into(),
        key: key.into(),
        subscription: id.clone(),
        digest: [7; 32],
        answer: Sealed {
            by: "2026".into(),
            bytes: id.as_str().into(),
        },
        at,
        until: at + DAY,
    }
}

async fn create(world: &World, once: &Once) -> Created {
    let created = world
        .store
        .create_once(once, &once.subscription, terms(&once.tenant, "orders"))
        .await;
    created.unwrap()
}

pub(crate) async fn creates_one_for_a_key_and_keeps_its_answer(world: &World) {
    let (first, second) = (SubscriptionId::random(), SubscriptionId::random());
    let kept = once("key", &first, start());
    let Created::New(created) = create(world, &kept).await else {
        panic!("the first one creates")
    };
    assert_eq!((&created.id, created.revision), (&first, 1));
    let again = create(world, &once("key", &second, start())).await;
    assert_eq!(again, Created::Before(Box::new(kept.clone())));
    assert_eq!(world.store.subscription(&second).await.unwrap(), None);
    let found = world.store.once("acme", "key", start()).await.unwrap();
    assert_eq!(found, Some(kept.clone()));
    assert_eq!(
        world.store.once("other", "key", start()).await.unwrap(),
        None
    );
    let other = Once {
        tenant: "other".into(),
        ..once("key", &second, start())
    };
    assert!(
        matches!(create(world, &other).await, Created::New(_)),
        "each tenant has its keys"
    );

    let unusable = Once {
        key: String::new(),
        ..kept.clone()
    };
    let error = world
        .store
        .create_once(
            &unusable,
            &SubscriptionId::random(),
            terms("acme", "orders"),
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(
        error.to_string(),
        "0 bytes of idempotency key: expected 1 to 256"
    );
    let taken = Once {
        key: "another".into(),
        ..kept
    };
    let error = world
        .store
        .create_once(&taken, &first, terms("acme", "orders"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "the id is taken");
    let found = world.store.once("acme", "another", start()).await.unwrap();
    assert_eq!(found, None, "what failed was not answered");
}

pub(crate) async fn lets_one_of_many_at_once_create(world: &World) {
    let another = world.another().await;
    let stores = [&world.store, &another];
    let ids: Vec<_> = (0..16).map(|_| SubscriptionId::random()).collect();
    let asked = ids.iter().enumerate().map(async |(at, id)| {
        let once = once("key", id, start());
        stores[at % 2]
            .create_once(&once, id, terms("acme", "orders"))
            .await
            .unwrap()
    });
    let created = join_all(asked).await;
    let new: Vec<_> = created
        .iter()
        .filter_map(|created| match created {
            Created::New(subscription) => Some(subscription.id.clone()),
            Created::Before(_) | Created::Full => None,
        })
        .collect();
    assert_eq!(new.len(), 1);
    for created in created {
        if let Created::Before(before) = created {
            assert_eq!(before.subscription, new[0]);
        }
    }
    assert_eq!(world.store.count("acme").await.unwrap(), 1);
    another.close().await;
}

pub(crate) async fn makes_no_more_at_once_than_there_is_room_for(world: &World) {
    let another = world.another().await;
    let stores = [&world.store, &another];
    let ids: Vec<_> = (0..16).map(|_| SubscriptionId::random()).collect();
    let within = async |at: usize, key: Option<&Once>, id: &SubscriptionId, tenant: &str| {
        let made = stores[at % 2].create_within(5, key, id, terms(tenant, "orders"));
        made.await.unwrap()
    };
    // Half of them with a key of its own.
    let asked = ids.iter().enumerate().map(async |(at, id)| {
        let once = once(&format!("key{at}"), id, start());
        let once = (at % 4 < 2).then_some(&once);
        within(at, once, id, "acme").await
    });
    let made = join_all(asked).await;
    let full = made.iter().filter(|made| **made == Created::Full).count();
    assert_eq!(full, 11, "{made:?}");
    assert_eq!(world.store.count("acme").await.unwrap(), 5);
    for (at, made) in made.iter().enumerate() {
        let key = format!("key{at}");
        let kept = world.store.once("acme", &key, start()).await.unwrap();
        let expected = at % 4 < 2 && *made != Created::Full;
        assert_eq!(kept.is_some(), expected, "what was refused is no answer");
        if let Some(before) = kept {
            let again = within(at, Some(&before), &SubscriptionId::random(), "acme").await;
            assert_eq!(
                again,
                Created::Before(Box::new(before)),
                "however full it is"
            );
        }
    }
    let other = within(0, None, &SubscriptionId::random(), "other").await;
    assert!(matches!(other, Created::New(_)), "each tenant has its room");
    assert!(world.store.remove(&ids_of(&made)[0]).await.unwrap());
    let room = within(1, None, &SubscriptionId::random(), "acme").await;
    assert!(matches!(room, Created::New(_)), "there is room again");
    another.close().await;
}

fn ids_of(made: &[Created]) -> Vec<SubscriptionId> {
    let id = |made: &Created| match made {
        Created::New(made) => Some(made.id.clone()),
        Created::Before(_) | Created::Full => None,
    };
    made.iter().filter_map(id).collect()
}

pub(crate) async fn forgets_after_its_time(world: &World) {
    let first = SubscriptionId::random();
    create(world, &once("key", &first, start())).await;
    let later = start() + DAY;
    assert_eq!(world.store.once("acme", "key", later).await.unwrap(), None);
    let second = once("key", &SubscriptionId::random(), later);
    assert!(matches!(create(world, &second).await, Created::New(_)));
    let found = world.store.once("acme", "key", later).await.unwrap();
    assert_eq!(found, Some(second));
}
