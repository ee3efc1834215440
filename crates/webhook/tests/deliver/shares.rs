//! Rates and circuits: what an endpoint is given, and when it is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polywire_core::ErrorKind;
use polywire_webhook::deliver::{DeliverOptions, Deliverer, NoticeCode, SenderOptions};
use polywire_webhook::record::DeliveryState;
use polywire_webhook::schedule::{CircuitLimits, EndpointLimits, Rate};
use tokio::sync::Semaphore;

use crate::sink::{Sink, status};
use crate::world::{World, eventually, new, sender, terms};

#[tokio::test]
async fn a_rate_is_kept() {
    let world = World::sqlite().await;
    let sink = Sink::accepting().await;
    let slow = polywire_webhook::record::Terms {
        rate: Some(Rate {
            per_minute: 60,
            burst: 5,
        }),
        ..terms(&format!("{}/slow", sink.url))
    };
    let id = world.subscribe_with(slow).await;
    let ids = world
        .enqueue((0..8).map(|n| new(&id, &format!("evt-{n}"))).collect())
        .await;
    let deliverer = world.deliver();
    for come in 5..=8 {
        eventually("as many as may", async || {
            (sink.ids("/slow").len() == come).then_some(())
        })
        .await;
        world.everything_due(&sink).await;
        assert_eq!(sink.ids("/slow").len(), come, "and no more");
        world.clock.advance(Duration::from_secs(1));
    }
    for id in ids {
        world.becomes(id, DeliveryState::Done, 1).await;
    }
    deliverer.drain().await;
    assert_eq!(world.told.codes(), [""; 0], "it is no failure");
}

#[tokio::test]
async fn a_circuit_opens_is_probed_and_closes() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |seen| {
        status(if seen.path == "/bad" && seen.number <= 4 {
            500
        } else {
            204
        })
    })
    .await;
    let id = world.subscribe(&format!("{}/bad", sink.url)).await;
    let ids = world
        .enqueue((0..10).map(|n| new(&id, &format!("evt-{n}"))).collect())
        .await;
    let circuit = CircuitLimits {
        failures: 3,
        cooldown: Duration::from_secs(30),
        max_cooldown: Duration::from_secs(600),
    };
    let deliverer = world.deliver_with(DeliverOptions {
        // The clock passes all of it at once, which no worker could prolong a lease for.
        lease: Duration::from_secs(3600),
        endpoint: EndpointLimits {
            concurrency: 1,
            circuit,
            ..EndpointLimits::default()
        },
        ..world.options()
    });
    // Three failures open it, one probe fails, and the next wait is twice as long.
    for (attempts, wait) in [(3, 30), (4, 60)] {
        eventually("attempts", async || {
            (sink.ids("/bad").len() == attempts).then_some(())
        })
        .await;
        eventually("told", async || {
            (world.told.codes() == ["endpoint.failing"]).then_some(())
        })
        .await;
        world.everything_due(&sink).await;
        world
            .clock
            .advance(Duration::from_secs(wait) - Duration::from_millis(1));
        world.everything_due(&sink).await;
        assert_eq!(sink.ids("/bad").len(), attempts, "left alone");
        world.clock.advance(Duration::from_millis(1));
    }
    eventually("told", async || {
        (world.told.codes() == ["endpoint.failing", "endpoint.recovered"]).then_some(())
    })
    .await;
    // What failed last may be due only later.
    world.clock.advance(Duration::from_secs(100));
    for id in &ids {
        eventually("done", async || {
            (world.delivery(*id).await.state == DeliveryState::Done).then_some(())
        })
        .await;
    }
    deliverer.drain().await;
    let told = world.told.all();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].reason, "status 500");
    assert!(told.iter().all(|told| told.subscription == id));
    assert_eq!(sink.ids("/bad").len(), 10 + 4, "nothing more than failed");
    assert_eq!(world.get(&id).await.standing.failing_since, None);
}

