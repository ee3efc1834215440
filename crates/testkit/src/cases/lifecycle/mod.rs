//! Starting in any order, draining, closing.

pub(super) mod restart;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_core::{CallError, Dispatched, ErrorKind, Health, Kind, Session, codec};
use tokio::time::interval;

use super::echo;
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::sample::interaction::{ECHO, HAPPENED, NOTE, WAIT};
use crate::sample::{Behaviour, CONTRACT, Edition, Happened1, Happening, Note};
use crate::stage::{Served, Stage, bare, subscription};

cases! { "lifecycle":
    a_call_before_the_provider_is_unavailable_then_works needs [Call];
    draining_finishes_calls_and_refuses_new_ones needs [Call];
    draining_finishes_accepted_commands needs [Send];
    draining_twice_is_draining_once needs [Call];
    a_drained_end_takes_nothing_new needs [Call];
    draining_ends_a_subscription_and_loses_nothing needs [Events];
    closing_ends_a_call_that_waits needs [Call];
    closing_cuts_draining_short needs [Call];
    closing_ends_a_subscription needs [Events];
    a_closed_end_refuses_every_verb needs [];
    health_tells_draining_and_closed needs [];
}

fn wait(session: &Session) -> tokio::task::JoinHandle<polywire_core::Result<polywire_core::Reply>> {
    let session = session.clone();
    tokio::spawn(async move { session.call(WAIT, Bytes::from_static(b"{}")).await })
}

async fn until_waiting(served: &Served) -> Checked {
    served
        .probe
        .until("the start of the handler", |log| log.count(&WAIT) == 1)
        .await
}

/// Calls until one is answered: how soon a new provider is seen is for the transport.
async fn until_answered(stage: &Stage, session: &Session) -> Checked {
    let answered = async {
        let mut again = interval(Duration::from_millis(20));
        loop {
            again.tick().await;
            match echo(session, "there?", 1).await {
                Ok(_) => return Ok(()),
                Err(CallError::Wire(error)) if error.kind() == ErrorKind::Unavailable => {}
                Err(error) => return Err(Failure::from(error)),
            }
        }
    };
    stage.within("an answer", answered).await?
}

