//! A provider that ends and starts again under load.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::{CallError, ErrorKind, Subscriber, Support, codec};
use tokio::time::{interval, timeout};

use super::super::echo;
use super::super::events::received;
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq};
use crate::sample::interaction::{HAPPENED, NOTE};
use crate::sample::{Edition, Happened1, Happening, Note};
use crate::stage::Stage;

cases! { "lifecycle":
    calls_survive_a_restart_of_the_provider needs [Call] in Restart;
    commands_survive_a_restart_of_the_provider needs [Send] in Restart;
    a_subscription_survives_a_restart_of_the_provider needs [Events] in Restart;
}

/// While the provider goes and comes back, every call is answered or ends with an error that says whether it ran; then
/// calls are answered again.
async fn calls_survive_a_restart_of_the_provider(stage: Arc<Stage>) -> Checked {
    let first = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let callers = (0..8).map(|_| {
        let (session, stopped) = (session.clone(), stopped.clone());
        tokio::spawn(async move {
            let mut answered = 0_usize;
            while !*stopped.borrow() {
                tokio::task::yield_now().await;
                match timeout(Duration::from_secs(5), echo(&session, "load", 1)).await {
                    Ok(Ok(_)) => answered += 1,
                    Ok(Err(CallError::Wire(error))) => {
                        let kinds = [ErrorKind::Unavailable, ErrorKind::Closed];
                        check!(kinds.contains(&error.kind()), "another kind: {error:?}");
                    }
                    Ok(Err(error)) => return Err(error.into()),
                    Err(_) => return Err(Failure::new("a call hung over a restart")),
                }
            }
            Ok::<_, Failure>(answered)
        })
    });
    let callers: Vec<_> = callers.collect();
    first
        .probe
        .until("some load", |log| log.finished >= 100)
        .await?;
    let second = stage.serve_again(&[Edition::V1_4]).await?;
    let after = second
        .probe
        .until("load after the restart", |log| log.finished >= 100)
        .await;
    stop.send_replace(true);
    let mut answered = 0;
    for caller in callers {
        // Why a caller gave up says more than that nothing came.
        answered += stage.within("the last call", caller).await???;
    }
    after?;
    let handled = first.probe.log().finished + second.probe.log().finished;
    check!(
        answered <= handled,
        "{answered} calls were answered and {handled} handled"
    );
    Ok(())
}

/// Every command that was accepted before, during and after a restart is handled.
async fn commands_survive_a_restart_of_the_provider(stage: Arc<Stage>) -> Checked {
    let first = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    // Several, so that some are being taken whenever the provider begins to drain.
    let senders = (0..8_u64).map(|sender| {
        let (session, stopped) = (session.clone(), stopped.clone());
        tokio::spawn(async move {
            let mut accepted = Vec::new();
            // Slower than any transport handles them, so that some are sent before, during and after.
            let mut pace = interval(Duration::from_millis(4));
            while !*stopped.borrow() {
                pace.tick().await;
                let note = Note::done(accepted.len() as u64 * 8 + sender);
                match timeout(Duration::from_secs(5), session.command(NOTE, &note)).await {
                    Ok(Ok(receipt)) => accepted.push(receipt.id),
                    Ok(Err(error)) => {
                        let kinds = [ErrorKind::Unavailable, ErrorKind::Closed];
                        check!(kinds.contains(&error.kind()), "another kind: {error:?}");
                    }
                    Err(_) => return Err(Failure::new("a command hung over a restart")),
                }
            }
            Ok::<_, Failure>(accepted)
        })
    });
    let senders: Vec<_> = senders.collect();
    first
        .probe
        .until("some load", |log| log.finished >= 100)
        .await?;
    let second = stage.serve_again(&[Edition::V1_4]).await?;
    let after = second
        .probe
        .until("load after the restart", |log| log.finished >= 100)
        .await;
    stop.send_replace(true);
    // Why a sender gave up says more than that nothing came.
    let mut missing = HashSet::new();
    for sender in senders {
        missing.extend(stage.within("the last command", sender).await???);
    }
    after?;
    for entry in &first.probe.log().entered {
        missing.remove(entry.cx.id());
    }
    let mut looked_at = 0;
    let handled = second
        .probe
        .until("every accepted command", |log| {
            for entry in &log.entered[looked_at..] {
                missing.remove(entry.cx.id());
            }
            looked_at = log.entered.len();
            missing.is_empty()
        })
        .await;
    handled.map_err(|failure| Failure::new(format!("{} are missing: {failure}", missing.len())))
}

/// A subscription made before a restart of the provider receives what is published after it.
async fn a_subscription_survives_a_restart_of_the_provider(stage: Arc<Stage>) -> Checked {
    let first = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let mut events: Subscriber<Happening> = session.subscribe(HAPPENED, "billing").await?;
    let publisher = first.publisher(Edition::V1_4)?;
    publisher
        .publish::<Happened1>(&Happening::number(0))
        .await?;
    check_eq!(received(&stage, &mut events).await?.number, 0, "the event");
    let second = stage.serve_again(&[Edition::V1_4]).await?;
    let publisher = second.publisher(Edition::V1_4)?;
    publisher
        .publish::<Happened1>(&Happening::number(1))
        .await?;
    if stage.capability().subscribe == Support::Native {
        check_eq!(received(&stage, &mut events).await?.number, 1, "the event");
        return Ok(());
    }
    // An emulated subscription must first find the provider again, so publishing goes on until it has.
    let publishing = async {
        let mut again = interval(Duration::from_millis(50));
        for number in 2.. {
            again.tick().await;
            let body = codec::encode(&Happening::number(number))?;
            publisher.publish_bytes(HAPPENED, body).await?;
        }
        Ok::<_, Failure>(())
    };
    tokio::select! {
        published = publishing => published,
        event = received(&stage, &mut events) => event.map(drop),
    }
}
