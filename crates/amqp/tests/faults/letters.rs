//! What was set aside, as an operator finds it.

use std::sync::Arc;
use std::time::Duration;

use lapin::BasicProperties;
use polywire_amqp::{AmqpConfig, QueueType, ShelfOwner};
use polywire_core::contract::Requirement;
use polywire_core::{Letter, Letters, Shelf, codec};
use polywire_testkit::sample::{CONTRACT, Edition, Happened1, Happening, interaction};

use crate::support;
use crate::support::stage::{event, provider, subscribe, within};

/// The shelves of the group, for somebody who has nothing to do with it.
fn operator(config: &AmqpConfig) -> Arc<dyn Letters> {
    let owner = ShelfOwner::Group {
        contract: CONTRACT,
        event: interaction::HAPPENED,
        group: Some("billing".parse().unwrap()),
        requirement: Requirement::parse_list(CONTRACT, "^1.4").unwrap(),
    };
    support::transport(config)
        .unwrap()
        .letters_of(&owner)
        .unwrap()
}

async fn first(letters: &Arc<dyn Letters>, shelf: Shelf) -> Letter {
    let looking = async {
        loop {
            if let Some(letter) = letters.list(shelf, 10).await.unwrap().pop() {
                return letter;
            }
        }
    };
    within("a letter", looking).await
}

/// An event that was retried, and then came back until the broker itself gave it up, is found and goes back to its group.
async fn given_up(queue_type: QueueType) {
    let mut config = support::config().unwrap();
    config.queue_type = queue_type;
    config.bounds.max_returns = 2;
    let letters = operator(&config);
    assert!(letters.list(Shelf::Dead, 10).await.unwrap().is_empty());
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 1).await.unwrap();
    let publisher = provider.publisher(Edition::V1_4);
    publisher.publish::<Happened1>(&event(1, 7)).await.unwrap();
    let delivery = within("the event", deliveries.next()).await.unwrap();
    delivery.retry(Duration::from_millis(10)).await.unwrap();
    for _ in 0..3 {
        drop(within("the event again", deliveries.next()).await.unwrap());
    }
    let letter = first(&letters, Shelf::Dead).await;
    assert_eq!(letter.reason, "came back unsettled 3 times");
    assert_eq!(letter.group, "billing");
    // Looking changes nothing.
    for _ in 0..3 {
        let again = first(&letters, Shelf::Dead).await;
        assert_eq!(
            (again.head.attempt, &again.head.id),
            (letter.head.attempt, &letter.head.id)
        );
    }
    assert!(
        letters
            .replay(Shelf::Dead, "billing", &letter.head.id)
            .await
            .unwrap()
    );
    let delivery = within("the replayed event", deliveries.next())
        .await
        .unwrap();
    assert_eq!(
        codec::decode::<Happening>(&delivery.body).unwrap().number,
        7
    );
    assert_eq!(delivery.head.attempt, 1);
    delivery.ack().await.unwrap();
    assert!(letters.list(Shelf::Dead, 10).await.unwrap().is_empty());
    assert!(
        !letters
            .replay(Shelf::Dead, "billing", &letter.head.id)
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_quorum_queue_gave_up_goes_back_to_its_group() {
    given_up(QueueType::Quorum).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_classic_queue_gave_up_goes_back_to_its_group() {
    given_up(QueueType::Classic).await;
}

/// What a foreign peer sent without an id can be told from others and dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_without_an_id_keeps_the_one_it_is_given() {
    let config = support::config().unwrap();
    let _provider = provider(&config, &[Edition::V1_4]).await;
    let letters = {
        let owner = ShelfOwner::Commands { contract: CONTRACT };
        support::transport(&config)
            .unwrap()
            .letters_of(&owner)
            .unwrap()
    };
    let raw = support::raw::Raw::connect().await;
    let queue = support::name(&config, "cmd.conformance.v1.4");
    for body in [b"1", b"2"] {
        let note = BasicProperties::default().with_type("No Such Thing".into());
        raw.publish("", &queue, note, body).await;
    }
    let both = async {
        loop {
            let found = letters.list(Shelf::Dead, 10).await.unwrap();
            if found.len() == 2 {
                return found;
            }
        }
    };
    let found = within("both letters", both).await;
    let ids: Vec<_> = found.iter().map(|letter| letter.head.id.clone()).collect();
    assert_ne!(ids[0], ids[1]);
    let group = &found[0].group;
    assert_eq!(group, "commands.unknown");
    assert!(letters.discard(Shelf::Dead, group, &ids[0]).await.unwrap());
    let left = letters.list(Shelf::Dead, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].head.id, ids[1]);
}