/// Before any provider is there a call fails at once and says that nothing ran; when there is one, the same session works.
async fn a_call_before_the_provider_is_unavailable_then_works(stage: Arc<Stage>) -> Checked {
    let session = stage.session(Edition::V1_4)?;
    let early = session.call(ECHO, r#"{"text":"early"}"#.into());
    let error = error_of("a call to nobody", stage.within("an answer", early).await?)?;
    check_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    let served = stage.serve(&[Edition::V1_4]).await?;
    until_answered(&stage, &session).await?;
    check_eq!(served.probe.count(&ECHO), 1, "handlers that ran");
    Ok(())
}

/// While an end drains, the call under way is answered and a new one is told that nothing ran; then draining is done.
async fn draining_finishes_calls_and_refuses_new_ones(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let waiting = wait(&session);
    until_waiting(&served).await?;
    let provider = stage.provider();
    let draining = tokio::spawn(async move { provider.drain().await });
    // Draining has begun when the first new call is refused.
    let refused = async {
        let mut again = interval(Duration::from_millis(5));
        loop {
            again.tick().await;
            if let Err(CallError::Wire(error)) = echo(&session, "new", 1).await {
                return error;
            }
        }
    };
    let error = stage.within("a refusal", refused).await?;
    check_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    check!(!draining.is_finished(), "drained while a handler runs");
    served.probe.open();
    let reply = stage.within("the answer", waiting).await???;
    check_eq!(reply.body, Bytes::from_static(b"{}"), "the answer");
    stage.within("the end of draining", draining).await???;
    check_eq!(served.probe.log().cancelled, 0, "handlers cut short");
    Ok(())
}

/// When draining is done every accepted command was handled.
async fn draining_finishes_accepted_commands(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    for number in 0..50 {
        let behaviour = Behaviour::Wait;
        session.command(NOTE, &Note { number, behaviour }).await?;
    }
    served
        .probe
        .until("the first command", |log| log.count(&NOTE) > 0)
        .await?;
    let provider = stage.provider();
    let draining = tokio::spawn(async move { provider.drain().await });
    served.probe.open();
    stage.within("the end of draining", draining).await???;
    let (handled, durable) = (served.probe.log().finished, stage.capability().durable);
    if durable {
        // What is not handled yet is kept, and handled by who comes next.
        let next = stage.serve_again(&[Edition::V1_4]).await?;
        next.probe.open();
        return next
            .probe
            .until("the rest", |log| handled + log.finished >= 50)
            .await;
    }
    check_eq!(handled, 50, "commands handled when draining was done");
    check_eq!(served.probe.log().cancelled, 0, "handlers cut short");
    Ok(())
}

/// Draining what is drained is done at once.
async fn draining_twice_is_draining_once(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    echo(&stage.session(Edition::V1_4)?, "before", 1).await?;
    for end in [stage.provider(), stage.consumer()] {
        for _ in 0..2 {
            stage.within("the end of draining", end.drain()).await??;
        }
    }
    Ok(())
}

/// A consumer's end that drained refuses a new call as closed; a provider's end refuses to serve.
async fn a_drained_end_takes_nothing_new(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    stage
        .within("the end of draining", stage.consumer().drain())
        .await??;
    let called = session.call(ECHO, r#"{"text":"late"}"#.into()).await;
    let error = error_of("a call on a drained end", called)?;
    check_eq!(error.kind(), ErrorKind::Closed, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    let provider = stage.provider();
    stage
        .within("the end of draining", provider.drain())
        .await??;
    let service = Arc::new(stage.service(&[Edition::V1_5], &served.probe)?);
    let error = error_of("serving on a drained end", provider.serve(service).await)?;
    check_eq!(error.kind(), ErrorKind::Closed, "{error}");
    check_eq!(served.probe.count(&ECHO), 0, "handlers that ran");
    Ok(())
}

/// A consumer's end that drains is handed nothing more; what it holds is still settled, and the rest reaches another member.
async fn draining_ends_a_subscription_and_loses_nothing(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let leaving = stage.another_consumer().await?;
    let mut old = stage
        .subscribe_on(&leaving, "^1.4", Some("billing"), 2)
        .await?;
    let publisher = served.publisher(Edition::V1_4)?;
    for number in 0..10 {
        publisher
            .publish::<Happened1>(&Happening::number(number))
            .await?;
    }
    let held = stage.next(&mut old).await?;
    let settled = codec::decode::<Happening>(&held.body)?.number;
    let mut staying = stage.subscribe("^1.4", Some("billing"), 64).await?;
    let draining = tokio::spawn(async move { leaving.drain().await });
    // What was on its way already may still come, within the prefetch; it is not settled, and returns.
    let mut strays = Vec::new();
    let ending = async {
        while let Some(stray) = old.next().await {
            strays.push(stray);
        }
    };
    stage.within("the end of the stream", ending).await?;
    held.ack().await?;
    drop(strays);
    stage.within("the end of draining", draining).await???;
    let mut rest: HashSet<u64> = (0..10).filter(|number| *number != settled).collect();
    while !rest.is_empty() {
        let delivery = stage.next(&mut staying).await?;
        let number = codec::decode::<Happening>(&delivery.body)?.number;
        check!(
            number != settled,
            "{number} was acknowledged and came again"
        );
        rest.remove(&number);
        delivery.ack().await?;
    }
    Ok(())
}

/// Closing an end ends a call that waits there, which cannot say whether its handler ran to its end. Closing again is no
/// error.
async fn closing_ends_a_call_that_waits(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let waiting = wait(&session);
    until_waiting(&served).await?;
    let consumer = stage.consumer();
    for _ in 0..3 {
        stage.within("closing", consumer.close()).await??;
    }
    let ended = stage.within("the end of the call", waiting).await??;
    let error = error_of("a call on a closed end", ended)?;
    check_eq!(error.kind(), ErrorKind::Closed, "{error}");
    check!(error.dispatched() != Dispatched::No, "it ran: {error:?}");
    served
        .probe
        .until("the end of the handler", |log| log.cancelled == 1)
        .await
}

/// Closing does not wait for what draining waits for: the handler is cut short, both end, and who waits for the handler is told
/// that it may have run.
async fn closing_cuts_draining_short(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let waiting = wait(&stage.session(Edition::V1_4)?);
    until_waiting(&served).await?;
    let provider = stage.provider();
    let draining = {
        let provider = provider.clone();
        tokio::spawn(async move { provider.drain().await })
    };
    let refusing = async {
        let mut again = interval(Duration::from_millis(5));
        while provider.health() == Health::Ready {
            again.tick().await;
        }
    };
    stage.within("the start of draining", refusing).await?;
    stage.within("closing", provider.close()).await??;
    match stage.within("the end of draining", draining).await?? {
        Ok(()) => {}
        Err(error) => check_eq!(error.kind(), ErrorKind::Closed, "{error}"),
    }
    let ended = stage.within("the end of the call", waiting).await??;
    let error = error_of("a call whose provider closed", ended)?;
    let kinds = [ErrorKind::Closed, ErrorKind::Unavailable];
    check!(kinds.contains(&error.kind()), "another kind: {error:?}");
    check!(error.dispatched() != Dispatched::No, "it ran: {error:?}");
    Ok(())
}

/// Closing an end ends its subscriptions; what a subscriber holds can be dropped or settled without harm.
async fn closing_ends_a_subscription(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    let publisher = served.publisher(Edition::V1_4)?;
    publisher
        .publish::<Happened1>(&Happening::number(1))
        .await?;
    let held = stage.next(&mut deliveries).await?;
    stage.within("closing", stage.consumer().close()).await??;
    let ended = stage
        .within("the end of the stream", deliveries.next())
        .await?;
    check!(ended.is_none(), "a closed end delivered");
    // It may be too late to tell; what must not happen is that this waits forever.
    let settled = stage.within("the verdict", held.ack()).await?;
    if let Err(error) = settled {
        let kinds = [ErrorKind::Closed, ErrorKind::Unavailable];
        check!(kinds.contains(&error.kind()), "another kind: {error:?}");
    }
    Ok(())
}

/// After closing every verb that the channel has is refused as closed.
async fn a_closed_end_refuses_every_verb(stage: Arc<Stage>) -> Checked {
    let capability = stage.capability();
    let probe = stage.probe();
    let service = Arc::new(stage.service(&[Edition::V1_4], &probe)?);
    let (consumer, provider) = (stage.consumer(), stage.provider());
    for end in [&consumer, &provider] {
        stage.within("closing", end.close()).await??;
        stage.within("closing again", end.close()).await??;
    }
    let mut refusals = vec![("serve", provider.serve(service.clone()).await)];
    if capability.call.is_available() {
        let message = bare(Kind::Operation, ECHO, "^1.4", "{}")?;
        refusals.push(("call", consumer.call(message).await.map(drop)));
    }
    if capability.send.is_available() {
        let message = bare(Kind::Command, NOTE, "^1.4", "{}")?;
        refusals.push(("send", consumer.send(message).await.map(drop)));
    }
    if capability.publish.is_available() {
        let mut message = bare(Kind::Event, HAPPENED, "^1.4", "{}")?;
        message.head.stamp = service.stamp(&Edition::V1_4.version()?).cloned();
        refusals.push(("publish", provider.publish(message).await.map(drop)));
    }
    if capability.subscribe.is_available() {
        let subscription = subscription("^1.4", None, 1)?;
        let joined = consumer.subscribe(subscription).await;
        refusals.push(("subscribe", joined.map(drop)));
    }
    if capability.discover {
        refusals.push(("discover", consumer.discover(&CONTRACT).await.map(drop)));
    }
    for (verb, result) in refusals {
        let error = error_of(verb, result)?;
        check_eq!(error.kind(), ErrorKind::Closed, "{verb} after closing");
    }
    Ok(())
}

/// An end is ready, then draining, then closed, and says so.
async fn health_tells_draining_and_closed(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let provider = stage.provider();
    check_eq!(
        provider.health(),
        Health::Ready,
        "the health while it serves"
    );
    stage
        .within("the end of draining", provider.drain())
        .await??;
    check_eq!(
        provider.health(),
        Health::Draining,
        "the health after drain"
    );
    stage.within("closing", provider.close()).await??;
    check_eq!(provider.health(), Health::Closed, "the health after close");
    Ok(())
}
