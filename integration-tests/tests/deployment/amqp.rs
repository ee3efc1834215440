//! 1.4 and 1.5 at one broker: upgrade, rollback and upgrade again at full load, in any order of start.

use std::collections::HashMap;
use std::time::Instant;

use futures_util::future::join_all;
use polywire::ErrorKind;
use polywire::core::MessageId;

use super::Link;
use super::caller::{Answered, Caller};
use super::replica::Replica;
use super::support::broker::{Place, broker};
use super::support::{figures, until};

/// How many callers of each floor there are, each with connections of its own.
const CALLERS: usize = 3;

async fn callers(link: &Link, floor: u64) -> Vec<Caller> {
    join_all((0..CALLERS).map(|_| Caller::start(link, floor))).await
}

async fn stopped(callers: Vec<Caller>) -> Vec<Answered> {
    join_all(callers.into_iter().map(Caller::stop)).await
}

/// Waits for more of everything, of each.
async fn served(callers: &mut [Caller]) {
    join_all(callers.iter_mut().map(|caller| caller.served(100))).await;
}

/// Waits for more refused calls, and for accepted commands besides: those wait for a replica that has their version.
async fn refused(callers: &mut [Caller]) {
    let calls: Vec<_> = callers.iter().map(Caller::calls).collect();
    join_all(callers.iter_mut().map(async |caller| {
        caller.refused(5).await;
        caller.noted(5).await;
    }))
    .await;
    assert!(callers.iter().map(Caller::calls).eq(calls));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_is_lost_and_none_runs_on_an_older_version() {
    let broker = broker().await;
    let place = Place::new("deployment", &[broker.url()]);
    let link = Link::new("amqp", place.keys());
    let begun = Instant::now();

    // Consumers first: nobody is there, calls fail and commands wait.
    let (mut old, mut new) = (callers(&link, 2).await, callers(&link, 5).await);
    join_all(old.iter_mut().chain(&mut new).map(async |caller| {
        let alone = |answered: &Answered| answered.errors(ErrorKind::Unavailable) > 0;
        caller.until("nobody", alone).await;
        caller.noted(5).await;
    }))
    .await;

    // 1.4 alone: ^1.2 is served; calls of ^1.5 are refused, its commands wait.
    let a = Replica::start("a", 4, &link).await;
    let b = Replica::start("b", 4, &link).await;
    served(&mut old).await;
    refused(&mut new).await;
    let before: Vec<_> = old.iter().map(|caller| caller.answered().errors).collect();

    // The upgrade, one replica after the other.
    let c = Replica::start("c", 5, &link).await;
    b.stop().await;
    served(&mut new).await;
    served(&mut old).await;
    let d = Replica::start("d", 5, &link).await;
    a.stop().await;
    served(&mut new).await;
    served(&mut old).await;

    // The rollback.
    let e = Replica::start("e", 4, &link).await;
    c.stop().await;
    d.stop().await;
    served(&mut old).await;
    refused(&mut new).await;

    // And forth again, until the last command is done.
    let f = Replica::start("f", 5, &link).await;
    e.stop().await;
    served(&mut new).await;
    served(&mut old).await;
    let (old, new) = (stopped(old).await, stopped(new).await);
    let accepted: Vec<&MessageId> = old
        .iter()
        .chain(&new)
        .flat_map(|answered| &answered.commands)
        .collect();
    let replicas = [&a, &b, &c, &d, &e, &f];
    let mut handled = HashMap::new();
    until("every accepted command", || {
        handled.clear();
        for replica in replicas {
            replica.ran.add_commands(&mut handled);
        }
        accepted.iter().all(|id| handled.contains_key(*id))
    })
    .await;
    f.stop().await;
    place.emptied(&broker);

    let wrong: usize = replicas
        .iter()
        .map(|replica| replica.ran.wrong(replica.minor))
        .sum();
    let runs: usize = handled.values().sum();
    let calls: usize = old.iter().chain(&new).map(|answered| answered.calls).sum();
    figures(&format!(
        "deployment of 1.4 and 1.5: {calls} calls, {} commands accepted, {} handled, {} redelivered, {wrong} on a wrong version, {:.1} s",
        accepted.len(),
        handled.len(),
        runs - handled.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert_eq!(wrong, 0);
    // Callers of 1.2 noticed nothing once anybody was there.
    let errors: Vec<_> = old.iter().map(|answered| answered.errors.clone()).collect();
    assert_eq!(errors, before, "{:?}", old[0].last_error);
    for answered in &new {
        let mut others = answered.errors.keys();
        assert!(
            others.all(|kind| ["unavailable", "no-match"].contains(kind)),
            "{:?}",
            answered.last_error
        );
    }
    // What was answered was handled, once.
    let ran: usize = replicas
        .iter()
        .map(|replica| replica.ran.of(2) + replica.ran.of(5))
        .sum();
    assert_eq!(ran - runs, calls);
}
