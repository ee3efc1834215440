//! Refusals: for each reason the same JSON on every transport, and no handler that ran.

use std::sync::Arc;

use polywire_contract::{Name, Offer, Requirement, Retry, Why, negotiate};
use polywire_core::{Dispatched, ErrorKind, Kind, Service, Versions};
use serde_json::Value;

use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::sample::interaction::{ADDED, ECHO, NOTE};
use crate::sample::{CONTRACT, Edition, Note, Sample};
use crate::stage::{Stage, bare, subscription};

cases! { "negotiation":
    another_major_is_refused needs [Call];
    below_the_floor_is_refused needs [Call];
    above_the_range_is_refused needs [Call];
    a_prerelease_is_refused needs [Call];
    a_withdrawn_version_is_refused needs [Call];
    a_missing_operation_is_refused needs [Call];
    two_contracts_under_one_version_are_refused needs [Call];
    every_reason_at_once_is_refused needs [Call];
    a_subscription_that_nothing_fits_is_refused needs [Events];
    a_command_for_a_later_version_waits_or_is_refused needs [Send];
}

fn required(ranges: &str) -> Checked<Requirement> {
    Ok(Requirement::parse_list(CONTRACT, ranges)?)
}

/// The refusal as JSON without what two providers may differ in.
fn comparable(mut json: Value) -> Value {
    if let Some(members) = json.as_object_mut() {
        members.remove("instance");
        members.remove("title");
    }
    json
}

fn expected(requirement: &Requirement, operation: Name, offer: &Offer) -> Checked<(Value, Retry)> {
    match negotiate(&requirement.clone().using(operation), offer) {
        Ok(agreement) => Err(Failure::new(format!(
            "the suite expects a refusal and would agree on {}",
            agreement.version
        ))),
        Err(no_match) => Ok((comparable(serde_json::to_value(&no_match)?), no_match.retry)),
    }
}

