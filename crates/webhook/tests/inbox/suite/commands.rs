//! Commands, run by a service.

use polywire_core::{Caller, Shelf};
use polywire_webhook::inbox::{Arrived, Inbox, Queue};
use serde_json::json;
use tokio::time::timeout;

use crate::service::{Orders, Seen, command};
use crate::world::{A_WHILE, SOON, World, letters, next, put, text};

fn texts(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.text.as_str()).collect()
}

fn seen(text: &str, version: &str, subject: Option<&str>) -> Seen {
    Seen {
        text: text.into(),
        attempt: 1,
        version: version.into(),
        subject: subject.map(str::to_owned),
    }
}

async fn send(inbox: &Inbox, queue: &Queue, texts: &[&str]) {
    for text in texts {
        put(inbox, queue, command(text, "^1.4")).await;
    }
}

pub(crate) async fn run_on_behalf_of_their_callers(world: &World) {
    let (inbox, queue) = world.billing().await;
    let claims = json!({ "sub": "acme", "scope": "orders", "n": [1, 2] });
    let verified = Caller::verified(claims.as_object().unwrap().clone());
    let by_acme = Arrived {
        caller: Some(verified.clone()),
        ..command("a", "^1.4")
    };
    put(&inbox, &queue, by_acme).await;
    let by_nobody = Arrived {
        caller: Some(Caller::anonymous()),
        ..command("b", "^1.4")
    };
    put(&inbox, &queue, by_nobody).await;
    // Nobody can send himself as somebody else.
    let mut forged = command("c", "^1.4");
    let own = ("polywire-caller".to_owned(), claims.to_string());
    forged.headers.insert(0, own);
    put(&inbox, &queue, forged).await;
    inbox.close().await;

    let (inbox, queue) = world.billing().await;
    let orders = Orders::new("1.4.2");
    let workers = inbox.work(&queue, orders.service()).unwrap();
    let ran = orders.until(3).await;
    let expected = [("a", Some("acme")), ("b", None), ("c", None)];
    let expected = expected.map(|(text, subject)| seen(text, "1.4.2", subject));
    assert_eq!(ran, expected);
    assert!(orders.caller("a") == Some(verified), "with every claim");
    drop(workers);
}

pub(crate) async fn are_retried_and_set_aside(world: &World) {
    let (inbox, queue) = world.billing().await;
    let orders = Orders::new("1.4.0");
    let mut workers = inbox.work(&queue, orders.service()).unwrap();
    send(&inbox, &queue, &["busy", "refuse", "done"]).await;
    // Without a requirement nobody knows which version is meant.
    put(&inbox, &queue, command("any", "no range")).await;
    let dead = letters(&inbox, Shelf::Dead, 3).await;
    let mut reasons: Vec<_> = dead
        .iter()
        .map(|letter| (letter.head.id.to_string(), letter.reason.as_str()))
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            (
                "any".into(),
                "no version required of contract \"orders\": state a range such as ^1.2"
            ),
            ("busy".into(), "failed on attempt 3 of 3"),
            ("refuse".into(), "application error sold_out"),
        ]
    );
    let seen = orders.until(5).await;
    let attempts: Vec<_> = seen
        .iter()
        .map(|seen| (seen.text.as_str(), seen.attempt))
        .collect();
    assert_eq!(
        attempts,
        [
            ("busy", 1),
            ("busy", 2),
            ("busy", 3),
            ("done", 1),
            ("refuse", 1)
        ]
    );
    workers.stop().await;
}

pub(crate) async fn wait_for_a_service_that_has_their_version(world: &World) {
    let (inbox, queue) = world.billing().await;
    let old = Orders::new("1.4.0");
    let mut workers = inbox.work(&queue, old.service()).unwrap();
    put(&inbox, &queue, command("new", "^1.5")).await;
    send(&inbox, &queue, &["old"]).await;
    assert_eq!(texts(&old.until(1).await), ["old"]);
    // What it cannot run does not keep it from its end.
    timeout(SOON / 3, workers.finish()).await.expect("an end");
    let (other, same) = world.billing().await;
    let new = Orders::new("1.5.0");
    let workers = other.work(&same, new.service()).unwrap();
    assert_eq!(new.until(1).await, [seen("new", "1.5.0", None)]);
    assert_eq!(texts(&old.until(1).await), ["old"]);
    drop(workers);
}

pub(crate) async fn are_finished_before_the_end(world: &World) {
    let (inbox, queue) = world.billing().await;
    let orders = Orders::new("1.4.0");
    let mut workers = inbox.work(&queue, orders.service()).unwrap();
    let all: Vec<_> = (0..30).map(|number| format!("wait-{number}")).collect();
    let sent: Vec<_> = all.iter().map(String::as_str).collect();
    send(&inbox, &queue, &sent).await;
    send(&inbox, &queue, &["busy"]).await;
    // Draining is for members; what was accepted goes on.
    inbox.drain().await;
    let unfinished = timeout(A_WHILE, workers.finish()).await;
    assert!(unfinished.is_err(), "none of them was let go");
    orders.gate.add_permits(30);
    timeout(SOON / 3, workers.finish()).await.expect("an end");
    assert_eq!(orders.until(33).await.len(), 33, "each, and one thrice");
    letters(&inbox, Shelf::Dead, 1).await;
}

pub(crate) async fn are_left_to_the_next_when_stopped(world: &World) {
    let (inbox, queue) = world.billing().await;
    let orders = Orders::new("1.4.0");
    let mut workers = inbox.work(&queue, orders.service()).unwrap();
    let all: Vec<_> = (0..12).map(|number| format!("wait-{number}")).collect();
    let sent: Vec<_> = all.iter().map(String::as_str).collect();
    send(&inbox, &queue, &sent).await;
    orders.gate.add_permits(8);
    orders.until(8).await;
    orders.gate.add_permits(8);
    workers.stop().await;
    let done = orders.seen.borrow().len();
    assert!((8..=12).contains(&done), "{done}");
    put(&inbox, &queue, command("last", "^1.4")).await;
    let mut member = inbox.join(&queue, 1).unwrap();
    for _ in done..12 {
        let delivery = next(&mut member).await;
        assert_eq!(delivery.head.attempt, 1, "nobody has tried it");
        delivery.ack().await.unwrap();
    }
    assert_eq!(text(&next(&mut member).await), "last");
    let error = inbox.work(&queue, orders.service());
    assert!(error.is_ok(), "others may begin");
}
