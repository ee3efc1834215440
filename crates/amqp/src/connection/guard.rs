//! A filter between the socket and the client library, which reads what any peer of the broker wrote without a bound on
//! nesting and ends the connection over a text that is not UTF-8. The message would come again, and end the next one.
//!
//! It changes bytes in place and never how many there are: a table nested too deep becomes an array of bytes, and what is
//! no UTF-8 in a short text becomes something that is.

mod scan;
mod utf8;

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use lapin::tcp::AsyncTcpStream;
use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;

use scan::Scanner;

/// The runtime whose connections are guarded.
pub(super) type Guarded = RuntimeParts<Tokio, Guards>;

/// Tokio's, of the task that asks.
pub(super) fn runtime() -> Runtime<Guarded> {
    let tokio = Tokio::current();
    Runtime::new(RuntimeParts::new(tokio.clone(), Guards(tokio)))
}

/// A socket, encrypted or not.
pub(super) type Socket = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

/// Makes guarded streams.
#[derive(Clone, Debug)]
pub(super) struct Guards(Tokio);

impl Reactor for Guards {
    type TcpStream = Guard;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Guard, _>(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Guard>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(Guard::new(Socket::Plain(connecting.await?))) }
    }
}

/// A stream of frames in which nothing can harm their reader.
pub(super) struct Guard {
    socket: Socket,
    scanner: Scanner,
}

impl Guard {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            scanner: Scanner::default(),
        }
    }
}

/// The name of the library's thread that reads frames.
const READER: &str = "lapin-io-loop";

thread_local! {
    /// The reader logs each message whole that the broker returns, tokens included, so on its thread nothing is logged. What
    /// is worth knowing of it is logged by the supervisor of its connection.
    static SILENCE: Option<DefaultGuard> = (thread::current().name() == Some(READER))
        .then(|| tracing::dispatcher::set_default(&Dispatch::none()));
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        SILENCE.with(|_| ());
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if let Poll::Ready(Ok(count)) = &read {
            self.scanner
                .pass(buffer.get_mut(..*count).unwrap_or_default());
        }
        read
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        SILENCE.with(|_| ());
        let read = Pin::new(&mut self.socket).poll_read_vectored(cx, buffers);
        if let Poll::Ready(Ok(count)) = &read {
            let mut left = *count;
            for buffer in buffers {
                let filled = left.min(buffer.len());
                self.scanner
                    .pass(buffer.get_mut(..filled).unwrap_or_default());
                left -= filled;
            }
        }
        read
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}
