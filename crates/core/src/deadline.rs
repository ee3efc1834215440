//! Waiting until a deadline, or until anything else ends the wait.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

/// What ends a wait. Boxed, as most waits never get as far as having one, and futures without it stay small.
pub(crate) type End<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What a future gives before the deadline; `None` after it.
///
/// Unlike [`tokio::time::timeout_at`] it sets no timer for a future that is ready at once, as a call within the process is.
pub(crate) fn until<F>(deadline: Instant, work: F) -> impl Future<Output = Option<F::Output>>
where
    F: Future + Unpin,
{
    // Unconstrained, so that work which uses up the task's budget each time does not outlive its deadline.
    unless(work, move || Box::pin(unconstrained(sleep_until(deadline))))
}

/// What a future gives before something ends the wait; `None` after it. What ends it is made when the future first waits.
pub(crate) fn unless<'a, F, M>(work: F, end: M) -> impl Future<Output = Option<F::Output>>
where
    F: Future + Unpin,
    M: FnOnce() -> End<'a>,
{
    Unless {
        work,
        end: Some(end),
        ending: None,
    }
}

/// Written out, as an `async fn` holds what it is given twice.
struct Unless<'a, F, M> {
    work: F,
    end: Option<M>,
    ending: Option<End<'a>>,
}

impl<F, M> Unpin for Unless<'_, F, M> {}

impl<'a, F: Future + Unpin, M: FnOnce() -> End<'a>> Future for Unless<'a, F, M> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = Pin::new(&mut self.work).poll(cx) {
            return Poll::Ready(Some(output));
        }
        if let Some(end) = self.end.take() {
            self.ending = Some(end());
        }
        match &mut self.ending {
            Some(ending) => ending.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_wins_over_a_deadline_that_has_passed() {
        let passed = Instant::now();
        assert_eq!(until(passed, pin!(async { 7 })).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn ends_at_the_deadline() {
        let begin = Instant::now();
        let deadline = begin + Duration::from_secs(3);
        assert_eq!(until(deadline, std::future::pending::<()>()).await, None);
        assert_eq!(begin.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn work_that_never_rests_ends_too() {
        let deadline = Instant::now() + Duration::from_millis(20);
        let restless = pin!(async {
            loop {
                tokio::task::consume_budget().await;
            }
        });
        let waited = tokio::time::timeout(Duration::from_secs(30), until::<_>(deadline, restless));
        assert!(matches!(waited.await, Ok(None)));
    }
}
