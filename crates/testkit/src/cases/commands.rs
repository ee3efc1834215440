//! Commands: taken once, done eventually, or set aside where an operator finds them.

use std::sync::Arc;

use bytes::Bytes;
use polywire_core::{Dispatched, ErrorKind, MessageId, Shelf, codec};

use super::{UNICODE, mebibyte};
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::sample::interaction::{NOTE, RAW_NOTE};
use crate::sample::{Behaviour, Edition, Note};
use crate::stage::{Served, Stage};

cases! { "commands":
    payloads_arrive_as_sent needs [Send];
    each_is_handled_once needs [Send];
    an_error_worth_a_retry_is_retried needs [Send];
    the_last_attempt_goes_to_the_dead_letters needs [Send];
    a_final_error_goes_to_the_dead_letters_at_once needs [Send];
    a_panic_is_retried_and_harms_nobody needs [Send];
    a_dead_letter_can_be_replayed_or_discarded needs [Send];
    too_large_a_command_is_refused needs [Send];
    before_the_provider_it_waits_or_is_refused needs [Send];
}

async fn send(stage: &Stage, number: u64, behaviour: Behaviour) -> Checked<MessageId> {
    let note = Note { number, behaviour };
    let session = stage.session(Edition::V1_4)?;
    Ok(session.command(NOTE, &note).await?.id)
}

fn attempts(served: &Served) -> Vec<u32> {
    let log = served.probe.log();
    log.of(&NOTE).map(|entry| entry.cx.attempt()).collect()
}

/// Unicode, no bytes, every byte and a mebibyte arrive as they were sent, under the id of the receipt.
async fn payloads_arrive_as_sent(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let bodies: [Bytes; 4] = [
        codec::encode(UNICODE)?,
        Bytes::new(),
        (0..=u8::MAX).collect(),
        mebibyte().into(),
    ];
    let mut sent = Vec::new();
    for body in bodies {
        let receipt = session.send(RAW_NOTE, body.clone()).await?;
        sent.push((receipt.id, body));
    }
    served
        .probe
        .until("the commands", |log| log.count(&RAW_NOTE) == sent.len())
        .await?;
    let log = served.probe.log();
    for (id, body) in sent {
        let entry = log
            .of(&RAW_NOTE)
            .find(|entry| *entry.cx.id() == id)
            .ok_or_else(|| Failure::new(format!("no handler saw command {id}")))?;
        check!(
            entry.body == body,
            "{} bytes were sent and other {} arrived",
            body.len(),
            entry.body.len()
        );
        check_eq!(entry.cx.attempt(), 1, "the attempt");
        check_eq!(entry.cx.version().to_string(), "1.4.0", "the version");
    }
    Ok(())
}

/// Of two hundred commands each is handled, and none twice while nothing fails.
async fn each_is_handled_once(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    for number in 0..200 {
        send(&stage, number, Behaviour::Done).await?;
    }
    served
        .probe
        .until("all commands", |log| log.finished >= 200)
        .await?;
    let mut numbers = Vec::new();
    for entry in served.probe.log().of(&NOTE) {
        numbers.push(codec::decode::<Note>(&entry.body)?.number);
    }
    numbers.sort_unstable();
    check_eq!(numbers, (0..200).collect::<Vec<_>>(), "what was handled");
    Ok(())
}

/// A handler that fails with an error worth a retry runs again, with the same id and the next attempt.
async fn an_error_worth_a_retry_is_retried(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let id = send(&stage, 1, Behaviour::Busy { until: 2 }).await?;
    served
        .probe
        .until("the second attempt", |log| log.finished == 2)
        .await?;
    check_eq!(attempts(&served), [1, 2], "the attempts");
    for entry in served.probe.log().of(&NOTE) {
        check_eq!(*entry.cx.id(), id, "the id");
    }
    stage.shelved(Shelf::Dead, 0).await?;
    Ok(())
}

/// When the last attempt fails, the command is set aside with the reason and its attempts.
async fn the_last_attempt_goes_to_the_dead_letters(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let last = stage.options().bounds.max_attempts;
    let id = send(&stage, 7, Behaviour::Busy { until: u32::MAX }).await?;
    let letters = stage.shelved(Shelf::Dead, 1).await?;
    let letter = &letters[0];
    check_eq!(letter.head.id, id, "the id");
    check_eq!(letter.head.attempt, last, "the attempts");
    check_eq!(
        letter.reason,
        format!("failed on attempt {last} of {last}"),
        "the reason"
    );
    check_eq!(
        codec::decode::<Note>(&letter.body)?.number,
        7,
        "the payload"
    );
    check_eq!(
        attempts(&served),
        (1..=last).collect::<Vec<_>>(),
        "the attempts"
    );
    Ok(())
}

