//! A provider of one version of the sample contract.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use polywire_contract::{Contract, ContractError};
use polywire_core::{Answer, Context, Error, ErrorKind, Outcome, Provider, Result, answer, codec};

use super::contract::Edition;
use super::payload::{
    Behaviour, Echo, Echo2, Echoed, Echoed2, EchoedBefore, Fail, Filler, LaterError, Meet, Note,
    Nothing, SampleError, Seen, Size,
};
use super::probe::Probe;

/// A provider of one version of the sample contract, written by hand.
#[derive(Debug)]
pub struct Sample {
    edition: Edition,
    contract: Arc<Contract>,
    probe: Probe,
}

impl Sample {
    /// A provider of that version which tells the probe what it does.
    ///
    /// # Errors
    /// As [`Edition::contract`].
    pub fn new(edition: Edition, probe: &Probe) -> Result<Self, ContractError> {
        Ok(Self {
            edition,
            contract: edition.contract()?,
            probe: probe.clone(),
        })
    }

    async fn run(&self, cx: &Context, body: Bytes) -> Result<Answer> {
        match cx.head().interaction.as_str() {
            "echo" if self.edition.is_second() => {
                let Echo2 { message } = codec::decode(&body)?;
                let by = self.edition.text().to_owned();
                done(&Echoed2 { message, by })
            }
            "echo" | "added" => self.echo(&body),
            "fail" => fail(codec::decode(&body)?),
            "wait" => {
                self.probe.pass_gate().await;
                done(&Nothing {})
            }
            // Unwinding without the hook, so that the suite's output stays readable.
            "explode" => std::panic::resume_unwind(Box::new("secret of the handler")),
            "size" => {
                let Size { bytes } = codec::decode(&body)?;
                done(&Filler {
                    filler: "x".repeat(bytes),
                })
            }
            "inspect" => done(&seen(cx)),
            "meet" => {
                let meet: Meet = codec::decode(&body)?;
                self.probe
                    .until_count(&cx.head().interaction, meet.callers)
                    .await;
                done(&meet)
            }
            "raw" => Ok(Answer {
                outcome: Outcome::Done,
                body,
            }),
            "note" => self.note(cx, codec::decode(&body)?).await,
            "raw_note" => done(&Nothing {}),
            other => Err(Error::new(
                ErrorKind::Unsupported,
                format!("the sample has no {other}"),
            )),
        }
    }

    fn echo(&self, body: &[u8]) -> Result<Answer> {
        let Echo { text, number } = codec::decode(body)?;
        let by = self.edition.text().to_owned();
        match self.edition {
            Edition::V1_4 | Edition::V1_5 => {
                let length = Some(text.len() as u64);
                done(&Echoed {
                    text,
                    number,
                    by,
                    length,
                })
            }
            _ => done(&EchoedBefore { text, number, by }),
        }
    }

    async fn note(&self, cx: &Context, note: Note) -> Result<Answer> {
        let result = match note.behaviour {
            Behaviour::Done => Ok(Nothing {}),
            Behaviour::Busy { until } if cx.attempt() >= until => Ok(Nothing {}),
            Behaviour::Busy { .. } => Err(SampleError::Busy { wait_ms: 1 }),
            Behaviour::Refuse => Err(SampleError::NotFound {
                what: "note".to_owned(),
            }),
            Behaviour::Wait => {
                self.probe.pass_gate().await;
                Ok(Nothing {})
            }
            Behaviour::Panic => std::panic::resume_unwind(Box::new("secret of the handler")),
        };
        answer(result)
    }
}

impl Provider for Sample {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.contract.clone())
    }

    fn handle<'a>(&'a self, cx: &'a Context, body: Bytes) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            let guard = self.probe.enter(self.edition, cx, &body);
            let answer = self.run(cx, body).await;
            guard.finish();
            answer
        })
    }
}

fn done<R: serde::Serialize>(reply: &R) -> Result<Answer> {
    answer::<&R, SampleError>(Ok(reply))
}

fn fail(Fail { code }: Fail) -> Result<Answer> {
    match code.as_str() {
        "busy" => answer::<Nothing, _>(Err(SampleError::Busy { wait_ms: 250 })),
        "brand_new" => answer::<Nothing, _>(Err(LaterError::BrandNew {
            detail: "unknown to all".to_owned(),
        })),
        _ => answer::<Nothing, _>(Err(SampleError::NotFound { what: code })),
    }
}

fn seen(cx: &Context) -> Seen {
    let head = cx.head();
    let millis = |left: std::time::Duration| u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    Seen {
        version: cx.version().to_string(),
        remaining_ms: cx.remaining().map(millis),
        trace: cx.trace().map(ToString::to_string),
        trace_state: cx
            .trace()
            .and_then(|trace| trace.state().map(str::to_owned)),
        idempotency_key: cx.idempotency_key().map(str::to_owned),
        ordering_key: head.ordering_key.as_deref().map(str::to_owned),
        subject: cx.caller().subject().map(str::to_owned),
        id: cx.id().to_string(),
        attempt: cx.attempt(),
        metadata: cx
            .metadata()
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    }
}
