//! One connection: TLS, the version of HTTP, and its requests.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::watch::{Activity, Entered, Order};
use crate::config::Protocol;
use crate::server::{Limits, Server};

/// How many requests one HTTP/2 connection may have open at once.
const STREAMS: u32 = 256;

/// How connections speak.
#[derive(Debug)]
pub(super) struct Protocols {
    builder: Builder<TokioExecutor>,
    handshake: Duration,
}

impl Protocols {
    pub(super) fn new(limits: &Limits, protocol: Protocol) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            // The watch of the listener does this for all connections with one timer.
            .header_read_timeout(None)
            .max_buf_size(limits.max_header_bytes.max(8192));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(Some(limits.idle_timeout))
            .keep_alive_timeout(limits.header_timeout);
        let builder = match protocol {
            Protocol::Auto => builder,
            Protocol::Http1 => builder.http1_only(),
            Protocol::Http2 => builder.http2_only(),
        };
        Self {
            builder,
            handshake: limits.header_timeout,
        }
    }
}

pub(super) async fn serve(
    stream: TcpStream,
    server: Arc<Server>,
    protocols: &Protocols,
    tls: Option<TlsAcceptor>,
    entered: Entered,
) {
    let activity = entered.activity.clone();
    let counted = Counted {
        io: stream,
        activity: activity.clone(),
    };
    match tls {
        None => speak(counted, activity, server, protocols).await,
        Some(tls) => match timeout(protocols.handshake, tls.accept(counted)).await {
            Ok(Ok(encrypted)) => speak(encrypted, activity, server, protocols).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn speak<I>(io: I, activity: Arc<Activity>, server: Arc<Server>, protocols: &Protocols)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watched = activity.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (server, busy) = (
            server.clone(),
            activity.begin(request.version() >= Version::HTTP_2),
        );
        async move {
            let answer = server.handle(request).await;
            Ok::<_, Infallible>(answer.map(|body| body.until(busy)))
        }
    });
    let mut connection = pin!(
        protocols
            .builder
            .serve_connection(TokioIo::new(io), service)
    );
    let mut finishing = false;
    poll_fn(|cx| {
        watched.waker.register(cx.waker());
        match watched.order() {
            Order::Cut => return Poll::Ready(()),
            Order::Finish if !finishing => {
                finishing = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Finish | Order::GoOn => {}
        }
        connection.as_mut().poll(cx).map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
        })
    })
    .await;
}

/// A socket whose reads are counted.
struct Counted {
    io: TcpStream,
    activity: Arc<Activity>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        let read = (buffer.filled().len() - before) as u64;
        if read > 0 {
            self.activity.read.fetch_add(read, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