/// An error that no retry helps sets the command aside at once, with the error's code as the reason.
async fn a_final_error_goes_to_the_dead_letters_at_once(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let id = send(&stage, 1, Behaviour::Refuse).await?;
    let letters = stage.shelved(Shelf::Dead, 1).await?;
    check_eq!(letters[0].head.id, id, "the id");
    check!(
        letters[0].reason.contains("not_found"),
        "the reason does not name the error's code: {:?}",
        letters[0].reason
    );
    check_eq!(attempts(&served), [1], "the attempts");
    Ok(())
}

/// A handler that panics is tried again, then set aside; commands beside it are handled.
async fn a_panic_is_retried_and_harms_nobody(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let id = send(&stage, 1, Behaviour::Panic).await?;
    let letters = stage.shelved(Shelf::Dead, 1).await?;
    check_eq!(letters[0].head.id, id, "the id");
    check!(
        !letters[0].reason.contains("secret"),
        "the panic's text left the handler: {:?}",
        letters[0].reason
    );
    let last = stage.options().bounds.max_attempts;
    check_eq!(attempts(&served).len(), last as usize, "the attempts");
    let after = send(&stage, 2, Behaviour::Done).await?;
    served
        .probe
        .until("the next command", |log| {
            log.of(&NOTE).any(|entry| *entry.cx.id() == after)
        })
        .await
}

/// A dead letter that is replayed is handled anew from the first attempt; one that is discarded is gone.
async fn a_dead_letter_can_be_replayed_or_discarded(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let id = send(&stage, 1, Behaviour::Refuse).await?;
    let letter = stage.shelved(Shelf::Dead, 1).await?.remove(0);
    let letters = stage.letters()?;
    let replayed = letters.replay(Shelf::Dead, &letter.group, &id).await?;
    check!(replayed, "the letter was not found for its replay");
    served
        .probe
        .until("the replayed command", |log| log.count(&NOTE) == 2)
        .await?;
    check_eq!(attempts(&served), [1, 1], "the attempts");
    let letter = stage.shelved(Shelf::Dead, 1).await?.remove(0);
    let discarded = letters.discard(Shelf::Dead, &letter.group, &id).await?;
    check!(discarded, "the letter was not found for its removal");
    stage.shelved(Shelf::Dead, 0).await?;
    let again = letters.discard(Shelf::Dead, &letter.group, &id).await?;
    check!(!again, "a letter was found that is gone");
    let again = letters.replay(Shelf::Dead, &letter.group, &id).await?;
    check!(!again, "a letter was replayed that is gone");
    Ok(())
}

/// A command beyond the bound is refused before it is taken.
async fn too_large_a_command_is_refused(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let size = stage.capability().max_payload + 1;
    let sent = session.send(RAW_NOTE, vec![b' '; size].into()).await;
    let error = error_of("a command beyond the bound", sent)?;
    check_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    session.send(RAW_NOTE, Bytes::new()).await?;
    served
        .probe
        .until("the next command", |log| log.finished == 1)
        .await
}

/// Before any provider is there a command is taken and waits, or its sender is told that nobody is there. Never silence.
async fn before_the_provider_it_waits_or_is_refused(stage: Arc<Stage>) -> Checked {
    let session = stage.session(Edition::V1_4)?;
    let first = Note::done(1);
    let early = session.command(NOTE, &first);
    let taken = match stage.within("an answer", early).await? {
        Ok(_) => true,
        Err(error) => {
            check_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
            false
        }
    };
    let served = stage.serve(&[Edition::V1_4]).await?;
    session.command(NOTE, &Note::done(2)).await?;
    let expected: &[u64] = if taken { &[1, 2] } else { &[2] };
    served
        .probe
        .until("the commands", |log| log.finished == expected.len())
        .await?;
    let mut numbers = Vec::new();
    for entry in served.probe.log().of(&NOTE) {
        numbers.push(codec::decode::<Note>(&entry.body)?.number);
    }
    numbers.sort_unstable();
    check_eq!(numbers, expected, "what was handled");
    Ok(())
}
