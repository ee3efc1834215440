//! Deliveries that only show how another version would be taken.

use polywire_webhook::record::{DeliveryState, State};
use polywire_webhook::schedule::Standing;

use crate::sink::{Sink, status, with};
use crate::world::{World, shadow};

#[tokio::test]
async fn a_shadow_never_counts() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |seen| match seen.path.as_str() {
        "/410" => status(410),
        "/415" => status(415),
        "/429" => with(429, "retry-after", "60"),
        "/500" => status(500),
        _ => status(204),
    })
    .await;
    let deliverer = world.deliver();
    for path in ["410", "415", "429", "500"] {
        let id = world.subscribe(&format!("{}/{path}", sink.url)).await;
        // More than what opens a circuit.
        let ids = world
            .enqueue((0..20).map(|n| shadow(&id, &format!("s{n}"))).collect())
            .await;
        for delivery in ids {
            let dead = world.becomes(delivery, DeliveryState::Dead, 1).await;
            let reason = format!("status {path} to a shadow, which is not tried again");
            assert_eq!(dead.reason, Some(reason));
        }
        let found = world.get(&id).await;
        assert_eq!(
            (found.standing, found.terms.state),
            (Standing::default(), State::Active)
        );
    }
    let id = world.subscribe(&format!("{}/ok", sink.url)).await;
    let delivery = world.enqueue(vec![shadow(&id, "ok")]).await[0];
    world.becomes(delivery, DeliveryState::Done, 1).await;
    deliverer.drain().await;
    assert_eq!(world.told.codes(), [""; 0]);
    assert_eq!(sink.seen()[0].header("contract-shadow"), "true");
}
