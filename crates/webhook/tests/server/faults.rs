//! A store that fails once, in the middle of something.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use polywire_core::{Error, ErrorKind, Result};
use polywire_webhook::record::SubscriptionId;
use polywire_webhook::server::Server;

use crate::watched::{Ask, Between, Watched};
use crate::world::{copies, keyring, orders, sender, sqlite};

/// How many times it enqueues before it fails once.
#[derive(Debug)]
struct FailsOnce(AtomicIsize);

#[async_trait]
impl Between for FailsOnce {
    async fn before(&self, asked: Ask) -> Result<()> {
        if asked == Ask::Enqueue && self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(Error::new(ErrorKind::Unavailable, "the disk is full"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_failed_halfway_is_published_again_and_comes_once() {
    let world = sqlite().await;
    let first = world.subscribe(|_| {}).await["id"].clone();
    let terms = world.record(&first).await.terms;
    let mut ids = vec![first.as_str().unwrap().parse().unwrap()];
    for _ in 0..1100 {
        let id = SubscriptionId::random();
        world.store.create(&id, terms.clone()).await.unwrap();
        ids.push(id);
    }
    let faulty = Arc::new(Watched {
        store: world.store.clone(),
        between: Arc::new(FailsOnce(AtomicIsize::new(1))),
    });
    let server = Server::start(faulty, keyring(), sender(), world.options())
        .await
        .unwrap();
    server.serve(orders());
    let message = || copies(&["1.4.0"], "evt-1").remove(0);
    let error = server.publisher().publish(message()).await.unwrap_err();
    assert_eq!(error.message(), "the disk is full");
    let have = async |count: u64| {
        let mut have = 0;
        for id in &ids {
            have += usize::from(world.store.last_sequence(id).await.unwrap() == Some(count));
        }
        have
    };
    assert_eq!(have(1).await, 1000, "one batch was durable");
    world.clock.advance(Duration::from_secs(1));
    server.publisher().publish(message()).await.unwrap();
    assert_eq!(have(1).await, 1101, "each has it, and has it once");
    server.close().await;
    world.close().await;
}
