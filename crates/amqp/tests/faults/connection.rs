//! Connections that are lost, refused, frozen or blocked.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Channel, ErrorKind, Health, codec};
use polywire_testkit::sample::{Edition, Happened1, Happening, Note, interaction};
use tokio::net::TcpListener;

use crate::support;
use crate::support::proxy::{Mode, Proxy, blocked_frame};
use crate::support::stage::{
    event, provider, session, subscribe, take, until, until_ready, within,
};

/// Serving, subscribing and publishing begin while nothing is there, and work once the broker is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_may_start_before_the_broker() {
    let proxy = Proxy::start(Mode::Refuse).await;
    let config = proxy.before(support::config().unwrap());
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
    provider.publish(7).await;
    take(&mut deliveries, 7).await;
    until_ready(&channel).await;
}

/// A balancer that accepts and closes is no broker, and costs no time once there is one again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_that_accepts_connections_ends_soon() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = proxy.before(support::config().unwrap());
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
    let mut config = proxy.before(support::config().unwrap());
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

/// While the broker reads nothing, publishers wait until their deadline and are told why; then all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_connection_is_backpressure() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = proxy.before(support::config().unwrap());
    let provider = provider(&config, &[Edition::V1_4]).await;
    let client = session(&provider.channel, "^1.4", Duration::from_millis(500));
    proxy.tell_clients(|| blocked_frame(Some("low on memory")));
    until("the notice", || matches!(provider.channel.health(), Health::Degraded(why) if why.contains("low on memory"))).await;
    let error = client
        .command(interaction::NOTE, &Note::done(1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error:?}");
    assert!(error.to_string().contains("low on memory"), "{error}");
    let error = client
        .call(interaction::ECHO, "{}".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error:?}");
    let waiting = tokio::spawn({
        let publisher = provider.publisher(Edition::V1_4);
        async move { publisher.publish::<Happened1>(&event(1, 1)).await }
    });
    proxy.tell_clients(|| blocked_frame(None));
    within("the publish that waited", waiting)
        .await
        .unwrap()
        .unwrap();
    until_ready(&provider.channel).await;
}

/// A port that stays closed: what waits ends at its deadline, and the first attempt after it opens again succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_port_holds_nobody_beyond_the_deadline() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = proxy.before(support::config().unwrap());
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 8).await.unwrap();
    let client = session(&channel, "^1.4", Duration::from_secs(2));
    proxy.close_port().await;
    proxy.cut();
    let no_connection =
        |health| matches!(health, Health::Degraded(why) if why.contains("cannot connect"));
    until("a failed attempt", || no_connection(channel.health())).await;
    let note = Note::done(1);
    let ended = futures_util::join!(
        within("the call", client.call(interaction::ECHO, "{}".into())),
        within("the command", client.command(interaction::NOTE, &note)),
    );
    for error in [ended.0.unwrap_err(), ended.1.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.to_string().contains("cannot connect to"), "{error}");
    }
    proxy.open_port().await;
    until_ready(&channel).await;
    until_ready(&provider.channel).await;
    provider.publish(3).await;
    take(&mut deliveries, 3).await;
}

/// Both channels of a transport hear that the broker blocks it, and that it does no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_channel_of_a_connection_hears_that_it_is_blocked() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = proxy.before(support::config().unwrap());
    let transport = support::transport(&config).unwrap();
    let channels = [transport.open(), transport.open()];
    for channel in &channels {
        until_ready(channel).await;
    }
    for round in 0..3 {
        let why = format!("alarm {round}");
        proxy.tell_clients(|| blocked_frame(Some(&why)));
        for channel in &channels {
            until(
                "the alarm",
                || matches!(channel.health(), Health::Degraded(said) if said.contains(&why)),
            )
            .await;
        }
        proxy.tell_clients(|| blocked_frame(None));
        for channel in &channels {
            until_ready(channel).await;
        }
    }
}

/// With several nodes in the list one that is not there costs nothing, and when one goes the next takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_of_the_list_takes_over() {
    let (dead, first, second) = (
        Proxy::start(Mode::Pass).await,
        Proxy::start(Mode::Pass).await,
        Proxy::start(Mode::Pass).await,
    );
    dead.close_port().await;
    let mut config = support::config().unwrap();
    config.urls = vec![dead.url(), first.url(), second.url()];
    let provider = provider(&config, &[Edition::V1_4]).await;
    let client = session(&provider.channel, "^1.4", Duration::from_secs(20));
    let echo = || client.call(interaction::ECHO, r#"{"text":"a"}"#.into());
    echo().await.unwrap();
    assert!(first.links() >= 2 && second.links() == 0);
    first.close_port().await;
    first.cut();
    until("the second node", || second.links() >= 2).await;
    until_ready(&provider.channel).await;
    echo().await.unwrap();
}

/// The queues that only one process has, of a group of one and of a provider's questions, come back under their names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_of_one_process_come_back_after_a_cut() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = proxy.before(support::config().unwrap());
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let alone = support::stage::subscription("^1.4", None, 8);
    let mut deliveries = within("subscribing", channel.subscribe(alone))
        .await
        .unwrap();
    for number in 0..3 {
        proxy.cut();
        until("the loss", || {
            channel.health() != Health::Ready && provider.channel.health() != Health::Ready
        })
        .await;
        let asking = async {
            while channel
                .discover(&polywire_testkit::sample::CONTRACT)
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
        };
        // An ack of the round before may have been cut off, and its event comes again.
        let receiving = async {
            loop {
                let delivery = deliveries.next().await.unwrap();
                let event: Happening = codec::decode(&delivery.body).unwrap();
                delivery.ack().await.unwrap();
                if event.number == number {
                    return;
                }
            }
        };
        let publishing = async {
            until_ready(&provider.channel).await;
            within("the offer", asking).await;
            provider.publish(number).await;
        };
        within("the event", async {
            futures_util::join!(receiving, publishing)
        })
        .await;
    }
}
