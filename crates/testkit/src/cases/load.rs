//! Many at once, and a deployment under way.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use polywire_contract::Requirement;
use polywire_core::{CallError, Change, ErrorKind, Session, codec};
use tokio::sync::broadcast::error::TryRecvError;

use super::echo;
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq};
use crate::sample::interaction::NOTE;
use crate::sample::{CONTRACT, Edition, Entry, Happened1, Happening, Note, Probe};
use crate::stage::{Served, Stage};

cases! { "load":
    five_thousand_events_of_fifty_publishers_reach_fifty_subscribers needs [Events];
    a_thousand_commands_of_fifty_senders_are_handled needs [Send];
    no_handler_runs_for_a_requirement_it_does_not_meet needs [Call] in Replicas;
    no_command_runs_for_a_requirement_it_does_not_meet needs [Send] in Replicas;
    a_rolling_upgrade_fails_no_call needs [Call] in Replicas;
}

/// Fifty publishers publish a hundred events each to a group of fifty members: none is lost.
async fn five_thousand_events_of_fifty_publishers_reach_fifty_subscribers(
    stage: Arc<Stage>,
) -> Checked {
    const PUBLISHERS: u64 = 50;
    const EACH: u64 = 100;
    let served = stage.serve(&[Edition::V1_4]).await?;
    let (seen, mut watched) = tokio::sync::watch::channel(BTreeSet::<(u64, u64)>::new());
    let seen = Arc::new(seen);
    let mut members = Vec::new();
    for _ in 0..50 {
        let mut member = stage.subscribe("^1.4", Some("billing"), 32).await?;
        let seen = seen.clone();
        members.push(tokio::spawn(async move {
            while let Some(delivery) = member.next().await {
                let event: Happening = codec::decode(&delivery.body)?;
                delivery.ack().await?;
                seen.send_modify(|seen| {
                    seen.insert((event.publisher, event.number));
                });
            }
            Ok::<_, Failure>(())
        }));
    }
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let made = served.publisher(Edition::V1_4);
        async move {
            let made = made?;
            for number in 0..EACH {
                let event = Happening {
                    number,
                    publisher,
                    text: String::new(),
                };
                made.publish::<Happened1>(&event).await?;
            }
            Ok::<_, Failure>(())
        }
    });
    for published in join_all(publishers).await {
        published?;
    }
    let all = (PUBLISHERS * EACH) as usize;
    let waited = stage
        .within("all events", watched.wait_for(|seen| seen.len() == all))
        .await;
    check!(
        waited.is_ok(),
        "{} of {all} events arrived",
        seen.borrow().len()
    );
    for member in members {
        check!(!member.is_finished(), "a member's stream ended");
        member.abort();
    }
    Ok(())
}

/// Fifty senders send twenty commands each at the same time: each is handled, none twice.
async fn a_thousand_commands_of_fifty_senders_are_handled(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let senders = (0..50_u64).map(|sender| {
        let session = session.clone();
        async move {
            for number in 0..20 {
                let note = Note::done(sender * 20 + number);
                session.command(NOTE, &note).await?;
            }
            Ok::<_, Failure>(())
        }
    });
    for sent in join_all(senders).await {
        sent?;
    }
    served
        .probe
        .until("all commands", |log| log.finished >= 1000)
        .await?;
    let mut numbers = Vec::new();
    for entry in served.probe.log().of(&NOTE) {
        numbers.push(codec::decode::<Note>(&entry.body)?.number);
    }
    numbers.sort_unstable();
    check_eq!(numbers, (0..1000).collect::<Vec<_>>(), "what was handled");
    Ok(())
}

/// Two replicas, 1.4.0 and 1.5.0, behind one address.
async fn two_replicas(stage: &Stage) -> Checked<(Served, Served)> {
    let old = stage.serve(&[Edition::V1_4]).await?;
    let probe = stage.probe();
    let service = stage
        .service(&[Edition::V1_5], &probe)?
        .with_instance("replica-2");
    let channel = stage.another_provider().await?;
    let new = stage.serve_on(channel, service, probe).await?;
    Ok((old, new))
}

/// Every handler that ran was of a version that its message requires.
fn check_requirements(probe: &Probe) -> Checked {
    for entry in &probe.log().entered {
        let (head, version) = (entry.cx.head(), entry.edition.version()?);
        let accepted = head
            .requirement
            .as_ref()
            .is_some_and(|required| required.accepts(&version));
        check!(
            accepted,
            "a handler of {version} ran for {}, which requires {:?}",
            head.id,
            head.requirement
        );
        check_eq!(*entry.cx.version(), version, "the version it was told");
    }
    Ok(())
}

fn requires(entry: &Entry, ranges: &str) -> bool {
    let requirement = entry.cx.head().requirement.as_ref();
    requirement.is_some_and(|requirement| requirement.list_text() == ranges)
}