/// Calls with a requirement that cannot be met, and checks that the refusal is the one that the pure function gives.
async fn refused(
    stage: &Stage,
    versions: Versions,
    requirement: Requirement,
    operation: Name,
    reasons: &[Why],
) -> Checked {
    let probe = stage.probe();
    let service = Service::new(versions)?.with_instance("replica-1");
    let served = stage.serve_on(stage.provider(), service, probe).await?;
    let (json, retry) = expected(&requirement, operation.clone(), served.service.offer())?;
    let mut message = bare(Kind::Operation, operation, "*", r#"{"text":"no"}"#)?;
    message.head.requirement = Some(requirement);
    let consumer = stage.consumer();
    let called = stage.within("a refusal", consumer.call(message)).await?;
    let error = error_of("a call that nothing fits", called)?;
    let no_match = error
        .no_match()
        .ok_or_else(|| Failure::new(format!("no refusal comes with the error: {error:?}")))?;
    let found: Vec<Why> = no_match.offered.iter().map(|refused| refused.why).collect();
    check_eq!(found, reasons, "the reasons ({error})");
    check_eq!(
        comparable(serde_json::to_value(no_match)?),
        json,
        "the refusal as JSON"
    );
    let kind = if reasons.contains(&Why::Integrity) {
        ErrorKind::Integrity
    } else {
        ErrorKind::NoMatch
    };
    check_eq!(error.kind(), kind, "{error}");
    check_eq!(error.retry(), retry, "{error:?}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    check_eq!(error.message(), no_match.to_string(), "the message");
    Ok(())
}

/// The versions, each with handlers that must not run: [`silent`] checks that.
async fn refused_by(
    stage: &Stage,
    editions: &[Edition],
    ranges: &str,
    operation: Name,
    reasons: &[Why],
) -> Checked {
    let probe = stage.probe();
    let mut versions = Versions::new();
    for edition in editions {
        versions = versions.serve(Sample::new(*edition, &probe)?);
    }
    refused(stage, versions, required(ranges)?, operation, reasons).await?;
    check_eq!(probe.log().entered.len(), 0, "handlers that ran");
    Ok(())
}

/// 1.4.0 and 1.5.0 do not satisfy ^2, and no handler runs.
async fn another_major_is_refused(stage: Arc<Stage>) -> Checked {
    let editions = [Edition::V1_4, Edition::V1_5];
    refused_by(&stage, &editions, "^2", ECHO, &[Why::Major, Why::Major]).await
}

/// 1.4.0 does not satisfy ^1.9: it is too old, and another replica may be newer.
async fn below_the_floor_is_refused(stage: Arc<Stage>) -> Checked {
    refused_by(&stage, &[Edition::V1_4], "^1.9", ECHO, &[Why::BelowFloor]).await
}

/// 1.5.0 does not satisfy ~1.2: it is too new.
async fn above_the_range_is_refused(stage: Arc<Stage>) -> Checked {
    refused_by(&stage, &[Edition::V1_5], "~1.2", ECHO, &[Why::AboveRange]).await
}

/// 2.0.0-rc.1 does not satisfy ^2: no range names a pre-release.
async fn a_prerelease_is_refused(stage: Arc<Stage>) -> Checked {
    // The range is open downwards in 2.x, so that only the pre-release keeps it out.
    refused_by(&stage, &[Edition::V2Rc], "^2", ECHO, &[expected_for_rc()?]).await
}

/// Whether a pre-release of the floor itself is too old or not named is for the pure function to say.
fn expected_for_rc() -> Checked<Why> {
    let offered = Edition::V2Rc.contract()?.offered();
    let offer = Offer::new(CONTRACT, vec![offered])?;
    match negotiate(&required("^2")?, &offer) {
        Ok(_) => Err(Failure::new("^2 takes 2.0.0-rc.1")),
        Err(no_match) => no_match
            .offered
            .first()
            .map(|refused| refused.why)
            .ok_or_else(|| Failure::new("no reason")),
    }
}

/// A version that was withdrawn is refused as such, although it would fit.
async fn a_withdrawn_version_is_refused(stage: Arc<Stage>) -> Checked {
    let probe = stage.probe();
    let versions = Versions::new()
        .serve(Sample::new(Edition::V2, &probe)?)
        .withdrawn(&Edition::V1_4.contract()?);
    let reasons = [Why::Withdrawn, Why::Major];
    refused(&stage, versions, required("^1.2")?, ECHO, &reasons).await?;
    check_eq!(probe.log().entered.len(), 0, "handlers that ran");
    Ok(())
}

/// 1.4.0 satisfies ^1.2 and has no `added`: the refusal names the operation.
async fn a_missing_operation_is_refused(stage: Arc<Stage>) -> Checked {
    let reasons = [Why::MissingOperation];
    refused_by(&stage, &[Edition::V1_4], "^1.2", ADDED, &reasons).await
}

/// Two builds that call themselves 1.4.0 with different contracts do not talk: an `Integrity` error, not data.
async fn two_contracts_under_one_version_are_refused(stage: Arc<Stage>) -> Checked {
    let probe = stage.probe();
    let own = Edition::V1_4.contract()?;
    let requirement = required("^1.4")?.with_known(own.version().clone(), own.digest());
    let versions = Versions::new().serve(Sample::new(Edition::Forged1_4, &probe)?);
    refused(&stage, versions, requirement, ECHO, &[Why::Integrity]).await?;
    check_eq!(probe.log().entered.len(), 0, "handlers that ran");
    Ok(())
}

/// Every offered version is listed with its own reason, in ascending order.
async fn every_reason_at_once_is_refused(stage: Arc<Stage>) -> Checked {
    let editions = [Edition::V2, Edition::V1_4, Edition::V0_3, Edition::V1_2];
    let reasons = [Why::Major, Why::BelowFloor, Why::BelowFloor, Why::Major];
    refused_by(&stage, &editions, "^1.5", ECHO, &reasons).await
}

/// Who subscribes for ^2 where 1.4.0 is offered is told at once, with the same JSON.
async fn a_subscription_that_nothing_fits_is_refused(stage: Arc<Stage>) -> Checked {
    use crate::sample::interaction::HAPPENED;

    let served = stage.serve(&[Edition::V1_4]).await?;
    let requirement = required("^2")?;
    let (json, _) = expected(&requirement, HAPPENED, served.service.offer())?;
    let subscription = subscription("^2", Some("billing"), 1)?;
    let consumer = stage.consumer();
    let joined = stage
        .within("a refusal", consumer.subscribe(subscription))
        .await?;
    let error = error_of("a subscription that nothing fits", joined)?;
    check_eq!(error.kind(), ErrorKind::NoMatch, "{error}");
    let no_match = error
        .no_match()
        .ok_or_else(|| Failure::new(format!("no refusal comes with the error: {error:?}")))?;
    check_eq!(
        comparable(serde_json::to_value(no_match)?),
        json,
        "the refusal as JSON"
    );
    Ok(())
}

/// A command that requires 1.5 where 1.4.0 is served never runs there. Either its sender is told, or it waits until a
/// 1.5 is served.
async fn a_command_for_a_later_version_waits_or_is_refused(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_5)?;
    let first = Note::done(1);
    let sent = session.command(NOTE, &first);
    let waits = match stage.within("an answer", sent).await? {
        Ok(_) => true,
        Err(error) => {
            check_eq!(error.kind(), ErrorKind::NoMatch, "{error}");
            check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
            check!(error.no_match().is_some(), "no refusal: {error:?}");
            false
        }
    };
    // A command that fits is handled after anything the other one could have started.
    let older = stage.session(Edition::V1_4)?;
    older.command(NOTE, &Note::done(2)).await?;
    served
        .probe
        .until("the command that fits", |log| log.finished == 1)
        .await?;
    let later = stage.serve(&[Edition::V1_4, Edition::V1_5]).await?;
    session.command(NOTE, &Note::done(3)).await?;
    let handled = if waits { 2 } else { 1 };
    later
        .probe
        .until("the commands for 1.5", |log| log.finished == handled)
        .await?;
    check_eq!(served.probe.count(&NOTE), 1, "handlers of 1.4.0 that ran");
    for entry in later.probe.log().of(&NOTE) {
        check_eq!(entry.edition, Edition::V1_5, "who handled it");
    }
    Ok(())
}
