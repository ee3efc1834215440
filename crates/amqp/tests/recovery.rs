//! What is lost comes back: connections, queues, consumers, unconfirmed publishes - and nothing accepted is lost.

mod support;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use polywire_core::{Channel, ErrorKind, Health, codec};
use polywire_testkit::sample::{
    Echo, Echoed, Edition, Happened1, Happening, Note, SampleError, interaction,
};
use support::proxy::{Mode, Proxy, blocked_frame};
use support::stage::{provider, session, subscribe, until, until_ready, within};
use tokio::net::TcpListener;

const PUBLISHERS: u64 = 20;
const EACH: u64 = 150;

fn event(publisher: u64, number: u64) -> Happening {
    Happening {
        number,
        publisher,
        text: String::new(),
    }
}

/// Every accepted event is handled although all connections are cut at a third and at a half of the load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_survive_cut_connections() {
    let proxy = Proxy::start(Mode::Pass).await;
    let mut config = support::config().unwrap();
    config.urls = vec![proxy.url()];
    config.publish_timeout = Duration::from_secs(30);
    let provider = provider(&config, &[Edition::V1_4]).await;
    let seen: Arc<Mutex<HashMap<(u64, u64), u32>>> = Arc::default();
    for _ in 0..4 {
        let channel = support::transport(&config).unwrap().open();
        let mut deliveries = subscribe(&channel, "billing", 32).await.unwrap();
        let seen = seen.clone();
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.next().await {
                let event: Happening = codec::decode(&delivery.body).unwrap();
                *seen
                    .lock()
                    .entry((event.publisher, event.number))
                    .or_default() += 1;
                // An ack on a lost connection is an error, and the event comes again.
                let _ = delivery.ack().await;
            }
            drop(channel);
        });
    }
    let done = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let (sender, done) = (provider.publisher(Edition::V1_4), done.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                sender
                    .publish::<Happened1>(&event(publisher, number))
                    .await
                    .unwrap();
                done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let total = PUBLISHERS * EACH;
    for share in [total / 3, total / 2] {
        until("load", || {
            done.load(std::sync::atomic::Ordering::Relaxed) >= share
        })
        .await;
        proxy.cut();
    }
    for publisher in publishers {
        within("publishing", publisher).await.unwrap();
    }
    let all = usize::try_from(total).unwrap();
    until("every accepted event", || seen.lock().len() == all).await;
}

/// Commands and calls go on after the connections are cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_and_calls_survive_cut_connections() {
    let proxy = Proxy::start(Mode::Pass).await;
    let mut config = support::config().unwrap();
    config.urls = vec![proxy.url()];
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

/// Serving, subscribing and publishing begin while nothing is there, and work once the broker is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_may_start_before_the_broker() {
    let proxy = Proxy::start(Mode::Refuse).await;
    let mut config = support::config().unwrap();
    config.urls = vec![proxy.url()];
    let channel = support::transport(&config).unwrap().open();
    let joining = tokio::spawn({
        let channel = channel.clone();
        async move { subscribe(&channel, "billing", 8).await }
    });
    let starting = tokio::spawn({
        let config = config.clone();
        async move { provider(&config, &[Edition::V1_4]).await }
    });
    until(
        "a failed attempt",
        || matches!(channel.health(), Health::Degraded(why) if why.contains("cannot connect")),
    )
    .await;
    assert!(!joining.is_finished() && !starting.is_finished());
    proxy.set(Mode::Pass);
    let provider = within("serving", starting).await.unwrap();
    let mut deliveries = within("subscribing", joining).await.unwrap().unwrap();
    provider
        .publisher(Edition::V1_4)
        .publish::<Happened1>(&event(1, 7))
        .await
        .unwrap();
    let delivery = within("the event", deliveries.next()).await.unwrap();
    assert_eq!(
        codec::decode::<Happening>(&delivery.body).unwrap().number,
        7
    );
    delivery.ack().await.unwrap();
    until_ready(&channel).await;
}

