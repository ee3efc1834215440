//! Request-reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use polywire_core::{CallError, CallOptions, Dispatched, ErrorKind, Kind, Limits, Outcome};

use super::{UNICODE, echo, mebibyte};
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::sample::interaction::{ECHO, EXPLODE, INSPECT, MEET, RAW, SIZE, WAIT};
use crate::sample::{Edition, Filler, Meet, Nothing, SampleError, Seen, Size};
use crate::stage::{Stage, bare};

cases! { "calls":
    round_trip_unicode needs [Call];
    round_trip_empty needs [Call];
    round_trip_every_byte needs [Call];
    round_trip_a_mebibyte needs [Call];
    metadata_arrives needs [Call];
    a_hundred_at_once_are_not_mixed_up needs [Call];
    the_deadline_arrives_as_time_left needs [Call];
    the_caller_is_told_at_its_deadline needs [Call];
    the_handler_is_cancelled_at_the_deadline needs [Call];
    a_deadline_in_the_past_runs_nothing needs [Call];
    a_dropped_call_cancels_the_handler needs [Call];
    a_panic_is_internal_to_its_caller needs [Call];
    beyond_the_bound_of_handlers_it_is_overloaded needs [Call];
    too_large_a_request_is_refused_before_it_is_sent needs [Call] with small;
    too_large_a_request_is_refused_by_the_service needs [Call];
    too_large_a_reply_is_an_error needs [Call] with small;
}

fn small() -> crate::factory::WorldOptions {
    crate::factory::WorldOptions {
        max_payload: 64 * 1024,
        ..Default::default()
    }
}

/// Any Unicode text and the largest number come back as they went.
async fn round_trip_unicode(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let echoed = echo(&stage.session(Edition::V1_4)?, UNICODE, u64::MAX).await?;
    check_eq!(echoed.text, UNICODE, "the text");
    check_eq!(echoed.number, u64::MAX, "the number");
    check_eq!(echoed.by, "1.4.0", "the version of the handler");
    Ok(())
}

/// A body of no bytes at all arrives as such, and so does an empty reply.
async fn round_trip_empty(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let reply = stage
        .session(Edition::V1_4)?
        .call(RAW, Bytes::new())
        .await?;
    check_eq!(reply.body, Bytes::new(), "the reply to an empty request");
    let log = served.probe.log();
    check_eq!(
        log.of(&RAW).next().map(|entry| entry.body.clone()),
        Some(Bytes::new()),
        "the empty request"
    );
    Ok(())
}

/// A body is bytes to the channel: every byte value comes back in its place.
async fn round_trip_every_byte(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let body: Bytes = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    let reply = stage
        .session(Edition::V1_4)?
        .call(RAW, body.clone())
        .await?;
    check_eq!(reply.outcome, Outcome::Done, "the outcome");
    check_eq!(reply.body, body, "the bytes");
    Ok(())
}

/// A mebibyte of text comes back whole.
async fn round_trip_a_mebibyte(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let text = mebibyte();
    let echoed = echo(&stage.session(Edition::V1_4)?, &text, 0).await?;
    check_eq!(echoed.text.len(), text.len(), "the length");
    check!(echoed.text == text, "the text changed on its way");
    Ok(())
}

/// The application's entries arrive, with keys of every valid character and values of any text.
async fn metadata_arrives(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let options = CallOptions::new()
        .metadata("tenant", "blå \"grød\" 日本\r\n\t%25")?
        .metadata("a-b_c.d9", "")?
        .metadata("long", &"v".repeat(2048))?;
    let session = stage.session(Edition::V1_4)?.with(options);
    let seen: Seen = session
        .request::<_, _, SampleError>(INSPECT, &Nothing {})
        .await?;
    let expected = [
        ("a-b_c.d9", String::new()),
        ("long", "v".repeat(2048)),
        ("tenant", "blå \"grød\" 日本\r\n\t%25".to_owned()),
    ];
    let expected = expected
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect();
    check_eq!(seen.metadata, expected, "the metadata");
    Ok(())
}

