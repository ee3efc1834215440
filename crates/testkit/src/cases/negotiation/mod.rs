//! Which version is spoken, and how that is stated and checked.

pub(super) mod refusals;

use std::sync::Arc;

use polywire_contract::{Status, Version};
use polywire_core::{CallError, Change, Deprecation, ErrorKind, Service, Session, Versions};

use super::echo;
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::lie::Lie;
use crate::sample::interaction::{ADDED, ECHO};
use crate::sample::{CONTRACT, Echo, Echo2, Echoed, Echoed2, Edition, Sample, SampleError};
use crate::stage::Stage;
use crate::twist::twist;

cases! { "negotiation":
    several_majors_are_served_at_once needs [Call];
    the_first_range_is_preferred needs [Call];
    a_zero_minor_is_a_track_of_its_own needs [Call];
    a_prerelease_is_spoken_by_who_names_it needs [Call];
    the_reply_is_stamped needs [Call];
    a_deprecated_version_says_so needs [Call];
    fields_of_a_later_version_are_ignored needs [Call];
    a_lie_about_the_version_is_integrity needs [Call];
    one_version_is_one_contract needs [Call];
    an_operation_newer_than_the_provider_is_refused needs [Call];
    serving_again_replaces_without_a_gap needs [Call];
    the_offer_can_be_asked needs [Discover];
}

const ALL: [Edition; 4] = [Edition::V1_2, Edition::V1_4, Edition::V1_5, Edition::V2];

async fn spoken(session: &Session) -> Checked<String> {
    Ok(echo(session, "which", 0).await?.by)
}

async fn spoken_by_second(session: &Session) -> Checked<String> {
    let request = Echo2 {
        message: "which".to_owned(),
    };
    let echoed: Echoed2 = session.request::<_, _, SampleError>(ECHO, &request).await?;
    Ok(echoed.by)
}

/// Each consumer is answered by the highest version that it requires, 1.x and 2.x beside each other.
async fn several_majors_are_served_at_once(stage: Arc<Stage>) -> Checked {
    stage.serve(&ALL).await?;
    let by = spoken(&stage.requiring(Edition::V1_2, "^1.2")?).await?;
    check_eq!(by, "1.5.0", "who answers ^1.2");
    let by = spoken(&stage.requiring(Edition::V1_2, ">=1.2, <1.5")?).await?;
    check_eq!(by, "1.4.0", "who answers >=1.2, <1.5");
    let by = spoken(&stage.requiring(Edition::V1_2, "=1.2.0")?).await?;
    check_eq!(by, "1.2.0", "who answers =1.2.0");
    let by = spoken_by_second(&stage.session(Edition::V2)?).await?;
    check_eq!(by, "2.0.0", "who answers ^2.0.0");
    Ok(())
}

/// A consumer of two majors gets the one that it names first, and the other one when the first is not there.
async fn the_first_range_is_preferred(stage: Arc<Stage>) -> Checked {
    stage.serve(&ALL).await?;
    let by = spoken(&stage.requiring(Edition::V1_5, "^1.2; ^2")?).await?;
    check_eq!(by, "1.5.0", "who answers ^1.2 before ^2");
    let both = stage.requiring(Edition::V2, "^2; ^1.2")?;
    let by = spoken_by_second(&both).await?;
    check_eq!(by, "2.0.0", "who answers ^2 before ^1.2");
    stage.serve(&[Edition::V1_4]).await?;
    let by = spoken(&both).await?;
    check_eq!(by, "1.4.0", "who answers once 2.0.0 is gone");
    Ok(())
}

/// While the major is 0, a minor is what a major is later: ^0.3 is never answered by 0.4.
async fn a_zero_minor_is_a_track_of_its_own(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V0_3, Edition::V0_4]).await?;
    let by = spoken(&stage.requiring(Edition::V0_3, "^0.3")?).await?;
    check_eq!(by, "0.3.1", "who answers ^0.3");
    let by = spoken(&stage.requiring(Edition::V0_4, "^0.4")?).await?;
    check_eq!(by, "0.4.0", "who answers ^0.4");
    Ok(())
}

