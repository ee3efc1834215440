//! Requests and their replies as signed CloudEvents.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use polywire_core::cloudevent::{self, CloudEvent};
use polywire_core::contract::Name;
use polywire_core::{
    ContentType, Dispatched, Error, ErrorKind, Head, Kind, Outcome, PROBLEM_MEDIA_TYPE, Problem,
    Reply, Result, Stamp, Token,
};

use super::{SUBSCRIPTION, sign};
use crate::signature::Signed;

/// The headers of a signed request or reply. The token is its own proof, so it is not signed.
pub(crate) fn request_headers(
    signed: &Signed,
    id: &str,
    token: Option<&Token>,
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(cloudevent::MEDIA_TYPE),
    );
    sign(&mut headers, signed)?;
    let id = HeaderValue::from_str(id)
        .map_err(|_| Error::new(ErrorKind::Integrity, "the id of a caller is no header"))?;
    headers.insert(SUBSCRIPTION, id);
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, polywire_http::bearer(token)?);
    }
    Ok(headers)
}

/// What a request came to, as an event: the payload, or a problem document.
pub(crate) fn reply(
    head: &Head,
    request: &str,
    stamp: &Stamp,
    answer: Result<Reply>,
) -> Result<String> {
    let (stamp, media, body) = match answer {
        Ok(Reply {
            stamp,
            outcome: Outcome::Done,
            body,
        }) => (stamp, ContentType::JSON, body),
        Ok(Reply {
            stamp,
            outcome: Outcome::Failed { code, retryable },
            body,
        }) => {
            let document = Problem::write_application(&code, retryable, &body)?;
            (stamp, ContentType::parse(PROBLEM_MEDIA_TYPE), document)
        }
        Err(error) => (
            std::sync::Arc::new(stamp.clone()),
            ContentType::parse(PROBLEM_MEDIA_TYPE),
            error.to_problem().into(),
        ),
    };
    let mut answer = Head::new(head.kind, head.contract.clone(), head.interaction.clone());
    answer.content_type = media;
    answer.stamp = Some(stamp);
    let mut event = CloudEvent::of(&answer, &body);
    event.contractreplyto = Some(request.to_owned());
    event.to_json()
}

/// The reply or the error that an event carries.
pub(crate) fn read_reply(contract: &Name, event: &CloudEvent<'_>) -> Result<Reply> {
    let body = event.body()?;
    let stamp = event.stamp(contract)?.ok_or_else(|| {
        let text = "a reply without the version it was spoken at";
        Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::Yes)
    })?;
    let problem = event
        .datacontenttype
        .as_deref()
        .is_some_and(|media| media.starts_with(PROBLEM_MEDIA_TYPE));
    if !problem {
        return Ok(Reply {
            stamp: stamp.into(),
            outcome: Outcome::Done,
            body,
        });
    }
    let application = serde_json::from_slice::<Problem<'_>>(&body)
        .ok()
        .and_then(|problem| problem.application(&body));
    match application {
        Some((outcome, body)) => Ok(Reply {
            stamp: stamp.into(),
            outcome,
            body,
        }),
        None => Err(problem_of(&body)),
    }
}

/// The error of a problem document.
pub(crate) fn problem_of(body: &Bytes) -> Error {
    Error::from_problem(body).unwrap_or_else(|| {
        Error::new(
            ErrorKind::Integrity,
            "the provider's refusal is no problem document of ours",
        )
    })
}

/// What a request is, as its event says it.
pub(crate) fn kind_of(event: &CloudEvent<'_>) -> Option<Kind> {
    [Kind::Operation, Kind::Command]
        .into_iter()
        .find(|kind| event.contractkind.as_deref() == Some(kind.to_string().as_str()))
}
