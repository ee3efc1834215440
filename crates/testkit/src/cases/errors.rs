//! Errors, the application's and the communication's.

use std::sync::Arc;

use bytes::Bytes;
use polywire_contract::{Name, Why};
use polywire_core::{CallError, ContentType, Dispatched, ErrorKind, Kind, Outcome, codec};

use super::echo;
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::sample::interaction::{ECHO, FAIL, NOTE};
use crate::sample::{Edition, Fail, Nothing, SampleError};
use crate::stage::{Stage, bare};

cases! { "errors":
    a_typed_error_comes_back_typed needs [Call];
    a_typed_error_says_whether_to_retry needs [Call];
    a_code_of_a_later_version_is_still_typed needs [Call];
    an_unknown_operation_is_no_match needs [Call];
    a_command_is_not_called needs [Call];
    a_foreign_content_type_is_refused needs [Call];
    a_payload_that_does_not_decode_is_named needs [Call];
    an_unknown_contract_runs_nothing needs [Call];
}

fn fail(code: &str) -> Fail {
    Fail {
        code: code.to_owned(),
    }
}

async fn app_error(stage: &Stage, code: &str) -> Checked<SampleError> {
    let session = stage.session(Edition::V1_4)?;
    let failed = session
        .request::<_, Nothing, SampleError>(FAIL, &fail(code))
        .await;
    match failed {
        Err(CallError::App(error)) => Ok(error),
        Err(CallError::Wire(error)) => Err(error.into()),
        Ok(_) => Err(Failure::new("a handler that fails was answered")),
    }
}

/// The handler's error arrives as the same value of the same type.
async fn a_typed_error_comes_back_typed(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let expected = SampleError::NotFound {
        what: "unicorn 🦄".to_owned(),
    };
    check_eq!(
        app_error(&stage, "unicorn 🦄").await?,
        expected,
        "the typed error"
    );
    check_eq!(
        app_error(&stage, "busy").await?,
        SampleError::Busy { wait_ms: 250 },
        "the other typed error"
    );
    Ok(())
}

/// A reply with a typed error carries its code, whether a retry helps, and the stamp, beside the error itself.
async fn a_typed_error_says_whether_to_retry(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    for (code, expected, retryable) in [("busy", "busy", true), ("unicorn", "not_found", false)] {
        let reply = session.call(FAIL, codec::encode(&fail(code))?).await?;
        let outcome = Outcome::Failed {
            code: Name::try_from(expected)?,
            retryable,
        };
        check_eq!(reply.outcome, outcome, "the outcome");
        check_eq!(
            reply.stamp.version,
            Edition::V1_4.version()?,
            "the version that is stamped on an error"
        );
    }
    Ok(())
}

/// An error code that came with a later minor version arrives as the fallback that the consumer's type has for it.
async fn a_code_of_a_later_version_is_still_typed(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    check_eq!(
        app_error(&stage, "brand_new").await?,
        SampleError::Unknown,
        "the typed error"
    );
    let session = stage.session(Edition::V1_4)?;
    let reply = session
        .call(FAIL, codec::encode(&fail("brand_new"))?)
        .await?;
    let code = const { Name::from_static("brand_new") };
    let retryable = false;
    check_eq!(
        reply.outcome,
        Outcome::Failed { code, retryable },
        "the outcome"
    );
    Ok(())
}

/// An operation that no version offered has is refused as such, by name, and nothing runs.
async fn an_unknown_operation_is_no_match(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let absent = const { Name::from_static("absent") };
    let message = bare(Kind::Operation, absent.clone(), "^1.4", "{}")?;
    let error = error_of("a call of nothing", stage.consumer().call(message).await)?;
    check_eq!(error.kind(), ErrorKind::NoMatch, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    let no_match = error
        .no_match()
        .ok_or_else(|| Failure::new("no refusal comes with the error"))?;
    check_eq!(no_match.operation, Some(absent), "the operation");
    let reasons: Vec<Why> = no_match.offered.iter().map(|refused| refused.why).collect();
    check_eq!(reasons, [Why::MissingOperation], "the reasons");
    check_eq!(served.probe.log().entered.len(), 0, "handlers that ran");
    Ok(())
}

/// What is declared as a command cannot be called as an operation.
async fn a_command_is_not_called(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let body = r#"{"number":1,"behaviour":{"do":"done"}}"#;
    let message = bare(Kind::Operation, NOTE, "^1.4", body)?;
    let error = error_of("a call of a command", stage.consumer().call(message).await)?;
    check_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    check_eq!(
        error.message(),
        "conformance.note is declared as command and was used as operation",
        "the message"
    );
    echo(&stage.session(Edition::V1_4)?, "after", 1).await?;
    check_eq!(served.probe.count(&NOTE), 0, "handlers that ran");
    Ok(())
}

/// A payload of another media type is refused before anything runs, and the answer names it and what is spoken.
async fn a_foreign_content_type_is_refused(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut message = bare(Kind::Operation, ECHO, "^1.4", "a;b")?;
    message.head.content_type = ContentType::parse("text/csv; charset=utf-8");
    let error = error_of("a call in CSV", stage.consumer().call(message).await)?;
    check_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    check_eq!(
        error.message(),
        "content type \"text/csv\" is not spoken here: send application/json",
        "the message"
    );
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    check_eq!(served.probe.count(&ECHO), 0, "handlers that ran");
    Ok(())
}

/// A payload that is no value of its type is the sender's fault, and the answer says what is wrong with it.
async fn a_payload_that_does_not_decode_is_named(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    for (body, wrong) in [
        ("{\"text\":7}", "payload of 10 bytes is not a Echo"),
        ("no JSON", "payload of 7 bytes is not a Echo"),
        ("", "payload of 0 bytes is not a Echo"),
    ] {
        let called = session
            .call(ECHO, Bytes::from_static(body.as_bytes()))
            .await;
        let error = error_of("a call with a broken payload", called)?;
        check_eq!(error.kind(), ErrorKind::InvalidPayload, "{error}");
        check!(
            error.message().starts_with(wrong),
            "the message does not say what is wrong: {error}"
        );
    }
    Ok(())
}

/// A contract that nobody serves is an error at once that says that nothing ran.
async fn an_unknown_contract_runs_nothing(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut message = bare(Kind::Operation, ECHO, "^1.4", "{}")?;
    let nowhere = const { Name::from_static("nowhere") };
    message.head.requirement = Some(polywire_contract::Requirement::parse_list(
        nowhere.clone(),
        "^1.4",
    )?);
    message.head.contract = nowhere;
    let consumer = stage.consumer();
    let called = stage.within("an answer", consumer.call(message)).await?;
    let error = error_of("a call of an unknown contract", called)?;
    let kinds = [
        ErrorKind::Unavailable,
        ErrorKind::Unroutable,
        ErrorKind::NoMatch,
    ];
    check!(kinds.contains(&error.kind()), "another kind: {error:?}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    check!(
        error.message().contains("nowhere"),
        "the message does not name the contract: {error}"
    );
    check_eq!(served.probe.log().entered.len(), 0, "handlers that ran");
    Ok(())
}
