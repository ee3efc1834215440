use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use polywire_contract::{Name, Offer, Offered, Requirement, Version};
use tokio::time::{Instant, timeout};

use super::*;
use crate::letters::Shelf;
use crate::message::{Head, Kind, Outcome, Reply};
use crate::stamp::Stamp;

const ORDERS: Name = Name::from_static("orders");
const SHIPPED: Name = Name::from_static("shipped");
const SOON: Duration = Duration::from_secs(5);

fn bounds() -> Bounds {
    Bounds {
        max_messages: 4,
        max_attempts: 2,
        max_returns: 2,
        max_letters: 1,
        replay_messages: 3,
        replay_bytes: 1024,
        ..Bounds::default()
    }
}

fn event(text: &str, version: Version, key: Option<&str>) -> Message {
    let mut head = Head::new(Kind::Event, ORDERS, SHIPPED);
    let spoken = Offered::new(version);
    let offer = Offer::new(ORDERS, vec![spoken.clone()]).unwrap();
    head.stamp = Some(Arc::new(Stamp::of(&spoken, &offer)));
    head.ordering_key = key.map(Arc::from);
    head.deadline = Some(Instant::now() + Duration::from_millis(50));
    Message::new(head, Bytes::copy_from_slice(text.as_bytes()))
}

fn v1(text: &str) -> Message {
    event(text, Version::new(1, 4, 0), None)
}

fn group(name: Option<&str>, ranges: &str) -> Subscription {
    Subscription {
        contract: ORDERS,
        event: SHIPPED,
        group: name.map(|name| Name::try_from(name).unwrap()),
        requirement: Requirement::parse_list(ORDERS, ranges).unwrap(),
        prefetch: 16,
        token: None,
    }
}

async fn next(member: &mut Member) -> Received {
    timeout(SOON, member.next()).await.unwrap().unwrap()
}

async fn taken(member: &mut Member) -> Bytes {
    let delivery = next(member).await.delivery;
    let body = delivery.body.clone();
    delivery.ack().await.unwrap();
    body
}

async fn nothing(member: &mut Member) {
    assert!(
        timeout(Duration::from_millis(1), member.next())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_group_with_members_holds_its_publisher_until_the_deadline() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let mut member = exchange.join(&group(Some("billing"), "^1"), None).unwrap();
    for text in ["a", "b", "c", "d"] {
        exchange.publish(v1(text)).await.unwrap();
    }
    let error = exchange.publish(v1("e")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(
        error
            .to_string()
            .starts_with("group \"billing\" holds its 4 messages"),
        "{error}"
    );

    let waiting = tokio::spawn({
        let exchange = exchange.clone();
        async move { exchange.publish(v1("f")).await }
    });
    next(&mut member).await.delivery.ack().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(member.missed(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_absent_group_keeps_the_newest_and_counts_what_it_missed() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    drop(exchange.join(&group(Some("billing"), "^1"), None).unwrap());
    for text in ["a", "b", "c", "d", "e", "f"] {
        exchange.publish(v1(text)).await.unwrap();
    }
    let mut member = exchange.join(&group(Some("billing"), "^1"), None).unwrap();
    assert_eq!(member.missed(), 2);
    assert_eq!(next(&mut member).await.delivery.body, "c");
}

#[tokio::test(start_paused = true)]
async fn tracks_are_apart_and_a_group_of_two_gets_each_event_once() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let mut old = exchange.join(&group(Some("old"), "^1"), None).unwrap();
    let mut both = exchange.join(&group(Some("both"), "^2; ^1"), None).unwrap();
    let first = event("v2", Version::new(2, 0, 0), None);
    let mut second = v1("v1");
    second.head.id = first.head.id.clone();
    exchange.publish(first).await.unwrap();
    exchange.publish(second).await.unwrap();
    assert_eq!(taken(&mut old).await, "v1");
    nothing(&mut old).await;
    assert_eq!(taken(&mut both).await, "v2");
    nothing(&mut both).await;
}

#[tokio::test(start_paused = true)]
async fn retries_count_and_the_last_one_is_dead_lettered() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let mut member = exchange.join(&group(Some("billing"), "^1"), None).unwrap();
    exchange.publish(v1("a")).await.unwrap();
    let first = next(&mut member).await.delivery;
    assert_eq!(first.head.attempt, 1);
    first.retry(Duration::from_secs(1)).await.unwrap();
    nothing(&mut member).await;
    let second = next(&mut member).await.delivery;
    assert_eq!(second.head.attempt, 2);
    second.retry(Duration::ZERO).await.unwrap();

    let letters = exchange.letters().list(Shelf::Dead, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "failed on attempt 2 of 2");
    let id = letters[0].head.id.clone();
    assert!(
        exchange
            .letters()
            .replay(Shelf::Dead, "billing", &id)
            .await
            .unwrap()
    );
    let replayed = next(&mut member).await.delivery;
    assert_eq!((replayed.head.attempt, &replayed.head.id), (1, &id));
    assert!(
        !exchange
            .letters()
            .discard(Shelf::Dead, "billing", &id)
            .await
            .unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_shelved_stays_in_the_group() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let mut member = exchange.join(&group(Some("billing"), "^1"), None).unwrap();
    exchange.publish(v1("a")).await.unwrap();
    exchange.publish(v1("b")).await.unwrap();
    next(&mut member)
        .await
        .delivery
        .reject("bad")
        .await
        .unwrap();
    let error = next(&mut member)
        .await
        .delivery
        .reject("worse")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(
        error
            .to_string()
            .contains("the shelf of dead messages holds its 1 letters"),
        "{error}"
    );
    tokio::time::advance(Bounds::default().max_backoff).await;
    assert_eq!(next(&mut member).await.delivery.body, "b");
}

#[tokio::test(start_paused = true)]
async fn what_keeps_coming_back_is_dead_lettered() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let mut member = exchange.join(&group(Some("billing"), "^1"), None).unwrap();
    exchange.publish(v1("a")).await.unwrap();
    for attempt in 1..=3 {
        assert_eq!(next(&mut member).await.delivery.head.attempt, attempt);
    }
    nothing(&mut member).await;
    let letters = exchange.letters().list(Shelf::Dead, 10).await.unwrap();
    assert_eq!(letters[0].reason, "came back unsettled 3 times");
}

#[tokio::test(start_paused = true)]
async fn one_key_keeps_its_order_across_a_retry_and_others_pass() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let mut member = exchange.join(&group(Some("billing"), "^1"), None).unwrap();
    for (text, key) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        exchange
            .publish(event(text, Version::new(1, 4, 0), Some(key)))
            .await
            .unwrap();
    }
    let first = next(&mut member).await.delivery;
    assert_eq!(first.body, "a1");
    first.retry(Duration::from_secs(1)).await.unwrap();
    let other = next(&mut member).await.delivery;
    assert_eq!(other.body, "b1");
    nothing(&mut member).await;
    other.ack().await.unwrap();
    let again = next(&mut member).await.delivery;
    assert_eq!(again.body, "a1");
    nothing(&mut member).await;
    again.ack().await.unwrap();
    assert_eq!(next(&mut member).await.delivery.body, "a2");
}

