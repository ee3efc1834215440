use std::time::Duration;

use polywire_core::{Channel, Dispatched, ErrorKind, Health, Kind};
use polywire_layers::{Retry, RetryPolicy, Timeout};
use tokio::time::Instant;

use crate::script::{ORDERS, Script, Step, message};

const DEFAULT: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(60);

/// The time that reaches the transport for the time that the caller gave.
async fn given(asked: Option<Duration>) -> Duration {
    let script = Script::new([]);
    let timeout = Timeout::new(script.clone(), DEFAULT, LONGEST);
    let mut message = message(Kind::Operation);
    message.head.deadline = asked.map(|asked| Instant::now() + asked);
    timeout.call(message).await.unwrap();
    script.heads()[0].remaining().unwrap()
}

#[tokio::test(start_paused = true)]
async fn messages_without_a_deadline_get_the_default() {
    assert_eq!(given(None).await, DEFAULT);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_within_the_bound_is_kept() {
    assert_eq!(
        given(Some(Duration::from_millis(1))).await,
        Duration::from_millis(1)
    );
    assert_eq!(given(Some(LONGEST)).await, LONGEST);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_too_far_away_is_shortened() {
    assert_eq!(
        given(Some(LONGEST + Duration::from_millis(1))).await,
        LONGEST
    );
}

#[tokio::test(start_paused = true)]
async fn the_default_is_never_longer_than_the_bound() {
    let script = Script::new([]);
    Timeout::new(script.clone(), LONGEST, DEFAULT)
        .send(message(Kind::Command))
        .await
        .unwrap();
    assert_eq!(script.heads()[0].remaining(), Some(DEFAULT));
}

#[tokio::test(start_paused = true)]
async fn its_own_deadline_is_enforced_on_every_verb() {
    let timeout = Timeout::new(
        Script::new([Step::Hang, Step::Hang, Step::Hang]),
        DEFAULT,
        LONGEST,
    );
    let started = Instant::now();
    let call = timeout.call(message(Kind::Operation)).await.unwrap_err();
    let send = timeout.send(message(Kind::Command)).await.unwrap_err();
    let publish = timeout.publish(message(Kind::Event)).await.unwrap_err();
    assert_eq!(started.elapsed(), 3 * DEFAULT);
    for (error, kind) in [(call, "operation"), (send, "command"), (publish, "event")] {
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        assert_eq!(error.dispatched(), Dispatched::Maybe);
        assert_eq!(
            error.to_string(),
            format!("no answer to the {kind} within 10s; the handler may have run")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_the_caller_gave_is_the_callers_to_enforce() {
    let timeout = Timeout::new(Script::new([Step::Hang]), DEFAULT, LONGEST);
    let mut message = message(Kind::Operation);
    message.head.deadline = Some(Instant::now() + DEFAULT);
    let waited = tokio::time::timeout(2 * DEFAULT, timeout.call(message)).await;
    assert!(
        waited.is_err(),
        "the layer ended the call itself: {waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_other_verb_is_passed_on() {
    let script = Script::new([]);
    let retry = Retry::new(script.clone(), RetryPolicy::default());
    let layers = Timeout::new(std::sync::Arc::new(retry), DEFAULT, LONGEST);
    assert_eq!(layers.capability().max_payload, 4711);
    assert_eq!(layers.health(), Health::Degraded("as scripted".to_owned()));
    assert_eq!(
        layers.discover(&ORDERS).await.unwrap().instance(),
        Some("scripted")
    );
    assert_eq!(layers.address().await.as_deref(), Some("scripted"));
    assert!(layers.letters().is_none());
    layers.drain().await.unwrap();
    layers.close().await.unwrap();
    assert_eq!(script.passed(), ["letters", "drain", "close"]);
}
