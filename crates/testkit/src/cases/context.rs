//! What travels with a message beside its payload: who caused it, who asks, which request it is.

use std::sync::Arc;

use polywire_core::{
    Authenticator, CallOptions, Caller, Dispatched, Error, ErrorKind, Head, MessageId, Result,
    Shelf, Subscriber, Token, TraceContext,
};
use serde_json::{Map, Value};

use super::echo;
use super::events::received;
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::sample::interaction::{ECHO, HAPPENED, INSPECT, NOTE};
use crate::sample::{Edition, Happened1, Happening, Note, Nothing, SampleError, Seen};
use crate::stage::{Served, Stage};

cases! { "context":
    everything_arrives_with_a_call needs [Call];
    everything_arrives_with_a_command needs [Send];
    everything_arrives_with_an_event needs [Events];
    a_call_without_options_has_a_trace_and_an_id needs [Call];
    a_good_token_proves_the_caller needs [Call];
    a_call_with_a_wrong_token_runs_nothing needs [Call];
    a_command_with_a_wrong_token_runs_nothing needs [Send];
    a_subscription_with_a_wrong_token_is_refused needs [Events];
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STATE: &str = "vendor=a:1,other=b";
const GOOD: &str = "eyJ0b2tlbiI6Imdvb2QifQ.payload.signature-of-the-good";

fn options() -> Checked<CallOptions> {
    let trace = TRACE.parse::<TraceContext>()?.with_state(STATE);
    Ok(CallOptions::new()
        .id(MessageId::parse("order 7/ø")?)
        .idempotency_key("charge-7/æ")
        .ordering_key("customer-7/å")
        .trace(trace)
        .metadata("tenant", "blå")?)
}

/// A child of [`TRACE`]: the same trace, another parent, the same flags and state.
fn check_trace(trace: Option<&TraceContext>) -> Checked {
    let trace = trace.ok_or_else(|| Failure::new("no trace arrived"))?;
    let sent: TraceContext = TRACE.parse()?;
    check_eq!(trace.trace_id(), sent.trace_id(), "the trace id");
    check!(
        trace.parent_id() != sent.parent_id(),
        "the message is no span of its own"
    );
    check!(trace.is_sampled(), "the flags were lost");
    check_eq!(trace.state(), Some(STATE), "the trace state");
    Ok(())
}

fn check_head(head: &Head) -> Checked {
    check_trace(head.trace.as_ref())?;
    check_eq!(head.id.to_string(), "order 7/ø", "the id");
    check_eq!(
        head.idempotency_key.as_deref(),
        Some("charge-7/æ"),
        "the idempotency key"
    );
    check_eq!(
        head.ordering_key.as_deref(),
        Some("customer-7/å"),
        "the ordering key"
    );
    check_eq!(head.metadata.get("tenant"), Some("blå"), "the metadata");
    check_eq!(head.metadata.len(), 1, "how many entries of metadata");
    Ok(())
}

/// Id, trace, idempotency key, ordering key and metadata reach the handler of a call.
async fn everything_arrives_with_a_call(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?.with(options()?);
    let seen: Seen = session
        .request::<_, _, SampleError>(INSPECT, &Nothing {})
        .await?;
    check_eq!(seen.attempt, 1, "the attempt");
    check_eq!(seen.version, "1.4.0", "the version");
    let log = served.probe.log();
    let entry = log
        .of(&INSPECT)
        .next()
        .ok_or_else(|| Failure::new("no handler ran"))?;
    check_head(entry.cx.head())?;
    check!(
        entry.cx.head().idempotent,
        "the contract declares it idempotent"
    );
    Ok(())
}

/// The same reach the handler of a command.
async fn everything_arrives_with_a_command(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?.with(options()?);
    let receipt = session.command(NOTE, &Note::done(1)).await?;
    check_eq!(receipt.id.to_string(), "order 7/ø", "the receipt's id");
    served
        .probe
        .until("the command", |log| log.finished == 1)
        .await?;
    let log = served.probe.log();
    let entry = log
        .of(&NOTE)
        .next()
        .ok_or_else(|| Failure::new("no handler ran"))?;
    check_head(entry.cx.head())
}

/// The same reach a subscriber, with the stamp of the publisher.
async fn everything_arrives_with_an_event(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    let publisher = served.publisher(Edition::V1_4)?.with(options()?);
    let body = polywire_core::codec::encode(&Happening::number(1))?;
    let receipt = publisher.publish_bytes(HAPPENED, body).await?;
    check_eq!(receipt.id.to_string(), "order 7/ø", "the receipt's id");
    let delivery = stage.next(&mut deliveries).await?;
    check_head(&delivery.head)?;
    check_eq!(delivery.head.attempt, 1, "the attempt");
    delivery.ack().await?;
    Ok(())
}

/// Nobody has to say anything: a message has an id of its own and starts a trace.
async fn a_call_without_options_has_a_trace_and_an_id(stage: Arc<Stage>) -> Checked {
    stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let seen: Seen = session
            .request::<_, _, SampleError>(INSPECT, &Nothing {})
            .await?;
        check!(seen.trace.is_some(), "no trace");
        check_eq!(seen.idempotency_key, None, "the idempotency key");
        check_eq!(seen.ordering_key, None, "the ordering key");
        check_eq!(seen.subject, None, "the caller");
        check!(
            !ids.contains(&seen.id),
            "two messages with the id {}",
            seen.id
        );
        ids.push(seen.id);
    }
    Ok(())
}