/// A pre-release answers those whose range names it, and nobody else.
async fn a_prerelease_is_spoken_by_who_names_it(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4, Edition::V2Rc]).await?;
    let by = spoken_by_second(&stage.requiring(Edition::V2Rc, "^2.0.0-rc.1")?).await?;
    check_eq!(by, "2.0.0-rc.1", "who answers ^2.0.0-rc.1");
    let by = spoken(&stage.requiring(Edition::V1_4, ">=1.4")?).await?;
    check_eq!(by, "1.4.0", "who answers >=1.4");
    Ok(())
}

/// Every reply says which version was spoken, by which instance, and what else it offers.
async fn the_reply_is_stamped(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V2, Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    check!(
        session.agreement().is_none(),
        "agreed before the first call"
    );
    spoken(&session).await?;
    let stamp = session
        .agreement()
        .ok_or_else(|| Failure::new("no agreement after a reply"))?;
    check_eq!(stamp.contract, CONTRACT, "the contract");
    check_eq!(stamp.version, Version::new(1, 4, 0), "the version");
    check_eq!(stamp.status, Status::Current, "the status");
    let offered = [Version::new(1, 4, 0), Version::new(2, 0, 0)];
    check_eq!(stamp.offered[..], offered, "the offer");
    check_eq!(stamp.instance.as_deref(), Some("replica-1"), "the instance");
    let digest = Edition::V1_4.contract()?.digest();
    check_eq!(stamp.digest, Some(digest), "the digest");
    Ok(())
}

/// A deprecated version still answers, with since when, until when and where to read on; the session tells of it once.
async fn a_deprecated_version_says_so(stage: Arc<Stage>) -> Checked {
    let probe = stage.probe();
    let deprecation = Deprecation {
        since: Some("2026-01-31T00:00:00Z".to_owned()),
        sunset: Some("2027-06-30T23:59:59Z".to_owned()),
        link: Some("https://example.com/conformance/2".to_owned()),
    };
    let versions = Versions::new()
        .serve_deprecated(Sample::new(Edition::V1_4, &probe)?, deprecation.clone())
        .serve(Sample::new(Edition::V2, &probe)?);
    stage
        .serve_on(stage.provider(), Service::new(versions)?, probe)
        .await?;
    let session = stage.session(Edition::V1_4)?;
    let mut changes = session.changes();
    spoken(&session).await?;
    spoken(&session).await?;
    let stamp = session
        .agreement()
        .ok_or_else(|| Failure::new("no agreement after a reply"))?;
    check_eq!(stamp.status, Status::Deprecated, "the status");
    let found = Deprecation {
        since: stamp.since.clone(),
        sunset: stamp.sunset.clone(),
        link: stamp.link.clone(),
    };
    check_eq!(found, deprecation, "the deprecation");
    let told = Change::Deprecated {
        version: Version::new(1, 4, 0),
        sunset: deprecation.sunset,
    };
    check_eq!(changes.try_recv().ok(), Some(told), "the change");
    check!(changes.try_recv().is_err(), "it was told twice");
    Ok(())
}

/// A consumer built from 1.2.0 reads a reply of 1.5.0, which has a field more.
async fn fields_of_a_later_version_are_ignored(stage: Arc<Stage>) -> Checked {
    #[derive(serde::Deserialize)]
    struct Before {
        text: String,
        by: String,
    }
    stage.serve(&[Edition::V1_5]).await?;
    let session = stage.requiring(Edition::V1_2, "^1.2")?;
    let request = Echo {
        text: "old".to_owned(),
        number: 1,
    };
    let before: Before = session.request::<_, _, SampleError>(ECHO, &request).await?;
    check_eq!(
        (before.text.as_str(), before.by.as_str()),
        ("old", "1.5.0"),
        "the reply"
    );
    Ok(())
}