/// A hundred calls run at the same time, and each gets its own answer.
async fn a_hundred_at_once_are_not_mixed_up(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let calls = (0..100).map(|number| {
        let session = session.clone();
        async move {
            let request = Meet {
                number,
                callers: 100,
            };
            let met: Meet = session.request::<_, _, SampleError>(MEET, &request).await?;
            check_eq!(met.number, number, "the answer");
            Ok::<_, Failure>(())
        }
    });
    for answered in join_all(calls).await {
        answered?;
    }
    Ok(())
}

/// The handler is told how much time is left: no more than the caller gave, and nearly all of it.
async fn the_deadline_arrives_as_time_left(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let given = Duration::from_secs(30);
    let session = stage
        .session(Edition::V1_4)?
        .with(CallOptions::new().deadline(given));
    let seen: Seen = session
        .request::<_, _, SampleError>(INSPECT, &Nothing {})
        .await?;
    let left = seen.remaining_ms.map(Duration::from_millis);
    check!(
        left.is_some_and(|left| left <= given && left > given / 2),
        "a caller that waits {given:?} was announced to the handler as waiting {left:?}"
    );
    Ok(())
}

/// A caller whose time is up is told so then, and not when the handler ends.
async fn the_caller_is_told_at_its_deadline(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let given = Duration::from_millis(300);
    let session = stage
        .session(Edition::V1_4)?
        .with(CallOptions::new().deadline(given));
    let start = Instant::now();
    let called = session.call(WAIT, Bytes::from_static(b"{}"));
    let error = error_of(
        "a call that waits",
        stage.within("an answer", called).await?,
    )?;
    let took = start.elapsed();
    check_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    check_eq!(error.attempted(), Some("call conformance.wait"), "{error}");
    check!(
        took >= given - Duration::from_millis(5) && took < given + Duration::from_secs(2),
        "a caller that waits {given:?} was told after {took:?}"
    );
    Ok(())
}

/// Without a session's help the far side, too, ends the handler at the deadline, and answers so.
async fn the_handler_is_cancelled_at_the_deadline(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut message = bare(Kind::Operation, WAIT, "^1.4", "{}")?;
    message.head.deadline = Some(tokio::time::Instant::now() + Duration::from_millis(300));
    let consumer = stage.consumer();
    let answer = stage.within("an answer", consumer.call(message)).await?;
    let error = error_of("a call that waits", answer)?;
    check_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    check!(error.dispatched() != Dispatched::No, "it ran: {error:?}");
    served
        .probe
        .until("the end of the handler", |log| log.cancelled == 1)
        .await
}

