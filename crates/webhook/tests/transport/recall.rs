//! Groups that were registered by an earlier run of their process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Channel, Deliveries, Transport};
use polywire_webhook::WebhookTransport;
use polywire_webhook::record::DeliveryState;
use polywire_webhook::store::{Page, SqliteOptions, SqliteStore, Store, Subscriptions};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::{SOON, config, join, next, serve};

/// Where a consumer is reached, wherever it listens now.
struct Front {
    url: String,
    to: watch::Sender<Option<SocketAddr>>,
    passing: JoinHandle<()>,
}

impl Front {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (to, at) = watch::channel(None);
        let passing = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                let to = *at.borrow();
                connections.spawn(async move {
                    if let Some(to) = to
                        && let Ok(mut to) = TcpStream::connect(to).await
                    {
                        // Whoever leaves ends it.
                        let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, to, passing }
    }

    /// Joins a group first of all, and leads to the consumer as soon as that listens.
    async fn first(
        &self,
        transport: &WebhookTransport,
        group: &'static str,
    ) -> (Arc<dyn Channel>, Deliveries) {
        let consumer = transport.channel("orders").await.unwrap();
        let leads = async {
            let mut wait = tokio::time::interval(Duration::from_millis(5));
            while transport.local_address().await.is_none() {
                wait.tick().await;
            }
            self.to.send_replace(transport.local_address().await);
        };
        let joined = timeout(SOON, async {
            tokio::join!(join(&consumer, group), leads).0
        });
        let joined = joined.await.unwrap();
        (consumer, joined)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.passing.abort();
    }
}

#[tokio::test]
async fn a_group_that_was_registered_gets_its_events_before_it_joins_again() {
    let served = serve(|_| {}).await;
    let (front, store) = (Front::start().await, tempfile::tempdir().unwrap());
    let url = served.url().await;
    let transport = || {
        let mut config = config(&store);
        config.http.urls = vec![url.parse().unwrap()];
        config.public_url = Some(front.url.clone());
        WebhookTransport::new(config, None, false).unwrap()
    };
    let before = transport();
    let (consumer, mut stock) = front.first(&before, "stock").await;
    let mut billing = join(&consumer, "billing").await;
    served.ship(1).await;
    for group in [&mut stock, &mut billing] {
        assert_eq!(next(group).await, "1");
    }
    drop((stock, billing));
    consumer.close().await.unwrap();

    let again = transport();
    let (consumer, mut stock) = front.first(&again, "stock").await;
    served.ship(2).await;
    assert_eq!(next(&mut stock).await, "2");
    // Accepted for the other one as well, although it has no member.
    let kept = SqliteOptions::new(served.store.path().join("outbox.db")).existing();
    let kept = SqliteStore::open(kept).await.unwrap();
    let accepted = async {
        let all = kept.subscriptions(&Subscriptions::default()).await.unwrap();
        assert_eq!(all.len(), 2);
        for subscription in all {
            let page = Page {
                subscription: subscription.id,
                state: Some(DeliveryState::Done),
                after: 0,
                limit: 10,
            };
            while kept.deliveries(&page).await.unwrap().len() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    timeout(SOON, accepted).await.unwrap();
    kept.close().await;
    let mut billing = join(&consumer, "billing").await;
    assert_eq!(next(&mut billing).await, "2");
    served.ship(3).await;
    assert_eq!(next(&mut billing).await, "3");
    consumer.close().await.unwrap();
    served.channel.close().await.unwrap();
}
