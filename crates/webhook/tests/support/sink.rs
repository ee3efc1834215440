//! A real HTTP server on this machine, which answers as it is told and remembers what it saw.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const SOON: Duration = Duration::from_secs(30);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Which one of its path it is, from 1.
    pub(crate) number: usize,
    /// How many of its path were under way with it, itself included.
    pub(crate) together: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

pub(crate) type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;
type Answer = dyn Fn(Seen) -> BoxFuture<'static, Reply> + Send + Sync;

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    /// Of each path, how many came and how many are under way.
    counts: Mutex<HashMap<String, [usize; 2]>>,
    open: AtomicUsize,
}

/// One request under way.
struct UnderWay(Arc<Log>, String);

impl Log {
    fn enter(self: &Arc<Self>, path: &str) -> (UnderWay, [usize; 2]) {
        let mut counts = self.counts.lock();
        let counts = counts.entry(path.to_owned()).or_default();
        counts[0] += 1;
        counts[1] += 1;
        (UnderWay(self.clone(), path.to_owned()), *counts)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(counts) = self.0.counts.lock().get_mut(&self.1) {
            counts[1] -= 1;
        }
    }
}

pub(crate) struct Sink {
    /// `http://127.0.0.1:port` or `https://hooks.example.com:port`.
    pub(crate) url: String,
    log: Arc<Log>,
    counted: watch::Receiver<usize>,
    serving: JoinHandle<()>,
}

impl Sink {
    /// Answers every request as `answer` says.
    pub(crate) async fn start<F: Future<Output = Reply> + Send + 'static>(
        answer: impl Fn(Seen) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::serve(None, Arc::new(move |seen| Box::pin(answer(seen)))).await
    }

    /// The same for `hooks.example.com`, encrypted.
    pub(crate) async fn encrypted<F: Future<Output = Reply> + Send + 'static>(
        config: ServerConfig,
        answer: impl Fn(Seen) -> F + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::serve(Some(acceptor), Arc::new(move |seen| Box::pin(answer(seen)))).await
    }

    /// Answers `204` to everything.
    pub(crate) async fn accepting() -> Self {
        Self::start(async |_| status(204)).await
    }

    async fn serve(tls: Option<TlsAcceptor>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Log::default());
        let (count, counted) = watch::channel(0);
        let url = match &tls {
            None => format!("http://127.0.0.1:{port}"),
            Some(_) => format!("https://hooks.example.com:{port}"),
        };
        let kept = log.clone();
        let serving = tokio::spawn(async move {
            // Ended with the sink.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (tls, answer, log, count) =
                    (tls.clone(), answer.clone(), kept.clone(), count.clone());
                connections.spawn(async move {
                    match tls {
                        None => connection(stream, answer, log, count).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, answer, log, count).await;
                            }
                        }
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            url,
            log,
            counted,
            serving,
        }
    }

    /// Everything that came, in the order in which it came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().clone()
    }

    pub(crate) fn count(&self) -> usize {
        *self.counted.borrow()
    }

    /// What came to a path, by `webhook-id`.
    pub(crate) fn ids(&self, path: &str) -> Vec<String> {
        let seen = self.log.seen.lock();
        let of_path = seen.iter().filter(|seen| seen.path == path);
        of_path.map(|seen| seen.id().to_owned()).collect()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn wait(&self, count: usize) {
        let mut counted = self.counted.clone();
        let waited = tokio::time::timeout(SOON, counted.wait_for(|counted| *counted >= count));
        let waited = waited.await.map(|waited| waited.is_ok());
        assert_eq!(
            waited,
            Ok(true),
            "{count} requests, of which {} came",
            self.count()
        );
    }

    /// How many requests wait for an answer.
    pub(crate) fn under_way(&self) -> usize {
        self.log
            .counts
            .lock()
            .values()
            .map(|counts| counts[1])
            .sum()
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.log.open.load(Ordering::SeqCst)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: Arc<Answer>,
    log: Arc<Log>,
    count: watch::Sender<usize>,
) {
    log.open.fetch_add(1, Ordering::SeqCst);
    let counted = log.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, log, count) = (answer.clone(), log.clone(), count.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let path = head.uri.path().to_owned();
            let (under_way, [number, together]) = log.enter(&path);
            let seen = Seen {
                method: head.method,
                path,
                version: head.version,
                headers: head.headers,
                body,
                number,
                together,
            };
            let length = {
                let mut all = log.seen.lock();
                all.push(seen.clone());
                all.len()
            };
            count.send_if_modified(|count| {
                let more = *count < length;
                *count = length.max(*count);
                more
            });
            let reply = answer(seen).await;
            drop(under_way);
            Ok::<_, hyper::Error>(reply)
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    let served = server.serve_connection(TokioIo::new(stream), service);
    // Whoever leaves in the middle is no concern of it.
    let _ = served.await;
    counted.open.fetch_sub(1, Ordering::SeqCst);
}

/// An answer without a body.
pub(crate) fn status(code: u16) -> Reply {
    full(code, "")
}

/// An answer with one.
pub(crate) fn full(code: u16, body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).boxed_unsync();
    Response::builder().status(code).body(body).unwrap()
}

/// An answer with a header.
pub(crate) fn with(code: u16, name: &str, value: &str) -> Reply {
    let mut reply = status(code);
    let name: http::HeaderName = name.parse().unwrap();
    reply.headers_mut().insert(name, value.parse().unwrap());
    reply
}

/// An answer whose body comes a byte at a time and never ends.
pub(crate) fn dripping(every: Duration) -> Reply {
    let drops = stream::unfold((), move |()| async move {
        tokio::time::sleep(every).await;
        Some((Ok(Frame::data(Bytes::from_static(b"."))), ()))
    });
    Response::new(BodyExt::boxed_unsync(StreamBody::new(drops.boxed())))
}

/// An answer whose body comes as fast as it is taken and never ends.
pub(crate) fn huge() -> Reply {
    let block = Bytes::from(vec![b'x'; 64 * 1024]);
    let blocks = stream::repeat(block).map(|block| Ok(Frame::data(block)));
    Response::new(BodyExt::boxed_unsync(StreamBody::new(blocks.boxed())))
}
