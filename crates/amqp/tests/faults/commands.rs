//! Commands and their queues.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use polywire_testkit::sample::{Echo, Echoed, Edition, Note, SampleError, interaction};

use crate::support;
use crate::support::proxy::{Mode, Proxy};
use crate::support::stage::{provider, session, until_ready};

/// Commands and calls go on after the connections are cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_and_calls_survive_cut_connections() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = proxy.before(support::config().unwrap());
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let client = session(&channel, "^1.4", Duration::from_secs(20));
    let mut accepted = HashSet::new();
    for number in 0..60 {
        if number % 20 == 10 {
            proxy.cut();
        }
        let receipt = client
            .command(interaction::NOTE, &Note::done(number))
            .await
            .unwrap();
        accepted.insert(receipt.id);
    }
    provider
        .probe
        .until("every command", |log| {
            for entry in &log.entered {
                accepted.remove(entry.cx.id());
            }
            accepted.is_empty()
        })
        .await
        .unwrap();
    until_ready(&channel).await;
    until_ready(&provider.channel).await;
    let request = Echo {
        text: "still there".to_owned(),
        number: 1,
    };
    let answer = client
        .request::<_, Echoed, SampleError>(interaction::ECHO, &request)
        .await
        .unwrap();
    assert_eq!(answer.text, "still there");
}

/// Many commands at once to a queue that is gone: it is made again, and each command is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_unrouted_is_sent_again() {
    let config = support::config().unwrap();
    let channel = support::transport(&config).unwrap().open();
    let client = session(&channel, "^1.4", Duration::from_secs(20));
    client
        .command(interaction::NOTE, &Note::done(0))
        .await
        .unwrap();
    let queue = support::name(&config, "cmd.conformance.v1.4");
    let raw = support::raw::Raw::connect().await;
    raw.delete(&queue).await;
    let sent = join_all((0..100).map(|number| {
        let client = client.clone();
        async move { client.command(interaction::NOTE, &Note::done(number)).await }
    }))
    .await;
    assert!(
        sent.iter().all(Result::is_ok),
        "{:?}",
        sent.iter().find(|sent| sent.is_err())
    );
    assert!(raw.count(&queue).await >= 100);
}