/// A reply that is stamped with what was not agreed is an `Integrity` error and never data; the error names both sides.
async fn a_lie_about_the_version_is_integrity(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let own = Edition::V1_4.contract()?.digest();
    let other = Edition::V1_5.contract()?.digest();
    let lies = [
        (
            Lie::Version(Version::new(2, 0, 0)),
            "answered as conformance 2.0.0, which conformance ^1.4.0 does not allow".to_owned(),
        ),
        (
            Lie::Version(Version::new(1, 3, 9)),
            "answered as conformance 1.3.9, which conformance ^1.4.0 does not allow".to_owned(),
        ),
        (
            Lie::Contract(const { polywire_contract::Name::from_static("orders") }),
            "answered as orders 1.4.0, which conformance ^1.4.0 does not allow".to_owned(),
        ),
        (
            Lie::Digest(other),
            format!(
                "conformance 1.4.0 means two contracts: the far side's is {other}, ours {own}; give the changed one a new version"
            ),
        ),
    ];
    for (lie, message) in lies {
        let session = stage.session_on(twist(stage.consumer(), lie), Edition::V1_4, "^1.4.0")?;
        let called = session.call(ECHO, r#"{"text":"lie"}"#.into()).await;
        let error = error_of("a call that is lied to", called)?;
        check_eq!(error.kind(), ErrorKind::Integrity, "{error}");
        check_eq!(error.message(), message, "the message");
        check!(session.agreement().is_none(), "a lie was agreed on");
    }
    Ok(())
}

/// A provider with another contract under the consumer's version number is refused, on a real session.
async fn one_version_is_one_contract(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::Forged1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    match echo(&session, "who", 0).await {
        Err(CallError::Wire(error)) => check_eq!(error.kind(), ErrorKind::Integrity, "{error}"),
        other => return Err(Failure::new(format!("it was answered with {other:?}"))),
    }
    check_eq!(served.probe.count(&ECHO), 0, "handlers that ran");
    Ok(())
}

/// An operation that came with 1.5.0 is refused by name where 1.4.0 answers, the second time without asking, and
/// answered once 1.5.0 is there.
async fn an_operation_newer_than_the_provider_is_refused(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.requiring(Edition::V1_5, "^1.2")?;
    check_eq!(spoken(&session).await?, "1.4.0", "who answers");
    check_eq!(session.supports("added"), Some(false), "what is supported");
    for _ in 0..2 {
        let called = session.call(ADDED, r#"{"text":"new"}"#.into()).await;
        let error = error_of("a call of an operation that is not there", called)?;
        check_eq!(error.kind(), ErrorKind::NoMatch, "{error}");
        check!(error.message().contains("added"), "not named: {error}");
    }
    check_eq!(served.probe.count(&ADDED), 0, "handlers that ran");
    stage.serve(&[Edition::V1_5]).await?;
    spoken(&session).await?;
    check_eq!(session.supports("added"), Some(true), "what is supported");
    let request = Echo::default();
    let echoed: Echoed = session
        .request::<_, _, SampleError>(ADDED, &request)
        .await?;
    check_eq!(echoed.by, "1.5.0", "who answers it");
    Ok(())
}

/// While calls run, a newer service takes the place of the old one: no call fails, and the session tells of the upgrade.
async fn serving_again_replaces_without_a_gap(stage: Arc<Stage>) -> Checked {
    let first = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let mut changes = session.changes();
    let callers = (0..4).map(|_| {
        let session = session.clone();
        tokio::spawn(async move {
            // Each goes on until it has seen the newer one for a while.
            let mut newer = 0;
            while newer < 20 {
                tokio::task::yield_now().await;
                if spoken(&session).await? == "1.5.0" {
                    newer += 1;
                }
            }
            Ok::<_, Failure>(())
        })
    });
    let callers: Vec<_> = callers.collect();
    first
        .probe
        .until("some calls", |log| log.finished >= 20)
        .await?;
    stage.serve(&[Edition::V1_5]).await?;
    for caller in callers {
        stage.within("the last call", caller).await???;
    }
    let told = stage.within("the change", changes.recv()).await??;
    let (from, to) = (Version::new(1, 4, 0), Version::new(1, 5, 0));
    check_eq!(told, Change::Upgraded { from, to }, "the change");
    Ok(())
}

/// Asked, the far side tells every version with digest, status, dates and interactions.
async fn the_offer_can_be_asked(stage: Arc<Stage>) -> Checked {
    let probe = stage.probe();
    let deprecation = Deprecation {
        sunset: Some("2027-06-30T23:59:59Z".to_owned()),
        ..Deprecation::default()
    };
    let versions = Versions::new()
        .serve(Sample::new(Edition::V2, &probe)?)
        .serve_deprecated(Sample::new(Edition::V1_4, &probe)?, deprecation)
        .withdrawn(&Edition::V0_3.contract()?);
    let service = Service::new(versions)?.with_instance("replica-1");
    let served = stage.serve_on(stage.provider(), service, probe).await?;
    let consumer = stage.consumer();
    let asked = async { consumer.discover(&CONTRACT).await };
    let offer = stage.within("an offer", asked).await??;
    check_eq!(offer, **served.service.offer(), "the offer");
    Ok(())
}
