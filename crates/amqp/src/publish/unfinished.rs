//! Work that must be brought to its end although nobody waits for it any more.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

/// How long abandoned work may take to end.
const LIMIT: Duration = Duration::from_secs(60);

/// A future that goes on by itself when it is dropped half done.
///
/// A publish whose confirm is dropped would stay in the library's memory, and its channel could not be used again.
pub(crate) struct Unfinished<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    begun: bool,
}

impl<F: Future<Output: Send> + Send + 'static> Unfinished<F> {
    pub(crate) fn new(work: F) -> Self {
        Self {
            work: Some(Box::pin(work)),
            begun: false,
        }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Unfinished<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.begun = true;
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let done = work.as_mut().poll(cx);
        if done.is_ready() {
            self.work = None;
        }
        done
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Unfinished<F> {
    fn drop(&mut self) {
        let Some(work) = self.work.take().filter(|_| self.begun) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // Beyond the limit the connection is gone too.
                let _ = tokio::time::timeout(LIMIT, work).await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::sync::oneshot;

    use super::*;

    /// Work that waits for a sign, and tells when it is done.
    fn work() -> (
        oneshot::Sender<()>,
        oneshot::Receiver<()>,
        impl Future<Output = ()> + Send,
    ) {
        let (go, sign) = oneshot::channel();
        let (tell, done) = oneshot::channel();
        let work = async move {
            // The sign is given, or its giver is gone.
            let _ = sign.await;
            let _ = tell.send(());
        };
        (go, done, work)
    }

    #[tokio::test]
    async fn what_is_dropped_half_done_comes_to_its_end() {
        let (go, done, work) = work();
        let mut unfinished = Box::pin(Unfinished::new(work));
        assert!(poll!(&mut unfinished).is_pending());
        drop(unfinished);
        go.send(()).unwrap();
        done.await.unwrap();
    }

    #[tokio::test]
    async fn what_never_began_is_forgotten() {
        let (_go, done, work) = work();
        drop(Unfinished::new(work));
        done.await.unwrap_err();
    }
}
