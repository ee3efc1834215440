//! The two ends of a mock channel.

use polywire_contract::Name;
use polywire_core::{Dispatched, ErrorKind, Head, Health, Kind, Message, Receipt};
use polywire_testkit::mock::{self, Verb};

fn message(kind: Kind) -> Message {
    const ORDERS: Name = Name::from_static("orders");
    const QUOTE: Name = Name::from_static("quote");
    Message::new(Head::new(kind, ORDERS, QUOTE), "{}".into())
}

#[tokio::test]
async fn what_the_handle_answers_is_what_the_caller_gets() {
    let (channel, mut handle) = mock::pair();
    let sent = message(Kind::Command);
    let id = sent.head.id.clone();
    let sending = tokio::spawn(async move { channel.send(sent).await });
    let (seen, answer) = handle.send().await.unwrap();
    assert_eq!(seen.head.id, id);
    assert!(answer.send(Ok(Receipt::new(seen.head.id, None))));
    assert_eq!(sending.await.unwrap().unwrap().id, id);
    assert!(handle.try_next().is_none());
}

#[tokio::test]
async fn another_verb_than_awaited_is_named() {
    let (channel, mut handle) = mock::pair();
    let draining = tokio::spawn(async move { channel.drain().await });
    let unexpected = handle.call().await.unwrap_err();
    assert_eq!(unexpected.to_string(), "expected call, found drain");
    // Its answer went with it.
    let error = draining.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.dispatched(), Dispatched::Maybe);
}

#[tokio::test(start_paused = true)]
async fn a_verb_that_does_not_come_is_no_hang() {
    let (_channel, mut handle) = mock::pair();
    let unexpected = handle.call().await.unwrap_err();
    assert_eq!(unexpected.to_string(), "no verb within 10s");
}

#[tokio::test]
async fn a_caller_that_leaves_is_noticed() {
    let (channel, mut handle) = mock::pair();
    let calling = tokio::spawn(async move { channel.call(message(Kind::Operation)).await });
    let (_, mut answer) = handle.call().await.unwrap();
    calling.abort();
    answer.abandoned().await;
    assert!(!answer.send(Err(polywire_core::Error::new(ErrorKind::Internal, "late"))));
}

#[tokio::test]
async fn without_a_handle_the_channel_is_closed() {
    let (channel, handle) = mock::pair();
    handle.set_health(Health::Degraded("no broker".to_owned()));
    assert_eq!(channel.health(), Health::Degraded("no broker".to_owned()));
    drop(handle);
    let error = channel.call(message(Kind::Operation)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(error.to_string(), "the mock's handle is gone");
}

#[tokio::test]
async fn every_verb_arrives_as_itself() {
    let (channel, mut handle) = mock::pair();
    let closing = tokio::spawn(async move { channel.close().await });
    let Verb::Close(answer) = handle.next().await.unwrap() else {
        panic!("another verb than close");
    };
    assert!(answer.send(Ok(())));
    closing.await.unwrap().unwrap();
}