#[tokio::test]
async fn a_probe_goes_alone_however_many_may_go_together() {
    let world = World::sqlite().await;
    let (works, told) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Semaphore::new(0)),
    );
    let (working, waits) = (works.clone(), told.clone());
    let sink = Sink::start(move |seen| {
        let (working, waits) = (working.clone(), waits.clone());
        async move {
            if seen.path != "/bad" {
                return status(204);
            }
            if !working.load(Ordering::SeqCst) {
                return status(500);
            }
            waits.acquire().await.unwrap().forget();
            status(204)
        }
    })
    .await;
    let id = world.subscribe(&format!("{}/bad", sink.url)).await;
    let all = (0..20).map(|number| new(&id, &format!("evt-{number}")));
    let ids = world.enqueue(all.collect()).await;
    let circuit = CircuitLimits {
        failures: 3,
        cooldown: Duration::from_secs(30),
        max_cooldown: Duration::from_secs(600),
    };
    let deliverer = world.deliver_with(DeliverOptions {
        // As above.
        lease: Duration::from_secs(3600),
        endpoint: EndpointLimits {
            concurrency: 8,
            circuit,
            ..EndpointLimits::default()
        },
        ..world.options()
    });
    eventually("open", async || {
        world.told.has(NoticeCode::Failing).then_some(())
    })
    .await;
    // Those that were under way with the one that opened it have ended, and the others went back.
    for id in &ids {
        eventually("not in hand", async || {
            (world.delivery(*id).await.state != DeliveryState::Leased).then_some(())
        })
        .await;
    }
    let before = sink.ids("/bad").len();
    works.store(true, Ordering::SeqCst);
    let early = Duration::from_secs(30) - Duration::from_millis(1);
    world.clock.advance(early);
    world.everything_due(&sink).await;
    assert_eq!(sink.ids("/bad").len(), before, "left alone");
    world.clock.advance(Duration::from_millis(1));
    let probed = async || (sink.ids("/bad").len() > before).then_some(());
    eventually("probed", probed).await;
    world.everything_due(&sink).await;
    assert_eq!(sink.ids("/bad").len(), before + 1, "by one alone");
    told.add_permits(100);
    // What failed may be due only later.
    eventually("closed", async || {
        world.told.has(NoticeCode::Recovered).then_some(())
    })
    .await;
    world.clock.advance(Duration::from_secs(100));
    for id in &ids {
        eventually("done", async || {
            (world.delivery(*id).await.state == DeliveryState::Done).then_some(())
        })
        .await;
    }
    deliverer.drain().await;
    assert_eq!(
        sink.ids("/bad").len(),
        before + ids.len(),
        "each went once more"
    );
}

#[tokio::test]
async fn options_have_bounds() {
    type Change = fn(&mut DeliverOptions);
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    let world = World::sqlite().await;
    let bad: [(&str, Change); 20] = [
        (
            "concurrency of webhook deliveries is 0: expected 1 to 10000",
            |o| o.concurrency = 0,
        ),
        (
            "concurrency of webhook deliveries is 10001: expected 1 to 10000",
            |o| o.concurrency = 10_001,
        ),
        (
            "batch of webhook deliveries is 0: expected 1 to 1000",
            |o| o.batch = 0,
        ),
        (
            "batch of webhook deliveries is 1001: expected 1 to 1000",
            |o| o.batch = 1001,
        ),
        (
            "ahead of webhook deliveries is 0: expected 1 to 1000",
            |o| o.ahead = 0,
        ),
        (
            "bytes of webhook deliveries is 1: expected 1048576 to 1099511627776",
            |o| o.bytes = 1,
        ),
        (
            "endpoints of webhook deliveries is 10001: expected 1 to 10000",
            |o| o.endpoints = 10_001,
        ),
        (
            "send.body of webhook deliveries is 16777217: expected 0 to 16777216",
            |o| o.send.body = 16_777_217,
        ),
        (
            "lease of webhook deliveries is 999ms: expected 1s to 3600s",
            |o| o.lease = Duration::from_millis(999),
        ),
        (
            "lease of webhook deliveries is 3601s: expected 1s to 3600s",
            |o| o.lease = Duration::from_secs(3601),
        ),
        (
            "poll of webhook deliveries is 0ns: expected 1ms to 60s",
            |o| o.poll = Duration::ZERO,
        ),
        (
            "refresh of webhook deliveries is 61s: expected 0ns to 60s",
            |o| o.refresh = Duration::from_secs(61),
        ),
        (
            "gather of webhook deliveries is 2s: expected 0ns to 1s",
            |o| o.gather = Duration::from_secs(2),
        ),
        (
            "grace of webhook deliveries is 601s: expected 0ns to 600s",
            |o| o.grace = Duration::from_secs(601),
        ),
        (
            "send.deadline of webhook deliveries is 99ms: expected 100ms to 600s",
            |o| o.send.deadline = Duration::from_millis(99),
        ),
        (
            "origin of webhook deliveries is no value of a header: expected visible ASCII",
            |o| o.origin = Some("a\nb".into()),
        ),
        (
            "user_agent of webhook deliveries is no value of a header: expected visible ASCII",
            |o| o.user_agent = String::new(),
        ),
        ("concurrency of an endpoint is 0: expected 1 to 1000", |o| {
            o.endpoint.concurrency = 0;
        }),
        ("failures of an endpoint is 0: expected 1 or more", |o| {
            o.endpoint.circuit.failures = 0;
        }),
        (
            "disable_after of an endpoint is 31622401s: expected an hour to a year",
            |o| o.endpoint.disable_after = YEAR + Duration::from_secs(1),
        ),
    ];
    for (text, change) in bad {
        let mut options = world.options();
        change(&mut options);
        let started = Deliverer::start(
            world.store.clone(),
            sender(SenderOptions::default()),
            world.keys.clone(),
            world.told.clone(),
            options,
        );
        let error = started.err().unwrap_or_else(|| panic!("{text}"));
        assert_eq!((error.kind(), error.message()), (ErrorKind::Config, text));
    }
    DeliverOptions::default().check().unwrap();
}