/// A message whose deadline has passed is refused, and its handler never runs.
async fn a_deadline_in_the_past_runs_nothing(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut message = bare(Kind::Operation, ECHO, "^1.4", r#"{"text":"late"}"#)?;
    message.head.deadline = Some(tokio::time::Instant::now());
    let consumer = stage.consumer();
    let answer = stage.within("a refusal", consumer.call(message)).await?;
    let error = error_of("a late call", answer)?;
    check_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    // A later call is answered after anything the late one could have started.
    echo(&stage.session(Edition::V1_4)?, "in time", 1).await?;
    check_eq!(served.probe.count(&ECHO), 1, "handlers that ran");
    Ok(())
}

/// Who stops waiting for a call stops its handler.
async fn a_dropped_call_cancels_the_handler(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let caller = session.clone();
    let call = tokio::spawn(async move { caller.call(WAIT, Bytes::from_static(b"{}")).await });
    served
        .probe
        .until("the start of the handler", |log| log.count(&WAIT) == 1)
        .await?;
    call.abort();
    served
        .probe
        .until("the end of the handler", |log| log.cancelled == 1)
        .await?;
    echo(&session, "after", 1).await?;
    Ok(())
}

/// A panic is an `Internal` error to the caller whose handler it was, does not tell its text, and harms nobody else.
async fn a_panic_is_internal_to_its_caller(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let other = session.clone();
    let waiting = tokio::spawn(async move { other.call(WAIT, Bytes::from_static(b"{}")).await });
    served
        .probe
        .until("the start of a handler", |log| log.count(&WAIT) == 1)
        .await?;
    let exploded = session.call(EXPLODE, Bytes::from_static(b"{}")).await;
    let error = error_of("a call whose handler panics", exploded)?;
    check_eq!(error.kind(), ErrorKind::Internal, "{error}");
    check!(error.dispatched() != Dispatched::No, "it ran: {error:?}");
    check!(
        !format!("{error:?}").contains("secret"),
        "the panic's text left the provider: {error:?}"
    );
    served.probe.open();
    stage.within("the other answer", waiting).await???;
    echo(&session, "after", 1).await?;
    Ok(())
}

/// When as many handlers run as may, another call is told so at once and that nothing ran; when one ends it works again.
async fn beyond_the_bound_of_handlers_it_is_overloaded(stage: Arc<Stage>) -> Checked {
    let probe = stage.probe();
    let limits = Limits {
        max_in_flight: 1,
        ..Limits::default()
    };
    let service = stage.service(&[Edition::V1_4], &probe)?.with_limits(limits);
    let served = stage.serve_on(stage.provider(), service, probe).await?;
    let session = stage.session(Edition::V1_4)?;
    let other = session.clone();
    let waiting = tokio::spawn(async move { other.call(WAIT, Bytes::from_static(b"{}")).await });
    served
        .probe
        .until("the start of a handler", |log| log.count(&WAIT) == 1)
        .await?;
    let called = session.call(RAW, Bytes::new()).await;
    let error = error_of("a call beyond the bound", called)?;
    check_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    check_eq!(
        error.message(),
        "contract \"conformance\" runs 1 handlers, its maximum: retry later",
        "the message"
    );
    served.probe.open();
    stage.within("the other answer", waiting).await???;
    session.call(RAW, Bytes::new()).await?;
    check_eq!(served.probe.count(&RAW), 1, "handlers that ran");
    Ok(())
}

/// A request beyond the channel's bound is an error of the sender that names both sizes; nothing is sent.
async fn too_large_a_request_is_refused_before_it_is_sent(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let limit = stage.capability().max_payload;
    check_eq!(limit, stage.options().max_payload, "the bound as claimed");
    let session = stage.session(Edition::V1_4)?;
    let called = session.call(RAW, vec![b' '; limit + 1].into()).await;
    let error = error_of("a call beyond the bound", called)?;
    check_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    let text = format!(
        "payload of {} bytes: at most {limit} bytes are taken",
        limit + 1
    );
    check_eq!(error.message(), text, "the message");
    let reply = session.call(RAW, vec![b' '; limit].into()).await?;
    check_eq!(reply.body.len(), limit, "a payload of exactly the bound");
    check_eq!(served.probe.count(&RAW), 1, "handlers that ran");
    Ok(())
}

/// A request beyond the service's own, smaller bound is refused by it, whatever the sender's channel may carry.
async fn too_large_a_request_is_refused_by_the_service(stage: Arc<Stage>) -> Checked {
    let probe = stage.probe();
    let limits = Limits {
        max_payload: 1000,
        ..Default::default()
    };
    let service = stage.service(&[Edition::V1_4], &probe)?.with_limits(limits);
    stage
        .serve_on(stage.provider(), service, probe.clone())
        .await?;
    let session = stage.session(Edition::V1_4)?;
    let called = session.call(RAW, vec![b' '; 1001].into());
    let error = error_of(
        "a call beyond the bound",
        stage.within("a refusal", called).await?,
    )?;
    check_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    check_eq!(probe.count(&RAW), 0, "handlers that ran");
    session.call(RAW, vec![b' '; 1000].into()).await?;
    Ok(())
}

/// A reply beyond the channel's bound is an error to the caller, and the channel goes on.
async fn too_large_a_reply_is_an_error(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let size = Size {
        bytes: stage.capability().max_payload + 1,
    };
    let asked = session.request::<_, Filler, SampleError>(SIZE, &size);
    let error = match stage.within("an answer", asked).await? {
        Err(CallError::Wire(error)) => error,
        Err(error) => return Err(error.into()),
        Ok(filler) => {
            let found = filler.filler.len();
            return Err(Failure::new(format!(
                "a reply of more than {found} bytes came through"
            )));
        }
    };
    check_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    check!(error.dispatched() != Dispatched::No, "it ran: {error:?}");
    let bytes = 1000;
    let filler: Filler = session
        .request::<_, _, SampleError>(SIZE, &Size { bytes })
        .await?;
    check_eq!(filler.filler.len(), bytes, "a reply within the bound");
    Ok(())
}
