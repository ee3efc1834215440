//! Connections, and what is answered on them.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::header::{
    AGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, IF_NONE_MATCH, LAST_MODIFIED,
    LOCATION,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use polywire_contract::Digest;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::{Fault, Shared};

type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (shared, tls) = (shared.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move {
            let method = request.method().to_string();
            let path = path(request.uri().path());
            let answer = answer(&shared, request, &path).await;
            let status = answer.status().as_u16();
            shared.answered.lock().push((method, path, status));
            Ok::<_, Infallible>(answer)
        }
    });
    // What becomes of a connection is the client's to tell.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// What stands after `/plugins/`.
fn path(full: &str) -> String {
    let below = full.strip_prefix("/plugins/").unwrap_or("elsewhere");
    below.replace("%2B", "+")
}

async fn answer(shared: &Shared, request: Request<Incoming>, path: &str) -> Response<Body> {
    if let Some(token) = &shared.token {
        let wanted = format!("Bearer {token}");
        let found = request.headers().get(AUTHORIZATION);
        if found.is_none_or(|found| found.as_bytes() != wanted.as_bytes()) {
            return status(401);
        }
    }
    let fault = {
        let faults = shared.faults.lock();
        let found = faults.iter().find(|(below, _)| path.starts_with(&**below));
        found.map(|(_, fault)| fault.clone())
    };
    let own = shared.root.join(path);
    let acks = path.starts_with("acks/") && !shared.read_only;
    match (request.method(), fault) {
        (_, Some(Fault::Status(code))) => status(code),
        (_, Some(Fault::Hangs)) => std::future::pending().await,
        (&Method::GET, fault) => file(&own, &request, fault),
        (&Method::PUT, _) if acks => put(&own, request).await,
        (&Method::DELETE, _) if acks => match fs::remove_file(&own) {
            Ok(()) => status(204),
            Err(_) => status(404),
        },
        _ => status(405),
    }
}

async fn put(own: &Path, request: Request<Incoming>) -> Response<Body> {
    let Ok(body) = request.into_body().collect().await else {
        return status(400);
    };
    let aside = own.with_extension(format!("{:x}", rand::random::<u64>()));
    let written = fs::write(&aside, body.to_bytes()).and_then(|()| fs::rename(&aside, own));
    status(if written.is_ok() { 201 } else { 409 })
}

fn file(own: &Path, request: &Request<Incoming>, fault: Option<Fault>) -> Response<Body> {
    let bytes = match &fault {
        Some(Fault::Instead(bytes)) => bytes.clone(),
        _ => match fs::read(own) {
            Ok(bytes) => bytes,
            Err(_) => return status(404),
        },
    };
    let tag = match &fault {
        Some(Fault::OneTag(_)) => "\"one\"".to_owned(),
        _ => format!("\"{}\"", Digest::of(&bytes)),
    };
    let honest = matches!(fault, None | Some(Fault::Instead(_) | Fault::OneTag(_)));
    let same = request.headers().get(IF_NONE_MATCH).filter(|_| honest);
    if same.is_some_and(|same| same.as_bytes() == tag.as_bytes()) {
        return status(304);
    }
    let (size, half) = (bytes.len(), bytes.len() / 2);
    let answer = Response::builder().header(ETAG, tag);
    let answer = match fault {
        Some(Fault::Endless(pause)) => answer.body(endless(pause)),
        Some(Fault::Drips(pause)) => answer
            .header(CONTENT_LENGTH, size)
            .body(endless(Some(pause))),
        Some(Fault::Redirects(place)) => {
            answer.status(302).header(LOCATION, place).body(full(bytes))
        }
        Some(Fault::Compresses) => answer.header(CONTENT_ENCODING, "gzip").body(full(bytes)),
        Some(Fault::Truncates) => {
            let part = Ok(Frame::data(Bytes::copy_from_slice(&bytes[..half])));
            let end = stream::once(async {
                // What was answered before has left by then.
                tokio::time::sleep(Duration::from_millis(10)).await;
                Err(io::Error::other("the server gives up"))
            });
            let body = StreamBody::new(stream::iter([part]).chain(end));
            answer
                .header(CONTENT_LENGTH, size)
                .body(BodyExt::boxed_unsync(body))
        }
        Some(Fault::Unsized) => {
            let body = StreamBody::new(stream::iter([Ok(Frame::data(Bytes::from(bytes)))]));
            answer.body(BodyExt::boxed_unsync(body))
        }
        Some(Fault::OneTag(age)) => {
            let written = httpdate::fmt_http_date(SystemTime::now() - age);
            answer.header(LAST_MODIFIED, written).body(full(bytes))
        }
        Some(Fault::Aged(seconds)) => answer.header(AGE, seconds).body(full(bytes)),
        _ => answer.body(full(bytes)),
    };
    answer.unwrap()
}

/// Large pieces as fast as they are taken, or a byte after each pause.
fn endless(pause: Option<Duration>) -> Body {
    let bytes = stream::repeat(()).then(move |()| async move {
        let data = match pause {
            None => Bytes::from_static(&[b' '; 64 << 10]),
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Bytes::from_static(b" ")
            }
        };
        Ok(Frame::data(data))
    });
    BodyExt::boxed_unsync(StreamBody::new(bytes))
}

fn full(bytes: Vec<u8>) -> Body {
    let body = Full::new(Bytes::from(bytes));
    body.map_err(|never| match never {}).boxed_unsync()
}

fn status(code: u16) -> Response<Body> {
    let mut answer = Response::new(full(Vec::new()));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    answer
}
