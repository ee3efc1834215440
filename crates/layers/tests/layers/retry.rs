use std::sync::Arc;
use std::time::Duration;

use polywire_core::contract::{Offer, Requirement, Retry as RetryClass, negotiate};
use polywire_core::{Channel, Dispatched, Error, ErrorKind, Kind, Message, Outcome};
use polywire_layers::{Retry, RetryPolicy};
use tokio::time::Instant;

use crate::script::{ORDERS, Script, Step, message};

fn refused() -> Error {
    Error::new(ErrorKind::Unavailable, "connection refused").dispatched_as(Dispatched::No)
}

/// The connection broke after the request was sent.
fn lost() -> Error {
    Error::new(ErrorKind::Unavailable, "connection reset").dispatched_as(Dispatched::Maybe)
}

fn policy(max_retries: u32) -> RetryPolicy {
    RetryPolicy {
        max_retries,
        ..RetryPolicy::default()
    }
}

fn failing(errors: impl IntoIterator<Item = Error>) -> Arc<Script> {
    Script::new(errors.into_iter().map(Step::Fail))
}

/// How often a message is sent that fails with `error` until the retries are used up, and what the caller gets.
async fn sent(message: Message, error: &Error) -> (usize, Error) {
    let script = failing(std::iter::repeat_n(error, 5).cloned());
    let retry = Retry::new(script.clone(), policy(2));
    let last = match message.head.kind {
        Kind::Operation => retry.call(message).await.map(|_| ()),
        Kind::Command => retry.send(message).await.map(|_| ()),
        Kind::Event => retry.publish(message).await.map(|_| ()),
    };
    (script.attempts().len(), last.unwrap_err())
}

#[tokio::test(start_paused = true)]
async fn what_did_not_reach_a_handler_is_sent_again() {
    let script = failing([refused(), refused()]);
    let retry = Retry::new(script.clone(), policy(2));
    let reply = retry.call(message(Kind::Operation)).await.unwrap();
    assert_eq!(reply.outcome, Outcome::Done);
    assert_eq!(script.attempts(), [1, 2, 3]);
    let heads = script.heads();
    assert!(
        heads.iter().all(|head| head.id == heads[0].id),
        "a retry is the same message"
    );
}

