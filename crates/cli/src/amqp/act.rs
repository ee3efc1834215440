//! Listing, replaying and dropping.

use std::collections::HashSet;

use polywire::core::MessageId;
use polywire::{Letter, Shelf};

use super::shelf::Opened;
use super::{Action, Of, Which, print, shelf};

/// How many letters are held at once while all are acted on.
const ROUND: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Replay,
    Drop,
}

/// Does it; returns whether everything asked for was done.
///
/// # Errors
/// What kept it from being done.
pub(super) async fn run(shelf: Shelf, action: &Action) -> Result<bool, String> {
    let of = match action {
        Action::List { of, .. } | Action::Replay { of, .. } | Action::Drop { of, .. } => of,
    };
    let opened = shelf::open(of)?;
    let done = match action {
        Action::List { of, limit } => list(&opened, shelf, of, *limit).await,
        Action::Replay { of, which } => act(&opened, shelf, of, which, Verb::Replay).await,
        Action::Drop { of, which } => act(&opened, shelf, of, which, Verb::Drop).await,
    };
    opened.close().await;
    done
}

async fn list(opened: &Opened, shelf: Shelf, of: &Of, limit: usize) -> Result<bool, String> {
    let letters = read(opened, shelf, limit).await?;
    print::letters(&letters, of.format)?;
    Ok(true)
}

/// The letters of whom the arguments name.
async fn read(opened: &Opened, shelf: Shelf, limit: usize) -> Result<Vec<Letter>, String> {
    let mut letters = opened
        .letters
        .list(shelf, limit)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(group) = &opened.group {
        letters.retain(|letter| letter.group == *group);
    }
    Ok(letters)
}

async fn act(
    opened: &Opened,
    shelf: Shelf,
    of: &Of,
    which: &Which,
    verb: Verb,
) -> Result<bool, String> {
    let mut outcome = print::Outcome::default();
    if which.all {
        all(opened, shelf, verb, &mut outcome).await?;
    } else {
        let group = opened.group.as_ref().ok_or_else(|| {
            "an id is unique among the messages of one command: add --command, or --event and --group"
                .to_owned()
        })?;
        for id in &which.ids {
            let id = MessageId::parse(id).map_err(|error| format!("id {id:?}: {error}"))?;
            one(opened, shelf, verb, group, &id, &mut outcome).await;
        }
    }
    print::outcome(&outcome, verb, shelf, of.format)?;
    Ok(outcome.is_good())
}

/// Everything that is there now; what comes back to the shelf in the meantime stays.
async fn all(
    opened: &Opened,
    shelf: Shelf,
    verb: Verb,
    outcome: &mut print::Outcome,
) -> Result<(), String> {
    let mut seen = HashSet::new();
    loop {
        let letters = read(opened, shelf, ROUND).await?;
        let letters = letters
            .into_iter()
            .map(|letter| (letter.group, letter.head.id));
        let fresh: Vec<_> = letters.filter(|letter| !seen.contains(letter)).collect();
        // New ones stand behind older ones, so once there are only known ones, those are all.
        if fresh.is_empty() {
            return Ok(());
        }
        for (group, id) in &fresh {
            one(opened, shelf, verb, group, id, outcome).await;
        }
        seen.extend(fresh);
    }
}

async fn one(
    opened: &Opened,
    shelf: Shelf,
    verb: Verb,
    group: &str,
    id: &MessageId,
    outcome: &mut print::Outcome,
) {
    let done = match verb {
        Verb::Replay => opened.letters.replay(shelf, group, id).await,
        Verb::Drop => opened.letters.discard(shelf, group, id).await,
    };
    let id = id.to_string();
    match done {
        Ok(true) => outcome.done.push(id),
        Ok(false) => outcome.missing.push(id),
        Err(error) => outcome.failed.push(print::Failed {
            id,
            error: error.to_string(),
        }),
    }
}
