//! Events of several versions at once.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use polywire_contract::Version;
use polywire_core::{Head, Service, Subscriber, Versions, codec};

use super::super::UNICODE;
use super::received;
use crate::case::cases;
use crate::failure::{Checked, check, check_eq};
use crate::sample::interaction::HAPPENED;
use crate::sample::{Edition, Happened1, Happened2, Happening, Happening2, Probe, Sample};
use crate::stage::Stage;

cases! { "events":
    every_major_gets_its_own_rendering needs [Events];
    a_subscriber_of_two_majors_gets_each_event_once needs [Events];
    fields_of_a_later_version_are_ignored needs [Events];
}

fn both_majors(stage: &Stage) -> Checked<(Service, Probe)> {
    let probe = stage.probe();
    let versions = Versions::new()
        .serve(Sample::new(Edition::V1_5, &probe)?)
        .serve(Sample::new(Edition::V2, &probe)?)
        .adapt_event::<Happened2, Happened1>(|event: Happening2| Happening {
            number: event.number,
            publisher: 0,
            text: event.message,
        });
    let service = Service::new(versions)?.with_instance("replica-1");
    Ok((service, probe))
}

/// Published once at 2.0.0, an event reaches ^1 subscribers as a 1.x payload and ^2 subscribers as a 2.x one, under one id.
async fn every_major_gets_its_own_rendering(stage: Arc<Stage>) -> Checked {
    let (service, probe) = both_majors(&stage)?;
    let served = stage.serve_on(stage.provider(), service, probe).await?;
    let mut first = stage.subscribe("^1.2", Some("billing"), 8).await?;
    let mut second = stage.subscribe("^2", Some("billing"), 8).await?;
    let event = Happening2 {
        number: 7,
        message: UNICODE.to_owned(),
    };
    let publisher = served.publisher(Edition::V2)?;
    let receipt = publisher.publish::<Happened2>(&event).await?;
    let old = stage.next(&mut first).await?;
    let new = stage.next(&mut second).await?;
    check_eq!(
        codec::decode::<Happening>(&old.body)?.text,
        UNICODE,
        "the 1.x payload"
    );
    check_eq!(
        codec::decode::<Happening2>(&new.body)?,
        event,
        "the 2.x payload"
    );
    check_eq!(old.head.id, receipt.id, "the id of the 1.x event");
    check_eq!(new.head.id, receipt.id, "the id of the 2.x event");
    let version = |head: &Head| head.stamp.as_ref().map(|stamp| stamp.version.clone());
    check_eq!(
        version(&old.head),
        Some(Version::new(1, 5, 0)),
        "the 1.x stamp"
    );
    check_eq!(
        version(&new.head),
        Some(Version::new(2, 0, 0)),
        "the 2.x stamp"
    );
    old.ack().await?;
    new.ack().await?;
    Ok(())
}

/// A group that understands 2.x and 1.x gets what was published on both tracks once.
async fn a_subscriber_of_two_majors_gets_each_event_once(stage: Arc<Stage>) -> Checked {
    let (service, probe) = both_majors(&stage)?;
    let served = stage.serve_on(stage.provider(), service, probe).await?;
    let mut deliveries = stage.subscribe("^2; ^1.2", Some("billing"), 64).await?;
    let publisher = served.publisher(Edition::V2)?;
    let mut published = HashSet::new();
    for number in 0..20 {
        let event = Happening2 {
            number,
            message: String::new(),
        };
        published.insert(publisher.publish::<Happened2>(&event).await?.id);
    }
    while !published.is_empty() {
        let delivery = stage.next(&mut deliveries).await?;
        check!(
            published.remove(&delivery.head.id),
            "event {} came twice",
            delivery.head.id
        );
        delivery.ack().await?;
    }
    Ok(())
}

/// A subscriber reads events that have fields it does not know.
async fn fields_of_a_later_version_are_ignored(stage: Arc<Stage>) -> Checked {
    #[derive(Clone, serde::Deserialize)]
    struct Before {
        number: u64,
    }
    let served = stage.serve(&[Edition::V1_5]).await?;
    let session = stage.requiring(Edition::V1_2, "^1.2")?;
    let mut events: Subscriber<Before> = session.subscribe(HAPPENED, "billing").await?;
    let body = Bytes::from_static(br#"{"number":7,"later":{"deep":[1,2,3]}}"#);
    served
        .publisher(Edition::V1_5)?
        .publish_bytes(HAPPENED, body)
        .await?;
    let event = received(&stage, &mut events).await?;
    check_eq!(event.number, 7, "the event");
    Ok(())
}
