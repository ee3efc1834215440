//! What must hold when all is over.

use std::collections::{BTreeMap, BTreeSet};

use polywire_webhook::SystemClock;
use polywire_webhook::record::DeliveryState;
use polywire_webhook::store::Subscriptions;
use tempfile::TempDir;

use super::kept::{Place, Purpose};
use super::{IN_HAND, Stage};
use crate::world::eventually;

/// One event that was handled, as it was written down.
#[derive(Debug)]
pub(super) struct Handled {
    life: usize,
    pub(super) id: String,
}

/// What was handled so far, in its order.
pub(super) async fn handled(folder: &TempDir) -> Vec<Handled> {
    let Ok(text) = tokio::fs::read_to_string(folder.path().join("handled")).await else {
        // Nothing yet.
        return Vec::new();
    };
    let line = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let [life, id, _number] = words[..] else {
            panic!("{line}");
        };
        Handled {
            life: life.parse().unwrap(),
            id: id.to_owned(),
        }
    };
    text.lines().map(line).collect()
}

/// Waits until nothing is left to do in a store, and nothing was given up.
pub(super) async fn emptied(place: &Place, purpose: Purpose) {
    let store = place.open(purpose, SystemClock).await;
    eventually("all is delivered", async || {
        let mut left = 0;
        for subscription in store
            .subscriptions(&Subscriptions::default())
            .await
            .unwrap()
        {
            let backlog = store.backlog(&subscription.id).await.unwrap();
            assert_eq!(backlog.letters, 0, "nothing is given up");
            left += backlog.deliveries;
        }
        (left == 0).then_some(())
    })
    .await;
    store.close().await;
}

pub(super) async fn check(stage: &Stage) {
    let mut lives: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for handled in handled(&stage.folder).await {
        lives.entry(handled.id).or_default().push(handled.life);
    }
    let accepted = stage.publisher.said.all("accepted");
    for (_, id) in &accepted {
        assert!(lives.contains_key(id), "{id} was accepted and is lost");
    }
    again(stage, &lives);
    inbox(stage, &lives).await;
    let twice = lives.values().filter(|lives| lives.len() > 1).count();
    println!(
        "{} accepted, {} handled, {twice} of them more than once",
        accepted.len(),
        lives.len()
    );
}

/// Whatever was handled again had been in the hands of a consumer that was killed, and was not settled.
fn again(stage: &Stage, lives: &BTreeMap<String, Vec<usize>>) {
    let mut unsettled: BTreeMap<usize, usize> = BTreeMap::new();
    for (id, lives) in lives {
        assert!(
            lives.is_sorted_by(|one, next| one < next),
            "{id} was handled twice in one life: {lives:?}"
        );
        for life in &lives[..lives.len() - 1] {
            *unsettled.entry(*life).or_default() += 1;
        }
    }
    for (life, count) in unsettled {
        assert!(
            count <= IN_HAND,
            "life {life} of the consumer left {count} handled events unsettled"
        );
    }
    for (life, id) in stage.consumer.said.all("done") {
        assert_eq!(
            lives[&id].last(),
            Some(&life),
            "{id} was handled again after it was done with"
        );
    }
}

/// Each `webhook-id` that was taken, however often, is one message of the inbox.
async fn inbox(stage: &Stage, lives: &BTreeMap<String, Vec<usize>>) {
    let posts = stage.gate.posts();
    let taken: BTreeSet<_> = posts
        .iter()
        .filter(|(_, post)| post.taken > 0)
        .map(|(id, _)| id.clone())
        .collect();
    let all = stage.incoming.all(Purpose::Inbox, &[None], false).await;
    assert!(all.iter().all(|kept| kept.state == DeliveryState::Done));
    let webhook_ids: BTreeSet<_> = all.iter().map(|kept| kept.webhook_id.clone()).collect();
    assert_eq!(webhook_ids.len(), all.len(), "each is kept once");
    let lost: Vec<_> = taken.difference(&webhook_ids).collect();
    assert_eq!(lost, Vec::<&String>::new(), "taken, and not kept");
    let ids: BTreeSet<_> = all.iter().map(|kept| &kept.message_id).collect();
    assert_eq!(ids.len(), all.len(), "of each event one delivery");
    assert!(
        ids.into_iter().eq(lives.keys()),
        "each was handled, and nothing else"
    );
    let again = posts.values().filter(|post| post.taken > 1).count();
    assert!(again > 0, "nothing was ever sent again that had been taken");
    println!(
        "{} were posted, {again} of them taken more than once and kept once",
        posts.len()
    );
}
