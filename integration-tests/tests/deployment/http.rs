//! 1.4 and 1.5 behind one address: upgrade and rollback under load, in any order of start.

use polywire::ErrorKind;

use super::Link;
use super::caller::Caller;
use super::replica::Replica;
use super::support::balancer::Balancer;

fn point_at(balancer: &Balancer, replicas: &[&Replica]) {
    let addresses: Vec<_> = replicas
        .iter()
        .filter_map(|replica| replica.address.as_deref())
        .collect();
    balancer.point_at(&addresses);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handler_runs_for_a_requirement_it_does_not_meet() {
    let balancer = Balancer::start().await;
    let link = Link::new("http", format!("url = \"http://{}\"\n", balancer.address));
    let listen = Link::new("http", "listen = \"127.0.0.1:0\"\n");

    // Consumers first: nobody is there, and nobody waits for anybody.
    let (mut old, mut new) = (Caller::start(&link, 2).await, Caller::start(&link, 5).await);
    for caller in [&mut old, &mut new] {
        caller
            .until("nobody", |answered| {
                answered.errors(ErrorKind::Unavailable) > 0
            })
            .await;
    }

    // 1.4 alone: ^1.2 is served, ^1.5 is refused.
    let (a, b) = (
        Replica::start("a", 4, &listen).await,
        Replica::start("b", 4, &listen).await,
    );
    point_at(&balancer, &[&a, &b]);
    old.served(50).await;
    new.refused(10).await;
    assert_eq!(new.answered().calls, 0);
    assert!(new.answered().commands.is_empty());
    let unavailable = old.answered().errors(ErrorKind::Unavailable);

    // The upgrade begins: ^1.5 finds the one replica that has it.
    let c = Replica::start("c", 5, &listen).await;
    point_at(&balancer, &[&a, &c]);
    new.served(50).await;
    old.served(50).await;
    b.stop().await;

    // And ends: everybody is served, also who starts only now.
    let d = Replica::start("d", 5, &listen).await;
    point_at(&balancer, &[&c, &d]);
    a.stop().await;
    let refused = new.answered().errors(ErrorKind::NoMatch);
    let mut late = Caller::start(&link, 5).await;
    for caller in [&mut old, &mut new, &mut late] {
        caller.served(50).await;
    }
    assert_eq!(new.answered().errors(ErrorKind::NoMatch), refused);

    // The rollback: ^1.2 goes on, ^1.5 is refused again.
    let e = Replica::start("e", 4, &listen).await;
    point_at(&balancer, &[&e]);
    c.stop().await;
    d.stop().await;
    old.served(50).await;
    new.refused(10).await;

    let upgraded = old
        .changes
        .lock()
        .unwrap()
        .iter()
        .any(|change| change.contains("Upgraded"));
    assert!(upgraded, "{:?}", old.changes.lock().unwrap());
    let (old, new, late) = (old.stop().await, new.stop().await, late.stop().await);
    // The old consumer noticed nothing once anybody was there.
    assert_eq!(
        old.errors(ErrorKind::Unavailable),
        unavailable,
        "{:?}",
        old.last_error
    );
    assert_eq!(old.errors.len(), 1, "{:?}", old.last_error);
    for caller in [&new, &late] {
        let others: Vec<_> = caller
            .errors
            .keys()
            .filter(|kind| !["unavailable", "no-match"].contains(kind))
            .collect();
        assert!(others.is_empty(), "{caller:?}");
    }
    e.stop().await;

    // Connections stay where they are, so not every replica has to have a caller; every stage of the deployment has.
    for stage in [&[&a, &b][..], &[&c, &d], &[&e]] {
        assert!(
            stage.iter().any(|replica| replica.ran.of(2) > 0),
            "no ^1.2 caller came to a replica of 1.{}",
            stage[0].minor
        );
    }
    let replicas = [&a, &b, &c, &d, &e];
    for replica in replicas {
        assert_eq!(
            replica.ran.wrong(replica.minor),
            0,
            "replica of 1.{} ran {:?}",
            replica.minor,
            replica.ran
        );
    }
    // What was answered was handled, once.
    let handled = |floor| {
        replicas
            .iter()
            .map(|replica| replica.ran.of(floor))
            .sum::<usize>()
    };
    assert_eq!(handled(2), old.calls + old.commands.len());
    assert_eq!(
        handled(5),
        new.calls + new.commands.len() + late.calls + late.commands.len()
    );
}