#[tokio::test(start_paused = true)]
async fn pauses_double_with_jitter_up_to_a_bound() {
    let script = failing(std::iter::repeat_n(refused(), 10));
    let longest_pause = Duration::from_millis(300);
    let retry = Retry::new(
        script.clone(),
        RetryPolicy {
            longest_pause,
            ..policy(5)
        },
    );
    retry.call(message(Kind::Operation)).await.unwrap_err();
    let pauses = script.pauses();
    assert_eq!(pauses.len(), 5);
    for (pause, least) in pauses
        .iter()
        .zip([50, 100, 200, 300, 300].map(Duration::from_millis))
    {
        // Timers fire on the next whole millisecond.
        assert!(
            *pause >= least && *pause <= 2 * least + Duration::from_millis(1),
            "{pauses:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_differs_between_channels() {
    let mut firsts = Vec::new();
    for _ in 0..20 {
        let script = failing([refused()]);
        let first_pause = Duration::from_secs(10);
        let longest_pause = first_pause;
        Retry::new(
            script.clone(),
            RetryPolicy {
                first_pause,
                longest_pause,
                ..policy(1)
            },
        )
        .call(message(Kind::Operation))
        .await
        .unwrap();
        firsts.push(script.pauses()[0]);
    }
    firsts.sort();
    firsts.dedup();
    assert!(firsts.len() > 1, "every channel paused {firsts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_run_is_sent_again_only_when_it_may_be_repeated() {
    let (times, error) = sent(message(Kind::Operation), &lost()).await;
    assert_eq!(
        (times, error.to_string()),
        (1, "connection reset".to_owned())
    );
    assert_eq!(error.context().count(), 0);
    assert_eq!(sent(message(Kind::Command), &lost()).await.0, 1);

    let mut idempotent = message(Kind::Operation);
    idempotent.head.idempotent = true;
    assert_eq!(sent(idempotent, &lost()).await.0, 3);

    let mut keyed = message(Kind::Command);
    keyed.head.idempotency_key = Some("order-7".into());
    assert_eq!(sent(keyed, &lost()).await.0, 3);

    let ran = refused().dispatched_as(Dispatched::Yes);
    assert_eq!(sent(message(Kind::Operation), &ran).await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_may_be_published_again_because_subscribers_tell_it_by_its_id() {
    assert_eq!(sent(message(Kind::Event), &lost()).await.0, 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_says_never_is_final() {
    let invalid = Error::new(ErrorKind::InvalidPayload, "not json").dispatched_as(Dispatched::No);
    assert_eq!(sent(message(Kind::Operation), &invalid).await.0, 1);
    let never = refused().retry_as(RetryClass::Never);
    assert_eq!(sent(message(Kind::Operation), &never).await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_closed_channel_and_a_refused_version_are_left_to_others() {
    let closed = Error::new(ErrorKind::Closed, "the channel is closed");
    assert_eq!(closed.retry(), RetryClass::Later);
    assert_eq!(sent(message(Kind::Operation), &closed).await.0, 1);

    let requirement = Requirement::parse_list(ORDERS, "^1.5").unwrap();
    let no_match =
        negotiate(&requirement, &Offer::parse_header(ORDERS, "1.4.0").unwrap()).unwrap_err();
    let skew = Error::from(no_match);
    assert_eq!(
        (skew.retry(), skew.dispatched()),
        (RetryClass::OtherReplica, Dispatched::No)
    );
    assert_eq!(sent(message(Kind::Operation), &skew).await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_typed_error_is_an_answer() {
    let script = Script::new([Step::FailTyped]);
    let mut idempotent = message(Kind::Operation);
    idempotent.head.idempotent = true;
    let reply = Retry::new(script.clone(), policy(2))
        .call(idempotent)
        .await
        .unwrap();
    assert!(matches!(reply.outcome, Outcome::Failed { .. }));
    assert_eq!(script.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn the_last_error_says_how_often_it_was_tried() {
    let (times, error) = sent(message(Kind::Operation), &refused()).await;
    assert_eq!(times, 3);
    assert_eq!(error.to_string(), "connection refused");
    assert_eq!(error.context().collect::<Vec<_>>(), [("attempts", "3")]);
}

#[tokio::test(start_paused = true)]
async fn no_retries_means_one_attempt() {
    let script = failing([refused()]);
    Retry::new(script.clone(), policy(0))
        .call(message(Kind::Operation))
        .await
        .unwrap_err();
    assert_eq!(script.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_the_far_side_asks_for_is_kept() {
    let script = failing([refused().retry_after(Duration::from_secs(3))]);
    Retry::new(script.clone(), policy(1))
        .call(message(Kind::Operation))
        .await
        .unwrap();
    let pause = script.pauses()[0];
    assert!(
        pause >= Duration::from_millis(3050) && pause <= Duration::from_millis(3101),
        "{pause:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_beyond_the_deadline_is_not_begun() {
    let script = failing([refused().retry_after(Duration::from_secs(3))]);
    let mut message = message(Kind::Operation);
    let started = Instant::now();
    message.head.deadline = Some(started + Duration::from_secs(2));
    let error = Retry::new(script.clone(), policy(5))
        .call(message)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "connection refused");
    assert_eq!(script.attempts(), [1]);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_absurd_wait_is_no_overflow() {
    let script = failing([refused().retry_after(Duration::MAX)]);
    let error = Retry::new(script.clone(), policy(5))
        .call(message(Kind::Operation))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(script.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_retries_within_its_budget() {
    let budget = |ratio, per_second| RetryPolicy {
        budget_ratio: ratio,
        budget_per_second: per_second,
        ..policy(1)
    };
    // Ten seconds' worth of one retry per second; every message would take one.
    let script = failing(std::iter::repeat_n(refused(), 1000));
    let retry = Retry::new(script.clone(), budget(0.0, 1));
    let mut spent = Vec::new();
    for _ in 0..15 {
        let error = retry.call(message(Kind::Operation)).await.unwrap_err();
        spent.push(
            error
                .context()
                .any(|entry| entry == ("retry budget", "spent")),
        );
    }
    assert_eq!(script.attempts().len(), 15 + 10);
    assert_eq!(spent.iter().filter(|spent| **spent).count(), 5);

    // One retry for five messages.
    let script = failing(std::iter::repeat_n(refused(), 1000));
    let retry = Retry::new(script.clone(), budget(0.2, 0));
    for _ in 0..20 {
        retry.call(message(Kind::Operation)).await.unwrap_err();
    }
    assert_eq!(script.attempts().len(), 20 + 4);
}

#[tokio::test(start_paused = true)]
async fn budget_figures_out_of_range_are_brought_into_it() {
    for (budget_ratio, budget_per_second) in [
        (f32::NAN, u32::MAX),
        (-1.0, 0),
        (f32::INFINITY, 1),
        (1e9, 1),
    ] {
        let script = failing([refused()]);
        let policy = RetryPolicy {
            budget_ratio,
            budget_per_second,
            ..policy(1)
        };
        let result = Retry::new(script, policy)
            .call(message(Kind::Operation))
            .await;
        assert_eq!(
            result.is_ok(),
            budget_per_second > 0,
            "{budget_ratio} {budget_per_second}"
        );
    }
}