/// Calls fifty times; every answer is by a version that is required.
async fn call_fifty_times(session: &Session, ranges: &str) -> Checked<usize> {
    let required = Requirement::parse_list(CONTRACT, ranges)?;
    let mut answered = 0;
    for number in 0..50 {
        match echo(session, "skew", number).await {
            Ok(echoed) => {
                check!(
                    required.accepts(&echoed.by.parse()?),
                    "{ranges} was answered by {}",
                    echoed.by
                );
                answered += 1;
            }
            Err(CallError::Wire(error)) => {
                check_eq!(error.kind(), ErrorKind::NoMatch, "{error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answered)
}

/// With 1.4.0 and 1.5.0 behind one address, ^1.5 callers are answered by 1.5.0 only, and not one handler of 1.4.0 runs
/// for them. ^1.2 callers notice nothing. A ^1.5 session tells of the skew, unless the link keeps it from seeing any.
async fn no_handler_runs_for_a_requirement_it_does_not_meet(stage: Arc<Stage>) -> Checked {
    let (old, new) = two_replicas(&stage).await?;
    let demanding = stage.requiring(Edition::V1_5, "^1.5")?;
    let mut changes = demanding.changes();
    let content = stage.requiring(Edition::V1_4, "^1.2")?;
    let load = (0..8).map(|caller| {
        let (session, ranges) = if caller % 2 == 0 {
            (demanding.clone(), "^1.5")
        } else {
            (content.clone(), "^1.2")
        };
        async move {
            let answered = call_fifty_times(&session, ranges).await?;
            Ok::<_, Failure>((ranges, answered))
        }
    });
    for result in join_all(load).await {
        let (ranges, answered) = result?;
        check_eq!(answered, 50, "answers to {ranges}");
    }
    check_requirements(&old.probe)?;
    check_requirements(&new.probe)?;
    let demanded = |entry: &&Entry| requires(entry, "^1.5");
    let wrong = old.probe.log().entered.iter().filter(demanded).count();
    check_eq!(wrong, 0, "handlers of 1.4.0 that ran for ^1.5");
    check!(
        !old.probe.log().entered.is_empty(),
        "1.4.0 was never asked, so this shows nothing"
    );
    let mut skew = false;
    loop {
        match changes.try_recv() {
            Ok(change) => skew |= matches!(change, Change::Skew { .. }),
            // There were more than a listener is kept for; the latest are still to come.
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    check_eq!(
        skew,
        !stage.facilities().routed,
        "whether the session told of the skew"
    );
    Ok(())
}

/// The same for commands: what requires 1.5 runs on the 1.5.0 replica only, and all of it does.
async fn no_command_runs_for_a_requirement_it_does_not_meet(stage: Arc<Stage>) -> Checked {
    let (old, new) = two_replicas(&stage).await?;
    let demanding = stage.requiring(Edition::V1_5, "^1.5")?;
    let content = stage.requiring(Edition::V1_4, "^1.2")?;
    for number in 0..100 {
        demanding.command(NOTE, &Note::done(number)).await?;
        content.command(NOTE, &Note::done(1000 + number)).await?;
    }
    // Whichever handles the last command sees that it was the last.
    let by_old = old.probe.until("all commands", |log| {
        log.finished + new.probe.log().finished >= 200
    });
    let by_new = new.probe.until("all commands", |log| {
        log.finished + old.probe.log().finished >= 200
    });
    tokio::select! {
        done = by_old => done?,
        done = by_new => done?,
    }
    let demanded = |entry: &&Entry| requires(entry, "^1.5");
    check_eq!(
        new.probe.log().entered.iter().filter(demanded).count(),
        100,
        "handlers of 1.5.0 that ran for ^1.5"
    );
    check_requirements(&old.probe)?;
    check_requirements(&new.probe)
}

/// While replicas of 1.4.0 are replaced by 1.5.0 one by one, no call of ^1.4 fails.
async fn a_rolling_upgrade_fails_no_call(stage: Arc<Stage>) -> Checked {
    let first = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let callers = (0..4).map(|_| {
        let (session, stopped) = (session.clone(), stopped.clone());
        tokio::spawn(async move {
            let mut answered = 0_usize;
            while !*stopped.borrow() {
                tokio::task::yield_now().await;
                match echo(&session, "load", 1).await {
                    Ok(_) => answered += 1,
                    // A replica that drains says that nothing ran and where to go: the layer above asks again.
                    Err(CallError::Wire(error))
                        if error.retry() == polywire_contract::Retry::OtherReplica => {}
                    Err(error) => return Err(Failure::from(error)),
                }
            }
            Ok::<_, Failure>(answered)
        })
    });
    let callers: Vec<_> = callers.collect();
    first
        .probe
        .until("some load", |log| log.finished >= 50)
        .await?;
    let probe = stage.probe();
    let service = stage
        .service(&[Edition::V1_5], &probe)?
        .with_instance("replica-2");
    let channel = stage.another_provider().await?;
    let second = stage.serve_on(channel, service, probe).await?;
    second
        .probe
        .until("load at the new replica", |log| log.finished >= 50)
        .await?;
    stage
        .within("the end of draining", stage.provider().drain())
        .await??;
    stage.within("closing", stage.provider().close()).await??;
    let before = second.probe.log().finished;
    second
        .probe
        .until("load after the old replica", |log| {
            log.finished >= before + 100
        })
        .await?;
    stop.send_replace(true);
    for caller in callers {
        let answered = stage.within("the last call", caller).await???;
        check!(answered > 0, "a caller was never answered");
    }
    Ok(())
}