#[tokio::test(start_paused = true)]
async fn a_group_of_one_resumes_from_a_position_and_is_told_of_the_gap() {
    let exchange = Exchange::new(bounds(), Overflow::Evict);
    for text in ["a", "b", "c", "d", "e"] {
        exchange.publish(v1(text)).await.unwrap();
    }
    let mut member = exchange.join(&group(None, "^1"), Some(1)).unwrap();
    assert_eq!(member.missed(), 1);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let received = next(&mut member).await;
        seen.push((received.position, received.delivery.body.clone()));
        received.delivery.ack().await.unwrap();
    }
    assert_eq!(seen, [(3, "c".into()), (4, "d".into()), (5, "e".into())]);
    nothing(&mut member).await;
}

#[tokio::test(start_paused = true)]
async fn prefetch_bounds_what_a_member_holds() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let subscription = Subscription {
        prefetch: 1,
        ..group(Some("billing"), "^1")
    };
    let mut member = exchange.join(&subscription, None).unwrap();
    exchange.publish(v1("a")).await.unwrap();
    exchange.publish(v1("b")).await.unwrap();
    let held = next(&mut member).await.delivery;
    nothing(&mut member).await;
    held.ack().await.unwrap();
    assert_eq!(next(&mut member).await.delivery.body, "b");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_members_and_refuses_publishers() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let mut member = exchange.join(&group(Some("billing"), "^1"), None).unwrap();
    let waiting = tokio::spawn(async move { member.next().await.is_none() });
    tokio::task::yield_now().await;
    exchange.close();
    exchange.close();
    assert!(timeout(SOON, waiting).await.unwrap().unwrap());
    assert_eq!(
        exchange.publish(v1("a")).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(
        exchange.join(&group(None, "^1"), None).unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn groups_are_bounded() {
    let exchange = Exchange::new(
        Bounds {
            max_groups: 1,
            ..bounds()
        },
        Overflow::Wait,
    );
    let _one = exchange.join(&group(Some("one"), "^1"), None).unwrap();
    let _same = exchange.join(&group(Some("one"), "^1"), None).unwrap();
    let error = exchange.join(&group(Some("two"), "^1"), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event \"orders.shipped\" has 1 groups, its maximum"
    );
}

/// Runs everything, and counts it.
struct Counts(Name, Arc<AtomicUsize>);

#[async_trait]
impl CommandRunner for Counts {
    fn contract(&self) -> &Name {
        &self.0
    }

    fn can_run(&self, _: &Requirement, _: &Name) -> bool {
        true
    }

    async fn run(&self, head: Box<Head>, body: Bytes, _: Option<Caller>) -> Result<Reply> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(Reply {
            stamp: event("", Version::new(1, 4, 0), None)
                .head
                .stamp
                .ok_or_else(|| Error::new(ErrorKind::Internal, head.id.to_string()))?,
            outcome: Outcome::Done,
            body,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn workers_wait_for_a_command_that_is_being_taken() {
    let exchange = Exchange::new(bounds(), Overflow::Wait);
    let ran = Arc::new(AtomicUsize::new(0));
    let mut workers = exchange.work(Counts(ORDERS, ran.clone())).unwrap();
    let taking = exchange.take_one(&ORDERS).unwrap();
    exchange.refuse_new();
    let refused = exchange.take_one(&ORDERS).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);

    let mut finishing = tokio::spawn(async move { workers.finish().await });
    assert!(
        timeout(Duration::from_secs(1), &mut finishing)
            .await
            .is_err(),
        "finished while a command was being taken"
    );
    let mut command = Message::new(
        Head::new(Kind::Command, ORDERS, SHIPPED),
        Bytes::from_static(b"1"),
    );
    command.head.requirement = Some(Requirement::parse_list(ORDERS, "^1").unwrap());
    taking.queue(command, None).await.unwrap();
    timeout(SOON, finishing).await.unwrap().unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}