/// Lets in who brings the one good token.
#[derive(Debug)]
struct Door;

impl Authenticator for Door {
    fn authenticate(&self, token: Option<&Token>, _: &Head) -> Result<Caller> {
        match token {
            Some(token) if token.expose() == GOOD => {
                let subject = Value::String("storefront".to_owned());
                Ok(Caller::verified(Map::from_iter([(
                    "sub".to_owned(),
                    subject,
                )])))
            }
            Some(_) => Err(Error::new(
                ErrorKind::Unauthenticated,
                "the token is not the good one",
            )),
            None => Err(Error::new(
                ErrorKind::Unauthenticated,
                "no token: send the good one",
            )),
        }
    }
}

async fn serve_behind_a_door(stage: &Stage) -> Checked<Served> {
    let probe = stage.probe();
    let service = stage
        .service(&[Edition::V1_4], &probe)?
        .with_authenticator(Arc::new(Door));
    stage.serve_on(stage.provider(), service, probe).await
}

/// The token reaches the authenticator, and the handler is told who asks.
async fn a_good_token_proves_the_caller(stage: Arc<Stage>) -> Checked {
    serve_behind_a_door(&stage).await?;
    let options = CallOptions::new().token(Token::new(GOOD));
    let session = stage.session(Edition::V1_4)?.with(options);
    let seen: Seen = session
        .request::<_, _, SampleError>(INSPECT, &Nothing {})
        .await?;
    check_eq!(seen.subject.as_deref(), Some("storefront"), "the caller");
    Ok(())
}

/// A wrong token and none are refused before the handler, and the answer does not repeat the token.
async fn a_call_with_a_wrong_token_runs_nothing(stage: Arc<Stage>) -> Checked {
    let served = serve_behind_a_door(&stage).await?;
    let session = stage.session(Edition::V1_4)?;
    let wrong = CallOptions::new().token(Token::new("wrong-and-secret"));
    let attempts = [
        (session.with(wrong), "the token is not the good one"),
        (session.clone(), "no token: send the good one"),
    ];
    for (session, message) in attempts {
        let called = session.call(ECHO, r#"{"text":"in"}"#.into()).await;
        let error = error_of("a call without the good token", called)?;
        check_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        check_eq!(error.message(), message, "the message");
        check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
        check!(
            !format!("{error:?}").contains("secret"),
            "the token is in the error: {error:?}"
        );
    }
    check_eq!(served.probe.log().entered.len(), 0, "handlers that ran");
    let good = CallOptions::new().token(Token::new(GOOD));
    echo(&session.with(good), "after", 1).await?;
    Ok(())
}

/// A command with a wrong token is refused, or set aside with the reason. Its handler never runs.
async fn a_command_with_a_wrong_token_runs_nothing(stage: Arc<Stage>) -> Checked {
    let served = serve_behind_a_door(&stage).await?;
    let session = stage.session(Edition::V1_4)?;
    let wrong = CallOptions::new().token(Token::new("wrong-and-secret"));
    let sent = session.with(wrong).command(NOTE, &Note::done(1)).await;
    match sent {
        Err(error) => {
            check_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
            check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
        }
        Ok(receipt) => {
            let letters = stage.shelved(Shelf::Dead, 1).await?;
            check_eq!(letters[0].head.id, receipt.id, "the id");
            check!(
                letters[0].reason.contains("the token is not the good one"),
                "another reason: {:?}",
                letters[0].reason
            );
        }
    }
    let good = CallOptions::new().token(Token::new(GOOD));
    session.with(good).command(NOTE, &Note::done(2)).await?;
    served
        .probe
        .until("the good command", |log| log.finished == 1)
        .await?;
    check_eq!(served.probe.count(&NOTE), 1, "handlers that ran");
    let log = served.probe.log();
    let subject = log
        .of(&NOTE)
        .next()
        .and_then(|entry| entry.cx.caller().subject());
    check_eq!(subject, Some("storefront"), "the caller");
    Ok(())
}

/// Where the provider is asked, who subscribes with a wrong token gets nothing; with the good one, the events.
async fn a_subscription_with_a_wrong_token_is_refused(stage: Arc<Stage>) -> Checked {
    let served = serve_behind_a_door(&stage).await?;
    let session = stage.session(Edition::V1_4)?;
    let wrong = CallOptions::new().token(Token::new("wrong-and-secret"));
    let spying = session.with(wrong);
    let joined = spying.subscribe::<Happening>(HAPPENED, "spies").await;
    let error = error_of("a subscription with a wrong token", joined)?;
    check_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    check!(
        !format!("{error:?}").contains("secret"),
        "the token is in the error: {error:?}"
    );
    let good = session.with(CallOptions::new().token(Token::new(GOOD)));
    let mut events: Subscriber<Happening> = good.subscribe(HAPPENED, "billing").await?;
    let publisher = served.publisher(Edition::V1_4)?;
    publisher
        .publish::<Happened1>(&Happening::number(1))
        .await?;
    check_eq!(received(&stage, &mut events).await?.number, 1, "the event");
    Ok(())
}
