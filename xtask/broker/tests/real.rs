//! Real nodes: each takes some seconds, so one broker serves all that one broker can show.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use polywire_test_broker::{Broker, Cluster, Left, Node, Options, answers};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_broker_starts_is_killed_restarts_and_is_stopped() {
    let options = Options::new().conf("default_user = tester");
    let mut broker = Broker::start(&options).unwrap();
    let (address, url) = (broker.address(), broker.url());
    answers(address, SOON).unwrap();
    let users = broker.ctl(&["list_users"]).unwrap();
    assert!(users.contains("tester"), "{users}");
    let error = broker.ctl(&["no_such_command"]).unwrap_err().to_string();
    assert!(
        error.starts_with("rabbitmqctl no_such_command: exit status: "),
        "{error}"
    );
    broker.ctl(&["add_vhost", "kept"]).unwrap();

    broker.kill().unwrap();
    assert!(!broker.is_running());
    answers(address, SOON).unwrap_err();
    broker.restart().unwrap();
    assert_eq!(broker.url(), url);
    let vhosts = broker.ctl(&["list_vhosts"]).unwrap();
    assert!(vhosts.contains("kept"), "{vhosts}");

    broker.stop().unwrap();
    assert!(broker.log().contains("Server startup complete"));
}

#[test]
fn a_broker_that_is_left_is_found_again_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let broker = Broker::start(&Options::new().folder(folder.path().join("data"))).unwrap();
    let address = broker.address();
    broker.leave().save(&state).unwrap();

    let left = Left::load(&state).unwrap().unwrap();
    assert_eq!(left.nodes(), [("polywire@localhost", Ok(()))]);
    left.stop().unwrap();
    answers(address, SOON).unwrap_err();
}

/// This test is two processes: the one that owns a broker prints its address and holds it, the other kills that owner.
#[test]
fn an_owner_that_is_killed_takes_its_broker_with_it() {
    const OWNER: &str = "POLYWIRE_TEST_BROKER_OWNER";
    const SAYS: &str = "owns ";
    if std::env::var_os(OWNER).is_some() {
        let broker = Broker::start(&Options::new()).unwrap();
        println!("\n{SAYS}{}", broker.address());
        // Ends with the other process at the latest.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "an_owner_that_is_killed_takes_its_broker_with_it",
        ])
        .env(OWNER, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let address: SocketAddr = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix(SAYS)?.parse().ok())
        .unwrap();
    answers(address, SOON).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while answers(address, SOON).is_ok() {
        assert!(Instant::now() < until, "{address} still answers");
        std::thread::yield_now();
    }
}

#[test]
fn a_broker_that_cannot_start_says_why() {
    let error = Broker::start(&Options::new().conf("no.such.key = 1"))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("polywire@localhost ended: "), "{error}");
    assert!(error.contains("no.such.key"), "{error}");
}

#[test]
fn three_nodes_are_one_broker() {
    let mut cluster = Cluster::start(3, &Options::new()).unwrap();
    assert_eq!(cluster.urls().len(), 3);
    cluster.node_mut(0).unwrap().kill().unwrap();
    let second = cluster.node(1).unwrap();
    let running = second
        .ctl(&["eval", "lists:sort(rabbit_nodes:all_running())."])
        .unwrap();
    assert_eq!(running.trim(), "[node2@localhost,node3@localhost]");
    cluster.node_mut(0).unwrap().restart().unwrap();
    let error = cluster.node(3).unwrap_err().to_string();
    assert_eq!(error, "no node 3: the cluster has 3, from 0");
    let addresses: Vec<SocketAddr> = cluster.nodes().iter().map(Node::address).collect();
    drop(cluster);
    for address in addresses {
        answers(address, SOON).unwrap_err();
    }
}
