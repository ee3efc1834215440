//! Endpoints that drip, flood, redirect, stay silent or cannot be trusted take nothing from the one next to them.

use std::time::{Duration, Instant};

use polywire_webhook::deliver::{DeliverOptions, SendLimits};
use polywire_webhook::record::SubscriptionId;
use polywire_webhook::schedule::{CircuitLimits, EndpointLimits, RetryPlan};

use crate::certificate::Certificate;
use crate::sink::{Sink, dripping, huge, status, with};
use crate::world::{Data, World, new};

/// How many deliveries are measured, one after the other, in one round.
const SAMPLES: usize = 200;
/// How many rounds are measured, of which the best counts: what else the machine does comes and goes, while what a
/// neighbour took it would take in every round.
const ROUNDS: usize = 3;
/// What neighbours may add in any case, because they share a small machine's processors with whoever measures. What is
/// looked for is far above it: an attempt that is waited for takes a whole [`DEADLINE`].
const FLOOR: Duration = Duration::from_millis(300);
/// How long an attempt may take.
const DEADLINE: Duration = Duration::from_secs(1);
/// How many deliveries wait for a neighbour that takes its time: far more than it can be asked in this test.
const MANY: usize = 1000;
/// And for one that fails at once, each of which is due again a second after it has failed: processors are what they share.
const FEW: usize = 20;

/// From a delivery's being kept until it has arrived: of a hundred, how long the second slowest takes.
async fn p99(world: &World, sink: &Sink, id: &SubscriptionId) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut took = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            let number = sink.count() + 1;
            let begun = Instant::now();
            world.one(id, &format!("evt-{number}")).await;
            sink.wait(number).await;
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        best = best.min(took[SAMPLES * 99 / 100 - 1]);
    }
    best
}

async fn neighbours_take_nothing(data: Data) {
    let world = World::real(data).await;
    let healthy = Sink::accepting().await;
    let elsewhere = healthy.url.clone();
    let bad = Sink::start(move |seen| {
        let elsewhere = elsewhere.clone();
        async move {
            match seen.path.as_str() {
                "/drips" => dripping(Duration::from_millis(50)),
                "/floods" => {
                    let mut reply = huge();
                    *reply.status_mut() = http::StatusCode::BAD_GATEWAY;
                    reply
                }
                "/redirects" => with(307, "location", &elsewhere),
                _ => std::future::pending().await,
            }
        }
    })
    .await;
    let untrusted = Sink::encrypted(Certificate::new().server, async |_| status(204)).await;
    // No circuit ever opens: what keeps them apart are their shares alone.
    let circuit = CircuitLimits {
        failures: u32::MAX,
        ..CircuitLimits::default()
    };
    let deliverer = world.deliver_with(DeliverOptions {
        endpoint: EndpointLimits {
            circuit,
            ..EndpointLimits::default()
        },
        retries: RetryPlan::new([Duration::from_secs(1); RetryPlan::MAX_STEPS], 50).unwrap(),
        send: SendLimits {
            deadline: DEADLINE,
            ..SendLimits::default()
        },
        ..world.options()
    });
    let id = world.subscribe(&healthy.url).await;
    let alone = p99(&world, &healthy, &id).await;

    let paths = ["/drips", "/silent", "/floods", "/redirects"];
    let urls = paths.map(|path| format!("{}{path}", bad.url));
    let backlogs = [MANY, MANY, FEW, FEW, FEW];
    let mut bad_ids = Vec::new();
    for (url, backlog) in urls.iter().chain([&untrusted.url]).zip(backlogs) {
        let id = world.subscribe(url).await;
        let of_one = (0..backlog).map(|number| new(&id, &format!("bad-{number}")));
        world.enqueue(of_one.collect()).await;
        bad_ids.push(id);
    }
    for path in paths {
        crate::world::eventually(path, async || (bad.ids(path).len() >= 16).then_some(())).await;
    }
    let before = paths.map(|path| bad.ids(path).len());
    let beside = p99(&world, &healthy, &id).await;
    let after = paths.map(|path| bad.ids(path).len());
    assert!(
        beside <= (alone * 2).max(alone + FLOOR),
        "{alone:?} alone and {beside:?} beside"
    );
    assert_eq!(
        healthy.count(),
        2 * ROUNDS * SAMPLES,
        "each once, and no redirect is followed"
    );
    for (index, path) in paths.iter().enumerate() {
        assert!(
            before[index] < after[index],
            "{path} was under way all the time"
        );
    }
    for id in bad_ids {
        assert!(world.get(&id).await.standing.failing_since.is_some());
    }
    deliverer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_endpoints_take_nothing_from_a_healthy_one_over_sqlite() {
    neighbours_take_nothing(Data::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_endpoints_take_nothing_from_a_healthy_one_over_postgres() {
    neighbours_take_nothing(Data::postgres().await).await;
}