/// A balancer that accepts and closes is no broker, and costs no time once there is one again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_that_accepts_connections_ends_soon() {
    let proxy = Proxy::start(Mode::Pass).await;
    let mut config = support::config().unwrap();
    config.urls = vec![proxy.url()];
    let channel = support::transport(&config).unwrap().open();
    until_ready(&channel).await;
    proxy.set(Mode::Refuse);
    proxy.cut();
    until("the loss", || channel.health() != Health::Ready).await;
    until(
        "attempts",
        || matches!(channel.health(), Health::Degraded(why) if why.contains("cannot connect")),
    )
    .await;
    proxy.set(Mode::Pass);
    let start = std::time::Instant::now();
    until_ready(&channel).await;
    // The broker's handshake timeout, which lapin's own recovery waits for, is 10 s.
    assert!(
        start.elapsed() < Duration::from_secs(9),
        "{:?}",
        start.elapsed()
    );
}

/// A link that says nothing is noticed by its heartbeat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_link_is_noticed() {
    let proxy = Proxy::start(Mode::Pass).await;
    let mut config = support::config().unwrap();
    config.urls = vec![proxy.url()];
    config.heartbeat = Duration::from_secs(1);
    let channel = support::transport(&config).unwrap().open();
    until_ready(&channel).await;
    proxy.set(Mode::Freeze);
    until("the loss", || channel.health() != Health::Ready).await;
    proxy.set(Mode::Pass);
    until_ready(&channel).await;
}

/// A peer that accepts and never answers is given up within the bound, and leaves no thread behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_peer_is_given_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
            count.store(held.len(), std::sync::atomic::Ordering::Relaxed);
        }
    });
    let mut config = support::config().unwrap();
    config.urls = vec![support::proxy::url_at(&address.to_string())];
    config.connect_timeout = Duration::from_millis(200);
    let channel = support::transport(&config).unwrap().open();
    until("attempts", || {
        accepted.load(std::sync::atomic::Ordering::Relaxed) >= 8
    })
    .await;
    let Health::Degraded(why) = channel.health() else {
        panic!("{:?}", channel.health())
    };
    assert!(why.contains("no answer within 200ms"), "{why}");
    channel.close().await.unwrap();
    #[cfg(target_os = "linux")]
    until("the end of the threads", || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        // Other tests of this process have four connections each at most.
        names.filter(|name| name.starts_with("lapin-io")).count() < 40
    })
    .await;
}

/// A deleted queue is made again, its consumer started again; what is published then arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_queue_comes_back() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 8).await.unwrap();
    let receiving = tokio::spawn(async move {
        deliveries
            .next()
            .await
            .map(|delivery| delivery.body.clone())
    });
    let raw = support::raw::Raw::connect().await;
    raw.delete(&format!(
        "{}.evt.conformance.happened.billing.v1",
        config.namespace.clone().unwrap()
    ))
    .await;
    until(
        "the notice",
        || matches!(channel.health(), Health::Degraded(why) if why.contains("was deleted")),
    )
    .await;
    until_ready(&channel).await;
    provider
        .publisher(Edition::V1_4)
        .publish::<Happened1>(&event(1, 9))
        .await
        .unwrap();
    let body = within("the event", receiving).await.unwrap().unwrap();
    assert_eq!(codec::decode::<Happening>(&body).unwrap().number, 9);
}

/// While the broker reads nothing, publishers wait until their deadline and are told why; then all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_connection_is_backpressure() {
    let proxy = Proxy::start(Mode::Pass).await;
    let mut config = support::config().unwrap();
    config.urls = vec![proxy.url()];
    let provider = provider(&config, &[Edition::V1_4]).await;
    let client = session(&provider.channel, "^1.4", Duration::from_millis(500));
    proxy.inject(&blocked_frame(Some("low on memory")));
    until("the notice", || matches!(provider.channel.health(), Health::Degraded(why) if why.contains("low on memory"))).await;
    let error = client
        .command(interaction::NOTE, &Note::done(1))
        .await
        .unwrap_err();
    let kinds = [ErrorKind::Overloaded, ErrorKind::DeadlineExceeded];
    assert!(kinds.contains(&error.kind()), "{error:?}");
    let waiting = tokio::spawn({
        let publisher = provider.publisher(Edition::V1_4);
        async move { publisher.publish::<Happened1>(&event(1, 1)).await }
    });
    proxy.inject(&blocked_frame(None));
    within("the publish that waited", waiting)
        .await
        .unwrap()
        .unwrap();
    until_ready(&provider.channel).await;
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
    let queue = format!("{}.cmd.conformance.v1.4", config.namespace.clone().unwrap());
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
