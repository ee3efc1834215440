//! The wire: a line of JSON, then as many bytes of payload as the line says.

use std::collections::BTreeMap;
use std::io::{Error as IoError, ErrorKind as IoErrorKind};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use polywire::contract::{Digest, Name, Requirement, Status, Version};
use polywire::core::{ContentType, Head, Kind, MessageId, Outcome, Reply, TraceContext};
use polywire::{Error, ErrorKind, Metadata, Result, Stamp, Token};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// The longest line taken, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// The line before a payload.
#[derive(Debug, Serialize, Deserialize)]
struct Line<T> {
    /// How many bytes of payload follow.
    bytes: usize,
    #[serde(flatten)]
    head: T,
}

/// What a consumer says about its call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    id: String,
    pub(crate) contract: Name,
    operation: Name,
    require: Requirement,
    content_type: String,
    /// The time left, so that clocks need not agree.
    timeout_ms: Option<u64>,
    attempt: u32,
    idempotency_key: Option<String>,
    ordering_key: Option<String>,
    traceparent: Option<String>,
    tracestate: Option<String>,
    token: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// What a provider says about its answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The payload is the reply.
    Done { stamp: Spoken },
    /// The payload is the application's error.
    Failed {
        stamp: Spoken,
        code: Name,
        retryable: bool,
    },
    /// The payload is a problem document (RFC 9457).
    Refused,
}

/// Which version was spoken, and by whom.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spoken {
    contract: Name,
    version: Version,
    digest: Option<Digest>,
    status: Status,
    since: Option<String>,
    sunset: Option<String>,
    link: Option<String>,
    offered: Vec<Version>,
    instance: Option<String>,
}

impl Request {
    pub(crate) fn new(head: &Head) -> Result<Self> {
        let require = head.requirement.clone();
        let require = require.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidPayload,
                "no version is required: state a range such as ^1.2",
            )
        })?;
        Ok(Self {
            id: head.id.to_string(),
            contract: head.contract.clone(),
            operation: head.interaction.clone(),
            require,
            content_type: head.content_type.to_string(),
            timeout_ms: head
                .remaining()
                .map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            attempt: head.attempt,
            idempotency_key: head.idempotency_key.as_deref().map(str::to_owned),
            ordering_key: head.ordering_key.as_deref().map(str::to_owned),
            traceparent: head.trace.as_ref().map(ToString::to_string),
            tracestate: head
                .trace
                .as_ref()
                .and_then(TraceContext::state)
                .map(str::to_owned),
            token: head.token.as_ref().map(|token| token.expose().to_owned()),
            metadata: head
                .metadata
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    pub(crate) fn into_head(self) -> Result<Head> {
        let mut head = Head::new(Kind::Operation, self.contract, self.operation);
        head.id = MessageId::parse(&self.id)?;
        head.requirement = Some(self.require);
        head.content_type = ContentType::parse(&self.content_type);
        head.deadline = self
            .timeout_ms
            .and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
        head.attempt = self.attempt;
        head.idempotency_key = self.idempotency_key.map(Into::into);
        head.ordering_key = self.ordering_key.map(Into::into);
        // A trace that cannot be read is no reason to refuse the call.
        let trace = self
            .traceparent
            .and_then(|text| text.parse::<TraceContext>().ok());
        head.trace = trace.map(|trace| trace.with_state(&self.tracestate.unwrap_or_default()));
        head.token = self.token.map(Token::new);
        let mut metadata = Metadata::new();
        for (key, value) in &self.metadata {
            metadata.insert(key, value)?;
        }
        head.metadata = metadata;
        Ok(head)
    }
}

impl Answer {
    /// The line and the payload for what became of a call.
    pub(crate) fn of(result: Result<Reply>) -> (Self, Bytes) {
        match result {
            Ok(Reply {
                stamp,
                outcome,
                body,
            }) => {
                let stamp = Spoken::new(&stamp);
                match outcome {
                    Outcome::Done => (Self::Done { stamp }, body),
                    Outcome::Failed { code, retryable } => (
                        Self::Failed {
                            stamp,
                            code,
                            retryable,
                        },
                        body,
                    ),
                }
            }
            Err(error) => (Self::Refused, error.to_problem().into()),
        }
    }

    pub(crate) fn into_reply(self, body: Bytes) -> Result<Reply> {
        let (stamp, outcome) = match self {
            Self::Done { stamp } => (stamp, Outcome::Done),
            Self::Failed {
                stamp,
                code,
                retryable,
            } => (stamp, Outcome::Failed { code, retryable }),
            Self::Refused => {
                let unknown = || {
                    Error::new(
                        ErrorKind::Internal,
                        "the provider refused the call and did not say why",
                    )
                };
                return Err(Error::from_problem(&body).unwrap_or_else(unknown));
            }
        };
        Ok(Reply {
            stamp: stamp.into_stamp().into(),
            outcome,
            body,
        })
    }
}

impl Spoken {
    fn new(stamp: &Stamp) -> Self {
        let Stamp {
            contract,
            version,
            digest,
            status,
            since,
            sunset,
            link,
            offered,
            instance,
        } = stamp.clone();
        let (offered, instance) = (offered.to_vec(), instance.as_deref().map(str::to_owned));
        Self {
            contract,
            version,
            digest,
            status,
            since,
            sunset,
            link,
            offered,
            instance,
        }
    }

    fn into_stamp(self) -> Stamp {
        let Self {
            contract,
            version,
            digest,
            status,
            since,
            sunset,
            link,
            offered,
            instance,
        } = self;
        let (offered, instance) = (offered.into(), instance.map(Into::into));
        Stamp {
            contract,
            version,
            digest,
            status,
            since,
            sunset,
            link,
            offered,
            instance,
        }
    }
}

/// Writes a line and its payload.
pub(crate) async fn write<T: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    head: T,
    body: &[u8],
) -> Result<(), IoError> {
    let mut line = serde_json::to_vec(&Line {
        bytes: body.len(),
        head,
    })?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.write_all(body).await?;
    to.flush().await
}

/// Reads a line and its payload, neither longer than its bound.
pub(crate) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
    max_payload: usize,
) -> Result<(T, Bytes), IoError> {
    let mut line = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') {
        return Err(IoErrorKind::UnexpectedEof.into());
    }
    let Line { bytes, head } = serde_json::from_slice(&line)?;
    if bytes > max_payload {
        return Err(IoErrorKind::FileTooLarge.into());
    }
    let mut body = BytesMut::with_capacity(bytes);
    let mut from = from.take(bytes as u64);
    while from.read_buf(&mut body).await? > 0 {}
    if body.len() < bytes {
        return Err(IoErrorKind::UnexpectedEof.into());
    }
    Ok((head, body.freeze()))
}
